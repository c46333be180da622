"""JSON lines from every logger of a process, ours and foreign ones alike, with secrets and people's words taken out.

Use `logging.getLogger(__name__)` and `extra=` everywhere; call `configure` once inside each replica, since Serve sets
up logging of its own before our code runs. One rule: nothing leaves a process around the redaction at the end.
"""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from models.errors import WrongSetting
from security.redaction import pseudonym, redact_fields, redactor, use_pseudonym_key

_SETTING = "PARLEY_LOG_LEVEL"
_LEVELS = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})
_FILE_BYTES = 10 * 1024 * 1024
_FILES_KEPT = 4
KEPT = timedelta(days=14)  # of a process that has ended
# These tell every request or reconnect at INFO; what matters of it is told by our own rooms.
_CHATTY = ("httpx", "httpcore", "httpx2", "httpcore2", "pymilvus", "asyncio", "uvicorn.access")
# These have handlers of their own, which write to Ray's files; they get the redaction as a filter.
_FOREIGN = ("ray", "ray.serve", "ray.data", "uvicorn", "uvicorn.error", "uvicorn.access", "vllm")

Clean = Callable[[str], str]


def configure(
    level: str = "INFO",
    *,
    stream: TextIO | None = None,
    file: Path | None = None,
    secrets: Iterable[str] = (),
    pseudonym_key: bytes | None = None,
) -> logging.Handler:
    """Make this process log JSON lines; a second call replaces the first.

    Args:
        level: one for all and some by room, such as "INFO,store=DEBUG,whatsapp=WARNING".
        stream: where lines go; the process's own standard error where neither it nor `file` is given.
        file: one file for each process, rotated at 10 MB, 4 old ones kept.
        secrets: values never to be shown, such as app secrets and access tokens.
        pseudonym_key: the same in all processes, so that an id has the same pseudonym everywhere.
    Raises:
        WrongSetting: names PARLEY_LOG_LEVEL.
    """
    levels = parse_levels(level)
    if pseudonym_key is not None:
        use_pseudonym_key(pseudonym_key)
    clean = redactor(secrets)
    handler = _handler(stream, file)
    handler.setFormatter(_formatter(clean))
    _replace_ours(logging.getLogger(), handler)
    _set_levels(levels)
    _guard_foreign_handlers(clean)
    _let_structlog_follow()
    return handler


def forget_old(folder: Path, kept: timedelta = KEPT) -> None:
    """Remove log files that no process has written to for this long: each replica leaves one behind."""
    oldest = time.time() - kept.total_seconds()
    for file in folder.glob("*.jsonl*"):
        if file.stat().st_mtime < oldest:
            file.unlink(missing_ok=True)


def parse_levels(text: str) -> dict[str, int]:
    """Read "INFO,store=DEBUG" as levels by logger name; the root's name is "", its default INFO.

    Raises:
        WrongSetting: a part is no level, or no room and level.
    """
    levels = {"": logging.INFO}
    for part in filter(None, map(str.strip, text.split(","))):
        room, equals, name = part.rpartition("=")
        if name.strip().upper() not in _LEVELS or (equals and not room.strip()):
            raise WrongSetting(f"{_SETTING} should be like 'INFO,store=DEBUG', with levels of {sorted(_LEVELS)}.")
        levels[room.strip()] = logging.getLevelNamesMapping()[name.strip().upper()]
    return levels


@contextmanager
def following(*, message_id: str | None = None, contact_id: str | None = None, **fields: object) -> Iterator[None]:
    """Put the ids that follow a message on every line inside the block; both ids become pseudonyms.

    Holds for the running task and the tasks it starts.
    """
    ids = {"message_id": message_id, "contact_id": contact_id}
    bound = {name: pseudonym(value) for name, value in ids.items() if value is not None}
    with structlog.contextvars.bound_contextvars(**bound, **fields):
        yield


class RedactingFilter(logging.Filter):
    """For handlers that are not ours: what they write is redacted, the traceback with it."""

    def __init__(self, clean: Clean) -> None:
        super().__init__()
        self._clean = clean

    def filter(self, record: logging.LogRecord) -> bool:
        # The traceback joins the message: some formatters print `exc_text`, others only `exc_info`.
        text = _message(record)
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        record.msg, record.args = self._clean(text), ()
        record.exc_info = record.exc_text = record.stack_info = None
        return True


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # a wrong format string must not lose the line
        return str(record.msg)


def _handler(stream: TextIO | None, file: Path | None) -> logging.Handler:
    if file is None:
        # Not `sys.stderr`: inside a replica Serve may have put its own logger there, and lines would go round.
        return logging.StreamHandler(stream or sys.__stderr__ or sys.stderr)
    file.parent.mkdir(parents=True, exist_ok=True)
    return _RotatingFile(file, maxBytes=_FILE_BYTES, backupCount=_FILES_KEPT, encoding="utf-8")


class _RotatingFile(RotatingFileHandler):
    """The original formats every line twice, the first time only to know its length; redaction makes that dear."""

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802 - the library's name
        """Rotate when the file has reached its size: the last line may stand out over it."""
        if self.stream is None:
            self.stream = self._open()
        return self.stream.tell() >= self.maxBytes


class _Formatter(ProcessorFormatter):
    def format(self, record: logging.LogRecord) -> str:
        try:
            return super().format(record)
        except (TypeError, ValueError):  # a wrong format string must not lose the line
            plain = logging.makeLogRecord(record.__dict__ | {"msg": str(record.msg), "args": ()})
            return super().format(plain)


def _formatter(clean: Clean) -> ProcessorFormatter:
    return _Formatter(
        foreign_pre_chain=[*_shared(), structlog.stdlib.ExtraAdder()],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _redaction(clean),
            # After the redaction, which may not know every form of an instant.
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
    )


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
    ]


def _redaction(clean: Clean) -> Processor:
    def redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> Mapping[str, Any]:
        for left_by_others in ("message", "asctime", "_ray_timestamp_ns"):
            event.pop(left_by_others, None)
        return redact_fields(event, clean)

    return redact_event


def _replace_ours(root: logging.Logger, handler: logging.Handler) -> None:
    for old in [each for each in root.handlers if isinstance(each.formatter, ProcessorFormatter)]:
        root.removeHandler(old)
        old.close()
    # First, since the redaction of a foreign handler of the root (vLLM's) changes the record for those after it.
    root.handlers.insert(0, handler)


def _set_levels(levels: Mapping[str, int]) -> None:
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name, level in levels.items():
        logging.getLogger(name or None).setLevel(level)


def _guard_foreign_handlers(clean: Clean) -> None:
    for handler in {each for name in _FOREIGN for each in logging.getLogger(name).handlers}:
        for old in [each for each in handler.filters if isinstance(each, RedactingFilter)]:
            handler.removeFilter(old)
        handler.addFilter(RedactingFilter(clean))


def _let_structlog_follow() -> None:
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.PositionalArgumentsFormatter(), ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
