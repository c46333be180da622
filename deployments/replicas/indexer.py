"""The replica that makes documents findable."""

from uuid import UUID

from actors.indexer import Indexer
from deployments.connections import Connections, passages
from deployments.embedding.tokens import count_tokens
from deployments.handles import LazyHandle, ServeEmbedder
from deployments.replicas.roster import EMBEDDER
from deployments.replicas.worker import Acting, WorkerReplica
from knowledge.extract import extract
from knowledge.split import split
from models.passage import ExtractedDocument, Passage
from store.documents import Documents


class IndexerReplica(WorkerReplica):
    """Makes documents findable."""

    name = "indexer"

    async def _make(self, connections: Connections, owner: str) -> Acting:
        index = passages(connections)
        await index.prepare()
        embedder = ServeEmbedder(LazyHandle(*EMBEDDER))
        return Indexer(owner, Documents(connections.database), embedder, index, extract, _split)


def _split(document: ExtractedDocument, document_id: UUID) -> list[Passage]:
    return split(document, document_id=document_id, count_tokens=count_tokens)
