"""Log lines: JSON, with the ids that follow a message, and without secrets or people's words."""

import asyncio
import io
import json
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from models.errors import WrongSetting
from security.redaction import pseudonym
from telemetry.logs import RedactingFilter, configure, following, forget_old, parse_levels

CANARIES = ("34600111222", "my canary words", "wamid.HBgLMzQ2MDAxMTEyMjI", "EAAcanaryCanary12", "canary-app-secret")


class Page:
    """What was logged so far, and a way to log to it."""

    def __init__(self, level: str = "DEBUG") -> None:
        self.stream = io.StringIO()
        self.handler = configure(level, stream=self.stream, secrets=["canary-app-secret"], pseudonym_key=b"k" * 32)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def page() -> Iterator[Page]:
    root, level = logging.getLogger(), logging.getLogger().level
    page = Page()
    yield page
    root.removeHandler(page.handler)
    root.setLevel(level)
    for room in ("store", "whatsapp"):
        logging.getLogger(room).setLevel(logging.NOTSET)
    structlog.reset_defaults()


def test_a_line_is_json_with_its_fields(page: Page) -> None:
    logging.getLogger("store.inbox").info("messages kept", extra={"rows": 3, "kind": "text"})
    line = page.lines()[0]
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "messages kept", "logger": "store.inbox", "level": "info", "rows": 3, "kind": "text"}


def test_a_structlog_logger_writes_the_same(page: Page) -> None:
    structlog.get_logger("store.inbox").info("messages kept", rows=3)
    line = page.lines()[0]
    assert (line["event"], line["logger"], line["level"], line["rows"]) == ("messages kept", "store.inbox", "info", 3)


async def test_ids_follow_a_message_through_its_tasks_as_pseudonyms(page: Page) -> None:
    async def step() -> None:
        logging.getLogger("actors").info("step")

    with following(message_id="wamid.X", contact_id="34600111222", turn=7):
        await asyncio.create_task(step())
    logging.getLogger("actors").info("after")
    inside, after = page.lines()
    assert inside["message_id"] == pseudonym("wamid.X")
    assert inside["contact_id"] == pseudonym("34600111222")
    assert inside["turn"] == 7
    assert "message_id" not in after


@pytest.mark.parametrize("canary", CANARIES)
def test_no_canary_is_written(page: Page, canary: str) -> None:
    ours, foreign = logging.getLogger("whatsapp.client"), logging.getLogger("some.library")
    ours.info("sent", extra={"text": canary, "phone": canary, "reply": {"body": canary}, "wamid": canary})
    with following(message_id=canary, contact_id=canary):
        ours.info("followed")
    if canary != "my canary words":  # only an exception or a private key may hold words, and both are dropped
        foreign.warning("calling %s with %r", canary, {"to": canary})
        structlog.get_logger().info("calling", to=canary)
        _fail(foreign, ValueError(f"cannot take {canary}"))
    _fail(foreign, RuntimeError(f"bad row\n[SQL: INSERT]\n[parameters: ('{canary}', 1)]\n(Background on this error)"))
    assert canary not in page.stream.getvalue()
    assert len(page.lines()) >= 3


def _fail(logger: logging.Logger, error: Exception) -> None:
    try:
        raise error
    except Exception:
        logger.exception("failed")


def test_a_traceback_is_kept_for_whoever_must_act(page: Page) -> None:
    _fail(logging.getLogger("store"), KeyError("column"))
    line = page.lines()[0]
    assert "KeyError: 'column'" in line["exception"]
    assert "in _fail" in line["exception"]


def test_rooms_have_levels_of_their_own(page: Page) -> None:
    configure("WARNING,store=DEBUG", stream=page.stream)
    logging.getLogger("store.inbox").debug("told")
    logging.getLogger("whatsapp.client").info("not told")
    assert [line["event"] for line in page.lines()] == ["told"]


def test_levels_are_read_by_name() -> None:
    assert parse_levels("") == {"": logging.INFO}
    assert parse_levels(" debug , store = WARNING") == {"": logging.DEBUG, "store": logging.WARNING}


@pytest.mark.parametrize("text", ["LOUD", "store=", "=DEBUG", "store=LOUD", "store DEBUG", "store=NOTSET"])
def test_a_wrong_level_is_named(text: str) -> None:
    with pytest.raises(WrongSetting, match="PARLEY_LOG_LEVEL"):
        parse_levels(text)


def test_configuring_again_does_not_write_twice(page: Page) -> None:
    configure("INFO", stream=page.stream)
    logging.getLogger("store").info("once")
    assert len(page.lines()) == 1


def test_a_line_with_odd_values_is_still_written(page: Page) -> None:
    logging.getLogger("store").info(
        "not utf-8 \udcff", extra={"raw_bytes": b"\xff", "loop": [set("a")], "odd": object()}
    )
    # Straight to our handler: pytest's own handler raises on a wrong format.
    page.handler.handle(logging.LogRecord("store", logging.INFO, "x.py", 1, "odd %d", ("no number",), None))
    assert [line["event"] for line in page.lines()] == ["not utf-8 \udcff", "odd %d"]


def test_a_file_is_written_and_rotated(tmp_path: Path, page: Page) -> None:
    path = tmp_path / "a folder" / "ingress.jsonl"
    handler = configure("INFO", file=path)
    logging.getLogger("store").info("kept")
    handler.close()
    logging.getLogger().removeHandler(handler)
    assert json.loads(path.read_text())["event"] == "kept"


def test_handlers_of_the_engine_are_guarded_too(page: Page) -> None:
    written = io.StringIO()
    serve, engine_handler = logging.getLogger("ray.serve"), logging.StreamHandler(written)
    serve.addHandler(engine_handler)
    try:
        configure("INFO", stream=page.stream)
        configure("INFO", stream=page.stream)
        assert [type(each) for each in engine_handler.filters] == [RedactingFilter]
        _fail(serve, ValueError("call 34600111222"))
    finally:
        serve.removeHandler(engine_handler)
    assert "ValueError: call <number>" in written.getvalue()
    assert "34600111222" not in written.getvalue()


def test_logs_that_nobody_writes_any_more_are_removed(tmp_path: Path) -> None:
    for name, age_days in {"sender-1.jsonl": 15, "sender-1.jsonl.1": 15, "sender-2.jsonl": 13, "owner.log": 15}.items():
        (tmp_path / name).write_text("{}")
        at = time.time() - age_days * 86_400
        os.utime(tmp_path / name, (at, at))
    forget_old(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["owner.log", "sender-2.jsonl"]
