"""`python -m whatsapp.simulator` as a process."""

import asyncio
import signal
import socket
import sys
import time
from pathlib import Path

import httpx2

_ROOT = Path(__file__).parents[3]


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "whatsapp.simulator",
        *arguments,
        cwd=_ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_it_prints_its_page_and_stops_within_two_seconds_with_a_page_open() -> None:
    process = await start("--port", "0")
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 20)
    url = line.decode().removeprefix("Chat page: ").strip()
    await asyncio.wait_for(process.stdout.readline(), 5)
    async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=httpx2.Timeout(20)) as browser:
        for _ in range(200):  # the address is printed a moment before it is served
            try:
                assert "WhatsApp" in (await browser.get("/")).text
                break
            except httpx2.ConnectError:
                await asyncio.sleep(0.02)
        async with browser.stream("GET", "/simulator/events") as stream:
            assert stream.status_code == 200
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            _, errors = await asyncio.wait_for(process.communicate(), 5)
            assert time.monotonic() - began < 2
    assert errors == b""


async def test_a_taken_port_and_a_wrong_file_are_one_sentence_each(tmp_path: Path) -> None:
    wrong = tmp_path / "faults.json"
    wrong.write_text('{"graph": {"refused_share": 2}}')
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for arguments, sentence in (
            (("--port", port), b"choose another --port"),
            (("--port", "0", "--control-token-file", str(tmp_path / "none")), b"cannot read the control token file"),
            (("--port", "0", "--limits", str(tmp_path / "none")), b"cannot read"),
            (("--port", "0", "--faults", str(wrong)), b"graph.refused_share"),
        ):
            process = await start(*arguments)
            _, errors = await asyncio.wait_for(process.communicate(), 20)
            assert process.returncode == 1
            assert sentence in errors
            assert errors.count(b"\n") == 1


async def test_help_tells_a_newcomer_what_to_do() -> None:
    process = await start("--help")
    output, _ = await asyncio.wait_for(process.communicate(), 20)
    assert b"PARLEY_GRAPH_URL" in output
    assert b"--control-token-file" in output
