"""The replica that answers conversations."""

from typing import TYPE_CHECKING

from deployments.replicas.roster import EMBEDDER, GENERATOR
from deployments.replicas.worker import Acting, WorkerReplica

if TYPE_CHECKING:
    from deployments.connections import Connections


class ConversationReplica(WorkerReplica):
    """Answers conversations."""

    name = "conversation"

    async def _make(self, connections: "Connections", owner: str) -> Acting:
        from actors.conversation import ConversationWorker
        from actors.turn import TurnTaker
        from deployments.connections import passages
        from deployments.handles import LazyHandle, ServeAnswerer, ServeEmbedder
        from knowledge.extractive import ExtractiveAnswerer
        from store.conversations import Conversations
        from store.routing import Router
        from store.turns import Turns

        database, keyring = connections.database, connections.keyring
        index = passages(connections)
        await index.prepare()
        embedder = ServeEmbedder(LazyHandle(*EMBEDDER))
        ladder = (ServeAnswerer(LazyHandle(*GENERATOR)), ExtractiveAnswerer(embedder))
        return ConversationWorker(
            owner,
            Router(database, keyring),
            Conversations(database, keyring),
            Turns(database, keyring),
            TurnTaker(embedder, index, ladder),
        )
