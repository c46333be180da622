"""The process in which one file is read, and then no more: `extract` starts it, writes to it and reads its answer.

Parsers of strangers' files crash, loop and grow; here that ends this process alone. Once the parser is loaded the
process can open no file and no socket, so that no address inside a document can ever be fetched.

In: one line of JSON (`name` and the limits), then the file.
Out: one JSON object: `title` and `sections`, or `rejected`.
"""

import codecs
import json
import os
import resource
import signal
import sys
from importlib import import_module
from typing import Any

from knowledge.formats.blocks import assemble
from knowledge.formats.sniff import detect
from models.errors import DocumentRejected
from models.passage import ExtractedDocument

TOO_HEAVY = "The file needs too much memory to be read; split it into smaller ones."
DAMAGED = "The file could not be read; it may be damaged. Save it again and upload it once more."

# Each is a file that Python and the parsers load at first use, and there is no opening files later.
_MODULES = ("heapq", "_strptime", "unicodedata")
_CODECS = (
    "ascii utf-8-sig latin-1 cp437 cp1250 cp1251 cp1252 cp1253 cp1254 iso8859-2 iso8859-9 iso8859-15 koi8-r utf-16"
    " utf-16-le utf-16-be utf-32 utf-32-le utf-32-be shift_jis euc-jp euc-kr gb18030 big5"
)


def main() -> None:
    """Read one file from standard input, answer on standard output, and leave without any clean-up of the parsers."""
    order = json.loads(sys.stdin.buffer.readline())
    _bound(order)
    sys.stdout.buffer.write(json.dumps(_answer(order["name"])).encode("ascii"))
    sys.stdout.flush()
    os._exit(0)


def _bound(order: dict[str, Any]) -> None:
    """Limit this process; the alarm is for the day when the one who started it is no longer there to end it."""
    _limit(resource.RLIMIT_AS, order["memory_bytes"])
    _limit(resource.RLIMIT_CPU, order["processor_s"], grace=1)  # at the hard limit comes SIGKILL, which tells nothing
    _limit(resource.RLIMIT_CORE, 0)
    signal.alarm(order["wall_s"] + 5)


def _limit(what: int, most: int, grace: int = 0) -> None:
    _, hard = resource.getrlimit(what)
    bound = most + grace if hard == resource.RLIM_INFINITY else min(most + grace, hard)
    resource.setrlimit(what, (min(most, bound), bound))


def _answer(name: str) -> dict[str, Any]:
    try:
        return _as_json(_read(sys.stdin.buffer.read(), name))
    except DocumentRejected as rejected:
        return {"rejected": str(rejected)}
    except MemoryError:
        return {"rejected": TOO_HEAVY}
    except Exception as error:  # whatever a parser trips over: a damaged file is its owner's to mend
        return {"rejected": DAMAGED, "cause": type(error).__name__}


def _read(content: bytes, name: str) -> ExtractedDocument:
    parser = import_module(f"knowledge.formats.{detect(content, name).value}")
    _close_the_door()
    return assemble(parser.read(content), name)


def _close_the_door() -> None:
    """Let nothing be opened or written from here on: only the three streams stay."""
    for codec in _CODECS.split():
        codecs.lookup(codec)
    for module in _MODULES:
        import_module(module)
    _limit(resource.RLIMIT_NOFILE, 3)
    _limit(resource.RLIMIT_FSIZE, 0)


def _as_json(document: ExtractedDocument) -> dict[str, Any]:
    sections = [{"text": s.text, "headings": s.headings, "page": s.page} for s in document.sections]
    return {"title": document.title, "sections": sections}
