"""Makes documents findable: claims them, reads, cuts, embeds, writes the index, and only then calls them indexed."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

from actors.keeper import ClaimingActor, Keeper
from actors.loop import Loop
from actors.ports import DocumentClaims, Embedder, PassageIndex
from models.errors import DocumentRejected, LeaseLost, MachineFailed, ParleyError, SearchRefused
from models.passage import DocumentState, ExtractedDocument, Passage, Vector
from store.documents import MOST_TRIES, ClaimedDocument
from telemetry.metrics import DOCUMENTS, LEASES_LOST

logger = logging.getLogger(__name__)

EMBED_BATCH = 32  # passages a call: small enough that a question in between does not wait long
LOOK_EVERY = timedelta(milliseconds=500)  # nobody waits for a document as for an answer
DRAIN_GRACE_S = 20.0

Extract = Callable[[bytes, str], Awaitable[ExtractedDocument]]
Split = Callable[[ExtractedDocument, UUID], list[Passage]]


class Indexer(ClaimingActor[UUID]):
    """One replica's worth of reading."""

    def __init__(
        self,
        owner: str,
        claims: DocumentClaims,
        embedder: Embedder,
        index: PassageIndex,
        extract: Extract,
        split: Split,
    ) -> None:
        """Take the ports; `owner` is this indexer's unique name on its leases."""
        self._owner = owner
        self._claims = claims
        self._embedder = embedder
        self._index = index
        self._extract = extract
        self._split = split
        self._served: UUID | None = None  # the tenant whose turn was last
        self._unsure: dict[UUID, UUID] = {}  # documents to be written once more, and their tenants
        # One file at a time: parsing and embedding fill a processor each.
        keeper: Keeper[UUID] = Keeper("indexer", lambda keys: claims.renew(owner, keys), most=1)
        super().__init__(
            Loop("indexer", self._step, pause=LOOK_EVERY), keeper, held_as="documents_under_way", grace_s=DRAIN_GRACE_S
        )

    async def drain(self) -> None:
        """Finish the document under way, or leave it to another indexer."""
        await super().drain()
        try:
            await self._mend()
        except ParleyError:
            logger.warning("documents may be out of date in the search index", extra={"documents": len(self._unsure)})

    async def _step(self) -> bool:
        await self._mend()
        if self._keeper.free == 0:
            return False
        for claimed in await self._claims.claim(self._owner, self._keeper.free, self._served):
            self._served = claimed.tenant_id
            self._keeper.begin(claimed.id, self._work(claimed))
        return False

    async def _work(self, claimed: ClaimedDocument) -> None:
        try:
            await (self._forget(claimed) if claimed.state is DocumentState.REMOVED else self._index_one(claimed))
        except LeaseLost:
            LEASES_LOST.add(1, loop="indexer")
        except Exception as error:  # a document's own failure must not end the indexer
            await self._note_failure(claimed, error)

    async def _index_one(self, claimed: ClaimedDocument) -> None:
        try:
            document = await self._extract(claimed.content, claimed.name)
        except DocumentRejected as error:
            await self._reject(claimed, str(error))
            return
        passages = await asyncio.to_thread(self._split, document, claimed.id)
        vectors = await self._embed(passages)
        async with self._writing(claimed):
            await self._index.replace(claimed.tenant_id, claimed.id, passages, vectors)
            await self._claims.indexed(claimed, document.title, passages)
        DOCUMENTS.add(1, state=DocumentState.INDEXED)
        logger.info("document indexed", extra={"document": str(claimed.id), "passages": len(passages)})

    async def _reject(self, claimed: ClaimedDocument, reason: str) -> None:
        async with self._writing(claimed):
            await self._index.replace(claimed.tenant_id, claimed.id, [], [])  # what an older file said
            await self._claims.reject(claimed, reason)
        DOCUMENTS.add(1, state=DocumentState.REJECTED)
        logger.info("document rejected", extra={"document": str(claimed.id)})

    async def _embed(self, passages: Sequence[Passage]) -> list[Vector]:
        vectors: list[Vector] = []
        for start in range(0, len(passages), EMBED_BATCH):
            batch = passages[start : start + EMBED_BATCH]
            vectors.extend(await self._embedder.embed([passage.context for passage in batch]))
        return vectors

    async def _forget(self, claimed: ClaimedDocument) -> None:
        async with self._writing(claimed):
            await self._index.replace(claimed.tenant_id, claimed.id, [], [])
            await self._claims.forget(claimed)
        DOCUMENTS.add(1, state=DocumentState.REMOVED)

    @asynccontextmanager
    async def _writing(self, claimed: ClaimedDocument) -> AsyncIterator[None]:
        """Write to the search index, and commit, while the claim is ours.

        Milvus knows no fence: an indexer that pauses after the question may write over what its successor wrote. So
        whatever does not end in a commit is done once more.
        """
        await self._claims.confirm(claimed)
        try:
            yield
        except SearchRefused:  # an answer: nothing was written, and nothing is under way
            raise
        except BaseException:  # cancelled, too: the write may be under way
            self._unsure[claimed.id] = claimed.tenant_id
            raise

    async def _mend(self) -> None:
        for document_id, tenant_id in list(self._unsure.items()):
            if not await self._claims.index_again(document_id):
                await self._index.replace(tenant_id, document_id, [], [])  # forgotten meanwhile
            del self._unsure[document_id]

    async def _note_failure(self, claimed: ClaimedDocument, error: Exception) -> None:
        """Try again later; a document that keeps failing for no neighbour's fault is rejected in the end."""
        expected = isinstance(error, MachineFailed)
        logger.log(
            logging.WARNING if expected else logging.ERROR,
            "document not indexed",
            extra={"document": str(claimed.id)},
            exc_info=None if expected else error,
        )
        try:
            is_worn_out = claimed.tries + 1 >= MOST_TRIES and claimed.state is not DocumentState.REMOVED
            if is_worn_out and not expected:
                await self._reject(claimed, "This document could not be processed; please send it again.")
            else:
                await self._claims.fail(claimed)
        except ParleyError:
            logger.info("could not give a document back", extra={"document": str(claimed.id)})
