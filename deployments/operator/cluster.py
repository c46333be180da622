"""What Ray knows of the cluster, as the operator application's ports."""

import asyncio
from collections.abc import Sequence
from typing import Any

import ray
from ray import serve

from deployments.operator.ports import ApplicationStatus, DeploymentStatus, NodeAgent


async def node_agents() -> Sequence[NodeAgent]:
    """Give the agent of every node that the cluster believes alive."""
    nodes = await asyncio.to_thread(ray.nodes)  # a call to the head: blocking, so in a thread
    return [
        NodeAgent(address=node["NodeManagerAddress"], port=max(node["MetricsExportPort"], 0))
        for node in nodes
        if node["Alive"]
    ]


async def applications() -> Sequence[ApplicationStatus]:
    """Give all applications of this cluster, by name."""
    status = await asyncio.to_thread(serve.status)
    return [_application(name, overview) for name, overview in sorted(status.applications.items())]


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
