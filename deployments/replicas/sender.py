"""The replica that sends what is queued."""

from typing import TYPE_CHECKING

from deployments.replicas.worker import Acting, WorkerReplica

if TYPE_CHECKING:
    from deployments.connections import Connections


class SenderReplica(WorkerReplica):
    """Sends what is queued."""

    name = "sender"

    async def _make(self, connections: "Connections", owner: str) -> Acting:
        from actors.sender import Sender
        from deployments.connections import graph
        from store.outbox import Outbox

        return Sender(owner, Outbox(connections.database, connections.keyring), graph(connections))
