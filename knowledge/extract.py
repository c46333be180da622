"""A business's file in, its text under its headings out; each file is read by a process of its own (`jail`)."""

import asyncio
import json
import logging
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from knowledge.jail import DAMAGED, TOO_HEAVY
from models.errors import DocumentRejected, MachineFailed
from models.passage import ExtractedDocument, Section

logger = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parent.parent
_START = "import sys; sys.path.insert(0, sys.argv[1]); from knowledge.jail import main; main()"
_TOO_SLOW = "The file takes too long to read; split it into smaller ones."
_TOO_MUCH_TEXT = "The file holds too much text for one document; split it into smaller ones."


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one file may cost."""

    content_bytes: int = 50 * 2**20
    text_bytes: int = 32 * 2**20  # of the answer, as JSON
    memory_bytes: int = 2**30  # address space of the process, its libraries included
    processor_s: int = 30
    wall: timedelta = timedelta(seconds=60)


_DEFAULT_LIMITS = Limits()


async def extract(content: bytes, name: str, *, limits: Limits = _DEFAULT_LIMITS) -> ExtractedDocument:
    """Read a PDF, DOCX, XLSX, HTML, Markdown, CSV or text file; which it is, its content says.

    Costs a process and 0.1 to 0.5 s for a small file; the caller bounds how many run at once.

    Args:
        name: the file's name as the business knows it; a title is made of it where the file has none.

    Raises:
        DocumentRejected: the file cannot be read; the message says why in one sentence for its owner. Not retryable.
        MachineFailed: the process could not be started, or was ended from outside. Retryable.
    """
    if len(content) > limits.content_bytes:
        raise DocumentRejected(f"The file is larger than {limits.content_bytes / 2**20:.3g} MB; split it.")
    answer = await _ask(_order(name, limits), content, limits)
    if "rejected" in answer:
        logger.info("document rejected", extra={"reason": answer["rejected"], "cause": answer.get("cause")})
        raise DocumentRejected(answer["rejected"])
    return _document(answer)


def _order(name: str, limits: Limits) -> bytes:
    order = {
        "name": name,
        "memory_bytes": limits.memory_bytes,
        "processor_s": limits.processor_s,
        "wall_s": int(limits.wall.total_seconds()) + 1,
    }
    return json.dumps(order).encode("ascii") + b"\n"


async def _ask(order: bytes, content: bytes, limits: Limits) -> dict[str, Any]:
    """Give what the jail answers, and leave no process behind, whatever happens."""
    process = await _start()
    try:
        async with asyncio.timeout(limits.wall.total_seconds()):
            answer = await _converse(process, order, content, limits.text_bytes)
            status = await process.wait()
    except TimeoutError as error:
        raise DocumentRejected(_TOO_SLOW) from error
    finally:
        await _end(process)
    if status != 0:
        raise _verdict(status)
    return dict(json.loads(answer))


async def _start() -> Process:
    """Start the jail with nothing of ours in its environment and no content in its arguments."""
    kept = {key: os.environ[key] for key in ("LD_LIBRARY_PATH",) if key in os.environ}  # some Pythons need it to start
    environment = {"LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "1", **kept}
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-X", "utf8", "-c", _START, str(_ROOT)),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,  # parsers print pieces of the file there
            cwd="/",
            env=environment,
            start_new_session=True,  # Ctrl-C at our terminal must not look like a damaged file
        )
    except OSError as error:
        raise MachineFailed("no process could be started to read a document") from error


async def _converse(process: Process, order: bytes, content: bytes, most_bytes: int) -> bytes:
    if process.stdin is None or process.stdout is None:
        raise TypeError("both are pipes, see _start")
    feeding = asyncio.create_task(_feed(process.stdin, order, content))
    try:
        answer = bytearray()
        while chunk := await process.stdout.read(2**16):
            answer += chunk
            if len(answer) > most_bytes:
                raise DocumentRejected(_TOO_MUCH_TEXT)
        return bytes(answer)
    finally:
        feeding.cancel()


async def _feed(stdin: asyncio.StreamWriter, order: bytes, content: bytes) -> None:
    with suppress(ConnectionError):  # it may answer, or die, before it has read all
        stdin.write(order)
        for start in range(0, len(content), 2**20):
            stdin.write(content[start : start + 2**20])
            await stdin.drain()
        stdin.close()


async def _end(process: Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
        await asyncio.shield(process.wait())


def _verdict(status: int) -> Exception:
    """Say who is to blame for an answer that did not come."""
    if status in (-signal.SIGXCPU, -signal.SIGALRM):
        return DocumentRejected(_TOO_SLOW)
    if status in (-signal.SIGTERM, -signal.SIGINT, -signal.SIGKILL, -signal.SIGHUP):
        return MachineFailed("the process that was reading a document was ended from outside")
    if status == -signal.SIGTRAP:  # PDFium's way to say that an allocation has failed
        return DocumentRejected(TOO_HEAVY)
    return DocumentRejected(DAMAGED)


def _document(answer: dict[str, Any]) -> ExtractedDocument:
    sections = (Section(text=s["text"], headings=tuple(s["headings"]), page=s["page"]) for s in answer["sections"])
    return ExtractedDocument(title=answer["title"], sections=tuple(sections))
