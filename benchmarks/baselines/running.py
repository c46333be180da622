"""Starts a baseline beside ours for the length of a block, and ends it."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.site import Site
from models.errors import MachineFailed

ROOT = Path(__file__).resolve().parents[2]
START_LIMIT_S = 60.0
STOP_LIMIT_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A program that runs."""

    webhook_url: str
    pid: int


@asynccontextmanager
async def running(program: str, site: Site) -> AsyncIterator[Baseline]:
    """Run a program of this folder, on the installation's own database server where it has one.

    Raises:
        MachineFailed: it did not start.
    """
    port, log = _free_port(), site.folder / f"{program}.log"
    secrets = {"BARE_DATABASE_URL": site.database_url, "BARE_SECRET": site.lines[0].app_secret}
    with log.open("wb") as told:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", f"benchmarks.baselines.{program}", str(port)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=told,
            stderr=told,
            env={**os.environ, **secrets, "PYTHONPATH": str(ROOT)},
        )
    try:
        await _wait_for(process, port, log)
        yield Baseline(webhook_url=f"http://127.0.0.1:{port}/webhooks/whatsapp", pid=process.pid)
    finally:
        await _end(process)


async def _wait_for(process: asyncio.subprocess.Process, port: int, log: Path) -> None:
    try:
        async with asyncio.timeout(START_LIMIT_S):
            while not await _listens(port):
                if process.returncode is not None:
                    told = await asyncio.to_thread(log.read_text)
                    raise MachineFailed(f"The baseline {log.stem} did not start: {told[-300:].strip()}")
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise MachineFailed(f"The baseline {log.stem} did not start within {START_LIMIT_S:.0f} s.") from None


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(STOP_LIMIT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
