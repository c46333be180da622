"""The replica that sends what is queued."""

from actors.sender import Sender
from deployments.connections import Connections, graph
from deployments.replicas.worker import Acting, WorkerReplica
from store.outbox import Outbox


class SenderReplica(WorkerReplica):
    """Sends what is queued."""

    name = "sender"

    async def _make(self, connections: Connections, owner: str) -> Acting:
        return Sender(owner, Outbox(connections.database, connections.keyring), graph(connections))
