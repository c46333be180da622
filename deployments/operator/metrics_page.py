"""One scrape shows the whole: the nodes' figures and the queues of Postgres, in one page."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

import httpx2
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from deployments.operator.health import ReadinessProbe
from deployments.operator.pages import check, merge
from deployments.operator.ports import NodeAgent, OperatorPorts, within
from models.status import QueueDepths
from telemetry import metrics
from telemetry.instruments import PageGauge

# Together below Prometheus's default scrape time-out of 10 s.
_LIST_LIMIT_S = 2.0
_NODE_LIMIT_S = 5.0
_DEPTHS_LIMIT_S = 5.0
_NODES_AT_ONCE = 16
_PAGE_BYTES = 16 * 1024 * 1024  # of one node; an empty one has 0.3 MB

_DEPTH_GAUGES: Mapping[str, PageGauge] = {
    "inbox_unfinished": metrics.INBOX_UNFINISHED,
    "inbox_oldest_age_s": metrics.INBOX_OLDEST_AGE,
    "outbox_unsent": metrics.OUTBOX_UNSENT,
    "outbox_oldest_age_s": metrics.OUTBOX_OLDEST_AGE,
    "outbox_failed": metrics.OUTBOX_FAILED,
    "numbers_stopped": metrics.NUMBERS_STOPPED,
    "documents_waiting": metrics.DOCUMENTS_WAITING,
    "quarantined": metrics.QUARANTINED_ROWS,
    "dead": metrics.DEAD_ROWS,
    "people_waiting": metrics.PEOPLE_WAITING,
    "people_oldest_wait_s": metrics.PEOPLE_OLDEST_WAIT,
}

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class MetricsPage:
    """Gathers the page at each request; what is away is told by a figure, never by an error."""

    def __init__(self, ports: OperatorPorts, probe: ReadinessProbe, client: httpx2.AsyncClient) -> None:
        self._ports = ports
        self._probe = probe
        self._client = client
        self._slots = asyncio.Semaphore(_NODES_AT_ONCE)

    async def text(self) -> str:
        """Give the page, within some 7 s even if every neighbour is silent."""
        nodes, depths, is_ready = await asyncio.gather(
            self._nodes(),
            within(_DEPTHS_LIMIT_S, "queue depths", self._ports.queue_depths),
            self._probe.is_ready(),
        )
        # A page of a large cluster is megabytes: off the loop, which must answer health checks meanwhile.
        return await asyncio.to_thread(_joined, nodes, depths, is_ready)

    async def _nodes(self) -> dict[str, str | None]:
        agents: Sequence[NodeAgent] = await within(_LIST_LIMIT_S, "nodes", self._ports.node_agents) or ()
        pages = await asyncio.gather(*map(self._node, agents))
        return {agent.name: page for agent, page in zip(agents, pages, strict=True)}

    async def _node(self, agent: NodeAgent) -> str | None:
        async with self._slots:
            return await within(_NODE_LIMIT_S, f"node {agent.name}", lambda: self._fetch(agent))

    async def _fetch(self, agent: NodeAgent) -> str:
        received = bytearray()
        async with self._client.stream("GET", f"http://{agent.name}/metrics") as response:
            response.raise_for_status()
            async for piece in response.aiter_bytes():
                received += piece
                if len(received) > _PAGE_BYTES:
                    raise ValueError("the page of a node is too large")
        return await asyncio.to_thread(check, received.decode())


class _House(Collector):
    """The figures that belong to the whole house and to no process."""

    def __init__(self, nodes: Mapping[str, str | None], depths: QueueDepths | None, is_ready: bool) -> None:
        self._nodes = nodes
        self._depths = depths
        self._is_ready = is_ready

    def collect(self) -> Iterable[GaugeMetricFamily]:
        yield _family(metrics.READY, float(self._is_ready))
        node_up = GaugeMetricFamily(metrics.NODE_UP.exported_name, metrics.NODE_UP.question, labels=["node"])
        for name, page in self._nodes.items():
            node_up.add_metric([name], float(page is not None))
        yield node_up
        if self._depths is not None:  # unknown is left out: a zero would say that nothing waits
            for name, gauge in _DEPTH_GAUGES.items():
                yield _family(gauge, getattr(self._depths, name))


def _family(gauge: PageGauge, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(gauge.exported_name, gauge.question, value=value)


def _joined(nodes: Mapping[str, str | None], depths: QueueDepths | None, is_ready: bool) -> str:
    registry = CollectorRegistry()
    registry.register(_House(nodes, depths, is_ready))
    return merge([generate_latest(registry).decode(), *filter(None, nodes.values())])
