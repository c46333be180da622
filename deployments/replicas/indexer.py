"""The replica that makes documents findable."""

from typing import TYPE_CHECKING

from deployments.replicas.roster import EMBEDDER
from deployments.replicas.worker import Acting, WorkerReplica

if TYPE_CHECKING:
    from uuid import UUID

    from deployments.connections import Connections
    from models.passage import ExtractedDocument, Passage


class IndexerReplica(WorkerReplica):
    """Makes documents findable."""

    name = "indexer"

    async def _make(self, connections: "Connections", owner: str) -> Acting:
        from actors.indexer import Indexer
        from deployments.connections import passages
        from deployments.embedding.tokens import count_tokens
        from deployments.handles import LazyHandle, ServeEmbedder
        from knowledge.extract import extract
        from knowledge.split import split
        from store.documents import Documents

        def cut(document: "ExtractedDocument", document_id: "UUID") -> "list[Passage]":
            return split(document, document_id=document_id, count_tokens=count_tokens)

        index = passages(connections)
        await index.prepare()
        embedder = ServeEmbedder(LazyHandle(*EMBEDDER))
        return Indexer(owner, Documents(connections.database), embedder, index, extract, cut)
