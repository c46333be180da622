"""The shape that the replicas of all workers share."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from actors.loop import Loop
    from deployments.connections import Connections


class Acting(Protocol):
    """The one shape of the actors."""

    def start(self) -> None: ...
    async def drain(self) -> None: ...
    def status(self) -> dict[str, object]: ...
    @property
    def loops(self) -> "tuple[Loop, ...]": ...


class WorkerReplica:
    """An actor in a replica; subclasses say which."""

    name = "worker"

    async def __init__(self) -> None:  # type: ignore[misc]  # Serve awaits constructors
        """Connect and begin to claim."""
        from deployments.connections import Connections, worker_name

        self._connections = Connections.open(self.name)
        self._actor = await self._make(self._connections, worker_name(self.name))
        self._actor.start()

    async def _make(self, connections: "Connections", owner: str) -> Acting:
        raise NotImplementedError

    async def status(self) -> dict[str, object]:
        """Tell operators how it is."""
        return self._actor.status()

    async def check_health(self) -> None:
        """Fail when a loop has died."""
        from actors.loop import require_alive

        require_alive(*self._actor.loops)

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Tell the autoscaler how much waits for all workers of this kind together."""
        from store.status import backlog

        return {"backlog": float(await backlog(self._connections.database, self.name))}

    async def __del__(self) -> None:
        """Claim nothing more, finish or give back. Serve does not drain loops of its own accord."""
        await self._actor.drain()
        await self._connections.database.close()
