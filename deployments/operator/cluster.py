"""What Ray knows of the cluster, as the operator application's ports."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import ray
from ray import serve

from deployments.operator.ports import ApplicationStatus, DeploymentStatus, NodeAgent

T = TypeVar("T")

# Both calls block until the head answers. Threads of their own, so that a silent head holds up these two and nothing
# else; a caller that gives up takes its call out of the queue.
_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="ask-the-head")


async def node_agents() -> Sequence[NodeAgent]:
    """Give the agent of every node that the cluster believes alive."""
    nodes = await _blocking(ray.nodes)
    return [
        NodeAgent(address=node["NodeManagerAddress"], port=max(node["MetricsExportPort"], 0))
        for node in nodes
        if node["Alive"]
    ]


async def applications() -> Sequence[ApplicationStatus]:
    """Give all applications of this cluster, by name."""
    status = await _blocking(serve.status)
    return [_application(name, overview) for name, overview in sorted(status.applications.items())]


async def _blocking(call: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(_THREADS, call)


def _application(name: str, overview: Any) -> ApplicationStatus:
    return ApplicationStatus(
        name=name,
        status=overview.status.value,
        message=overview.message,
        deployments=tuple(_deployment(*each) for each in sorted(overview.deployments.items())),
    )


def _deployment(name: str, overview: Any) -> DeploymentStatus:
    replicas = {str(getattr(state, "value", state)): count for state, count in overview.replica_states.items()}
    return DeploymentStatus(name=name, status=overview.status.value, message=overview.message, replicas=replicas)
