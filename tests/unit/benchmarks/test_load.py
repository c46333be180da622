"""Locust carries a plan out: every request is answered, noted and joined to its body."""

import asyncio
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.figures import by_leg, measured
from benchmarks.load import run_load
from benchmarks.plan import Leg, Plan
from benchmarks.workload import Line, Workload

LINE = Line(phone_number_id="70", digits="15550200000", waba_id="waba", app_secret="a secret")
ANSWER = b"HTTP/1.1 %d x\r\nContent-Length: 2\r\n\r\nok"


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer POSTs to /busy with 503 and all others with 200, for as long as the connection lasts."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            writer.write(ANSWER % (503 if b" /busy " in head else 200))
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


@pytest.mark.skipif(find_spec("locust") is None, reason="Locust comes with `make dev`")
async def test_a_plan_is_carried_out_in_its_order(tmp_path: Path) -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    legs = (
        Leg(target="ours", url=f"{url}/hook", kind="text", seconds=5, most=40, warm_up=True),
        Leg(target="ours", url=f"{url}/hook", kind="text", seconds=0.3, rate=100),
        Leg(target="busy", url=f"{url}/busy", kind="text", seconds=5, most=10),
    )
    plan = Plan(seed=7, connections=4, lines=(LINE,), legs=legs, pause_s=0.0)
    async with server:
        samples = await run_load(plan, tmp_path)
    found = by_leg(plan, samples)
    assert (found[0].requests, found[2].requests, found[2].failed) == (40, 0, 10)
    assert found[1].requests == len(measured(plan, samples, "ours")) > 10
    assert Counter(sample.leg for sample in samples)[1] == found[1].requests
    assert samples[0].id in {body.ids[0] for body in Workload(7, [LINE]).texts("0 ours", 4)}
    assert (tmp_path / "locust.html").exists()
