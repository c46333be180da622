"""A program: a small Ray cluster in which a process records every metric once, and the operator's page of it.

Prints the page. A program of its own, so that its cluster meets no other one of the tests.
"""

import asyncio
import os

from security.tokens import hash_token, new_token

os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=new_token(), RAY_USAGE_STATS_ENABLED="0")
os.environ.update(RAY_ENABLE_UV_RUN_RUNTIME_ENV="0", PYTHONPATH=os.getcwd())
# 10 s by default; the environment reaches the node's agent, too.
os.environ["RAY_metrics_report_interval_ms"] = "1000"  # noqa: SIM112 - Ray's own spelling

import ray

from deployments.operator import cluster
from deployments.operator.app import House
from deployments.operator.ports import OperatorPorts
from models.status import QueueDepths
from security.keyring import Keyring
from store.database import Database
from store.handoff import Handoff
from telemetry.instruments import Counter, Gauge, Histogram
from telemetry.metrics import DECLARED, LOOP_RUNNING, export_through_ray

_LIMIT_S = 60.0
_FORGOTTEN_AFTER_S = 5.0  # Ray keeps a gauge for two reports, here of a second each


class Worker:
    """Records each metric once, as a replica would."""

    def __init__(self) -> None:
        export_through_ray()

    def work(self) -> None:
        for metric in DECLARED.values():
            labels = dict.fromkeys(metric.labels, "x")
            if isinstance(metric, Counter):
                metric.add(2, **labels)
            elif isinstance(metric, Gauge):
                metric.set(1, **labels)
            elif isinstance(metric, Histogram):
                metric.observe(0.2, **labels)


async def _nothing() -> None: ...


async def _empty() -> QueueDepths:
    return QueueDepths()


async def _page() -> str:
    keyring = Keyring({"page": bytes(32)})
    house = House(
        OperatorPorts(
            can_keep=_nothing,
            queue_depths=_empty,
            node_agents=cluster.node_agents,
            applications=cluster.applications,
            token_hash=hash_token(new_token()),
            handoff=Handoff(Database("postgresql+asyncpg://nobody@127.0.0.1:1/nothing", name="page"), keyring),
        )
    )
    try:
        async with asyncio.timeout(_LIMIT_S):
            return await _complete(house)
    finally:
        await house.client.aclose()


async def _complete(house: House) -> str:
    # The gauge is the last to be declared, so it arrives with or after the others; nothing tells when. Once it is
    # there, it must still be there when Ray would have forgotten what was told only once.
    while f"\n{LOOP_RUNNING.exported_name}{{" not in await house.page.text():  # noqa: ASYNC110
        await asyncio.sleep(0.5)
    await asyncio.sleep(_FORGOTTEN_AFTER_S)
    return await house.page.text()


def main() -> None:
    ray.init(
        num_cpus=1,
        include_dashboard=False,
        object_store_memory=80 * 2**20,
        log_to_driver=False,
    )
    try:
        worker = ray.remote(num_cpus=0)(Worker).remote()
        ray.get(worker.work.remote(), timeout=_LIMIT_S)
        print(asyncio.run(_page()))  # noqa: T201 - read by the test
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
