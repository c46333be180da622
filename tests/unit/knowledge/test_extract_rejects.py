"""Bad files, each of which ends in one sentence for its owner, and the jail in which they are read."""

import asyncio
import os
import shutil
import zipfile
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import docx
import pytest

from knowledge import extract as extract_module
from knowledge.extract import Limits, extract
from models.errors import DocumentRejected, MachineFailed


def archive(**members: bytes) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in members.items():
            target.writestr(name.replace("__", "/").replace("_xml", ".xml"), content)
    return file.getvalue()


def locked_archive() -> bytes:
    plain = bytearray(archive(word__document_xml=b"<x/>"))
    plain[6] |= 1  # the flag of encryption, in the local header
    plain[plain.index(b"PK\x01\x02") + 8] |= 1  # and in the directory
    return bytes(plain)


BAD = {
    "empty": (b"", "is empty"),
    "blank": (b" \n\t ", "is empty"),
    "picture": (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "is a picture"),
    "program": (b"\x7fELF" + b"\0" * 50, "is a program"),
    "bytes": (bytes(range(256)) * 8, "encoding|not a text"),
    "binary": (b"abc\0\1\2\3" * 50, "not a text document"),
    "broken utf-16": (b"\xff\xfea\x00\x00\xd8b\x00", "UTF-8"),
    "cyrillic in an old encoding": ("Доставка по субботам".encode("cp1251"), "UTF-8"),
    "encrypted docx": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500 + "EncryptedPackage".encode("utf-16-le"),
        "password",
    ),
    "doc of 2003": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500, "old Office format"),
    "locked zip": (locked_archive(), "password"),
    "zip": (archive(readme=b"hello"), "ZIP archive"),
    "slides": (archive(ppt__presentation_xml=b"<x/>"), "presentation"),
    "zip bomb": (archive(word__document_xml=b"\0" * (40 * 2**20)), "far too large when unpacked"),
    "cut zip": (archive(word__document_xml=b"<x/>")[:-30], "damaged"),
    "docx without the rest": (archive(word__document_xml=b"<x/>"), "damaged"),
    "html without words": (b"<html><body><script>x()</script></body></html>", "no text"),
    "headings of a csv only": (b"\n\n,,,\n", "no text"),
}


@pytest.mark.parametrize(("content", "reason"), BAD.values(), ids=BAD)
async def test_a_bad_file_is_refused_with_a_reason(content: bytes, reason: str) -> None:
    with pytest.raises(DocumentRejected, match=reason) as refused:
        await extract(content, "file.csv")
    assert str(refused.value).endswith(".")


async def test_a_file_over_the_limit_is_not_even_read() -> None:
    with pytest.raises(DocumentRejected, match="larger than 50 MB"):
        await extract(bytes(50 * 2**20 + 1), "big.pdf")


async def test_an_entity_bomb_in_a_docx_ends_in_a_refusal() -> None:
    file = BytesIO()
    docx.Document().save(file)
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE x [<!ENTITY l0 "lol">{levels}]><w:document xmlns:w="http://schemas.openxmlformats.org/'
    bomb += 'wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>&l9;</w:t></w:r></w:p></w:body></w:document>'
    with zipfile.ZipFile(file) as source:
        parts = {name: source.read(name) for name in source.namelist()} | {"word/document.xml": bomb.encode()}
    again = BytesIO()
    with zipfile.ZipFile(again, "w") as target:
        for name, content in parts.items():
            target.writestr(name, content)
    with pytest.raises(DocumentRejected):
        await extract(again.getvalue(), "bomb.docx")


async def test_deeply_nested_html_ends_in_a_refusal() -> None:
    with pytest.raises(DocumentRejected):
        await extract(b"<html><body>" + b"<div>" * 5_000 + b"x", "deep.html")


async def test_too_little_memory_ends_in_a_refusal() -> None:
    with pytest.raises(DocumentRejected, match="too much memory"):
        await extract(b"a,b\n" + b"one,two\n" * 1_500_000, "big.csv", limits=Limits(memory_bytes=200 * 2**20))


async def test_too_much_processor_time_ends_in_a_refusal() -> None:
    with pytest.raises(DocumentRejected, match="too long"):
        await extract(b"- one *two* [three](x)\n" * 500_000, "big.md", limits=Limits(processor_s=1))


async def test_too_much_waiting_ends_in_a_refusal_and_leaves_no_process() -> None:
    limits = Limits(wall=timedelta(milliseconds=300))
    with pytest.raises(DocumentRejected, match="too long"):
        await extract(b"- one *two* [three](x)\n" * 500_000, "big.md", limits=limits)
    assert children() == set()


async def test_too_much_text_ends_in_a_refusal() -> None:
    with pytest.raises(DocumentRejected, match="too much text"):
        await extract(b"word " * 50_000, "a.txt", limits=Limits(text_bytes=10_000))


async def test_a_cancelled_reading_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    started, start = asyncio.Event(), extract_module._start

    async def start_and_tell() -> Process:
        process = await start()
        started.set()
        return process

    monkeypatch.setattr(extract_module, "_start", start_and_tell)
    reading = asyncio.create_task(extract(b"- one *two* [three](x)\n" * 500_000, "big.md"))
    await asyncio.wait_for(started.wait(), 10)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert children() == set()


async def test_a_reader_that_is_ended_from_outside_does_not_blame_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract_module, "_START", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)")
    with pytest.raises(MachineFailed):
        await extract(b"Fine.", "a.txt")


async def test_a_reader_that_crashes_blames_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract_module, "_START", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(DocumentRejected, match="damaged"):
        await extract(b"Fine.", "a.txt")


PROBES = {
    "opens a file": "open('/etc/hostname')",
    "opens a socket": "import _socket; _socket.socket()",
}


@pytest.mark.parametrize("probe", PROBES.values(), ids=PROBES)
async def test_in_the_jail_nothing_can_be_opened(monkeypatch: pytest.MonkeyPatch, probe: str) -> None:
    start = f"""
import sys; sys.path.insert(0, sys.argv[1])
import _socket
from knowledge import jail
jail._close_the_door()
try:
    {probe}
except OSError as error:
    print('{{"rejected": "shut with %d."}}' % error.errno)
"""
    monkeypatch.setattr(extract_module, "_START", start)
    with pytest.raises(DocumentRejected, match="shut with 24"):
        await extract(b"Fine.", "a.txt")


async def test_the_jail_knows_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_APP_SECRETS", "made-up")
    start = """import json, os; print(json.dumps({"rejected": " ".join([os.getcwd(), *sorted(os.environ)]) + "."}))"""
    monkeypatch.setattr(extract_module, "_START", start)
    with pytest.raises(DocumentRejected, match=r"^/ (LANG|LC_CTYPE|LD_LIBRARY_PATH|MALLOC_ARENA_MAX| )+\.$"):
        await extract(b"Fine.", "a.txt")


async def test_it_works_in_a_folder_with_a_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "my shop"
    for room in ("knowledge", "models"):
        source = Path(extract_module.__file__).parent.parent / room
        shutil.copytree(source, root / room, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(extract_module, "_ROOT", root)
    assert (await extract(b"# Hours\n\nFrom 9.", "a.md")).title == "Hours"


async def test_a_small_text_is_read_quickly(benchmark_of: Callable[[], Awaitable[float]]) -> None:
    assert await benchmark_of() < 1.5  # 0.15 s on a quiet machine; the bound is for a busy one


@pytest.fixture
def benchmark_of() -> Callable[[], Awaitable[float]]:
    async def best() -> float:
        took = []
        for _ in range(3):
            began = asyncio.get_running_loop().time()
            await extract(b"# Hours\n\nFrom 9.", "a.md")
            took.append(asyncio.get_running_loop().time() - began)
        return min(took)

    return best


def children() -> set[str]:
    """Give the processes of ours that read a document."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
                is_reader = b"knowledge.jail" in (entry / "cmdline").read_bytes()
            except (OSError, IndexError):
                continue
            if parent == str(os.getpid()) and is_reader:
                found.add(entry.name)
    return found
