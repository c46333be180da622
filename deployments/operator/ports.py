"""What the operator application needs of the house, handed in by whoever wires it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from models.status import QueueDepths
from store.handoff import Handoff

logger = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAgent:
    """Where one Ray node shows its figures."""

    address: str
    port: int  # 0 while the agent has not said where it listens

    @property
    def name(self) -> str:
        """Its address and port, as they stand in a URL."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentStatus:
    """One deployment, as the engine sees it."""

    name: str
    status: str
    message: str
    replicas: Mapping[str, int]  # how many by state, such as {"RUNNING": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationStatus:
    """One application, as the engine sees it."""

    name: str
    status: str
    message: str
    deployments: tuple[DeploymentStatus, ...] = ()


async def _nothing() -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorPorts:
    """Callables may raise anything and take any time: a limit is put on each call here."""

    can_keep: Callable[[], Awaitable[object]]  # returns when a message could be kept right now, raises otherwise
    queue_depths: Callable[[], Awaitable[QueueDepths]]
    node_agents: Callable[[], Awaitable[Sequence[NodeAgent]]]
    applications: Callable[[], Awaitable[Sequence[ApplicationStatus]]]
    workers: Callable[[], Awaitable[Mapping[str, Any]]] = _nothing  # what each loop says of itself, by name
    generator: Callable[[], Awaitable[Mapping[str, Any]]] = _nothing  # its `engine`, such as "vllm", and its `model`
    token_hash: str  # of the operator's bearer token, see `security.tokens.hash_token`
    handoff: Handoff  # raises what its own methods tell; the routes put a limit on each call
    versions: Mapping[str, str] = field(default_factory=dict)


async def within(limit_s: float, what: str, call: Callable[[], Awaitable[T]]) -> T | None:
    """Give what the call gives, or None when it raises or takes longer; why is logged, never raised."""
    try:
        async with asyncio.timeout(limit_s):
            return await call()
    except Exception as error:  # the edge: a part that is away must not take the page with it
        logger.warning("part of a page is missing", extra={"part": what, "error": type(error).__name__})
        return None
