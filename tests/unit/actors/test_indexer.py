"""The indexer: what becomes of a document that is read, cannot be read, is taken back, or meets a neighbour away."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from actors.indexer import EMBED_BATCH, Indexer
from models.errors import DocumentRejected, LeaseLost, StoreUnavailable
from models.passage import DocumentState, ExtractedDocument, Passage
from store.documents import MOST_TRIES, ClaimedDocument
from tests.factories import passage
from tests.twins.neighbours import TwinEmbedder, TwinPassages

TENANT = uuid4()


class Claims:
    """Documents that wait to be indexed, each claimed once; notes what became of them."""

    def __init__(self, *waiting: ClaimedDocument) -> None:
        self.waiting = list(waiting)
        self.became: list[tuple[object, ...]] = []
        self.error: Exception | None = None  # of every note
        self.is_lost = self.is_gone = False
        self.again: list[UUID] = []
        self.noted = asyncio.Event()
        self.served: UUID | None = None

    async def claim(self, owner: str, limit: int, after: UUID | None = None) -> list[ClaimedDocument]:
        self.served = after
        claims, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return claims

    async def renew(self, owner: str, keys: Collection[UUID]) -> set[UUID]:
        return set(keys)

    async def confirm(self, claimed: ClaimedDocument) -> None:
        if self.is_lost:
            raise LeaseLost("lost")

    async def index_again(self, document_id: UUID) -> bool:
        self.again.append(document_id)
        return not self.is_gone

    async def indexed(self, claimed: ClaimedDocument, title: str, cut: Sequence[Passage]) -> None:
        self._note("indexed", title, len(cut))

    async def reject(self, claimed: ClaimedDocument, reason: str) -> None:
        self._note("rejected", reason)

    async def forget(self, claimed: ClaimedDocument) -> None:
        self._note("forgotten")

    async def fail(self, claimed: ClaimedDocument) -> None:
        self._note("failed")

    def _note(self, *what: object) -> None:
        self.noted.set()
        if self.error is not None:
            raise self.error
        self.became.append(what)


class Bench:
    """An indexer of documents with one passage a line, each text embedded in the same direction."""

    def __init__(self) -> None:
        self.embedder, self.index = TwinEmbedder(), TwinPassages()
        self.extract_error: Exception | None = None
        self.claims = Claims()

    async def extract(self, content: bytes, name: str) -> ExtractedDocument:
        if self.extract_error is not None:
            raise self.extract_error
        return ExtractedDocument(title=content.decode(), sections=())

    def split(self, document: ExtractedDocument, document_id: UUID) -> list[Passage]:
        lines = enumerate(document.title.splitlines())
        return [passage(line, document_id=document_id, ordinal=place) for place, line in lines]

    def indexer(self) -> Indexer:
        return Indexer("indexer", self.claims, self.embedder, self.index, self.extract, self.split)

    async def work(self, claimed: ClaimedDocument) -> list[tuple[object, ...]]:
        """Let it work on one claim; give what was noted."""
        await self.indexer()._work(claimed)
        return self.claims.became

    async def found(self) -> list[str]:
        return sorted(one.passage.text for one in await self.index.search(TENANT, [1.0, 0.0], "", 1000))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def document(content: str = "We open at nine.", **fields: object) -> ClaimedDocument:
    values: dict[str, object] = {"state": DocumentState.RECEIVED, "fence": 1, "tries": 0, "id": uuid4()}
    whole = {**values, "due_at": datetime.now(UTC), **fields}
    return ClaimedDocument(tenant_id=TENANT, name="a.md", content=content.encode(), **whole)  # type: ignore[arg-type]


async def test_a_document_can_be_found_once_it_is_called_indexed(bench: Bench) -> None:
    assert await bench.work(document("one\ntwo")) == [("indexed", "one\ntwo", 2)]
    assert await bench.found() == ["one", "two"]


async def test_a_document_sent_again_holds_what_it_says_now(bench: Bench) -> None:
    key = uuid4()
    await bench.work(document("one\ntwo", id=key))
    await bench.work(document("three", id=key))
    assert await bench.found() == ["three"]


async def test_many_passages_are_embedded_in_small_batches_in_their_order(bench: Bench) -> None:
    lines = [f"line {place}" for place in range(2 * EMBED_BATCH + 1)]
    batches: list[int] = []
    embed = bench.embedder.embed

    async def counted(texts: Sequence[str]) -> list[list[float]]:
        batches.append(len(texts))
        return await embed(texts)

    bench.embedder.embed = counted  # type: ignore[method-assign]
    await bench.work(document("\n".join(lines)))
    assert batches == [EMBED_BATCH, EMBED_BATCH, 1]
    assert [text.splitlines()[-1] for text in bench.embedder.asked] == lines


async def test_what_cannot_be_read_is_rejected_with_its_reason_and_found_no_more(bench: Bench) -> None:
    key = uuid4()
    await bench.work(document("one", id=key))
    bench.extract_error = DocumentRejected("The file is empty.")
    assert (await bench.work(document("", id=key)))[1:] == [("rejected", "The file is empty.")]
    assert await bench.found() == []


async def test_a_removed_document_is_neither_read_nor_found(bench: Bench) -> None:
    key = uuid4()
    await bench.work(document("one", id=key))
    bench.extract_error = AssertionError("read")
    assert (await bench.work(document(id=key, state=DocumentState.REMOVED)))[1:] == [("forgotten",)]
    assert await bench.found() == []


@pytest.mark.parametrize("away", ["embedder", "index"])
async def test_a_neighbour_that_is_away_means_again_later_however_often(bench: Bench, away: str) -> None:
    bench.embedder.is_away = away == "embedder"
    bench.index.is_away = away == "index"
    assert await bench.work(document(tries=MOST_TRIES)) == [("failed",)]


@pytest.mark.parametrize(("tries", "became"), [(0, "failed"), (MOST_TRIES - 2, "failed"), (MOST_TRIES - 1, "rejected")])
async def test_a_document_that_keeps_failing_for_no_neighbours_fault_is_rejected_in_the_end(
    bench: Bench, tries: int, became: str, caplog: pytest.LogCaptureFixture
) -> None:
    bench.extract_error = ZeroDivisionError("odd")
    ((noted, *_),) = await bench.work(document(tries=tries))
    assert noted == became
    assert [record.levelno for record in caplog.records if record.name == "actors.indexer"] == [logging.ERROR]


@pytest.mark.parametrize(("tries", "became"), [(0, "failed"), (MOST_TRIES - 1, "rejected")])
async def test_passages_that_the_index_refuses_are_tried_a_few_times_and_leave_nothing_to_mend(
    bench: Bench, tries: int, became: str
) -> None:
    key = uuid4()
    await bench.work(document("one", id=key))
    bench.claims.became.clear()
    indexer = bench.indexer()
    await indexer._work(document("Q" * 20_000, id=key, tries=tries))
    await indexer._step()
    assert [what for what, *_ in bench.claims.became] == [became]
    assert bench.claims.again == []
    assert await bench.found() == ([] if became == "rejected" else ["one"])


async def test_a_removed_document_is_forgotten_however_often_that_failed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def odd(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(bench.index, "replace", odd)
    assert await bench.work(document(state=DocumentState.REMOVED, tries=MOST_TRIES)) == [("failed",)]


async def test_a_lost_lease_is_nobodys_failure(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.claims.error = LeaseLost("lost")
    assert await bench.work(document()) == []
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


async def test_nothing_is_written_once_the_claim_is_lost(bench: Bench) -> None:
    bench.claims.is_lost = True
    assert await bench.work(document()) == []
    assert await bench.found() == []


@pytest.mark.parametrize("is_gone", [False, True])
async def test_what_was_written_without_a_commit_is_done_once_more(bench: Bench, is_gone: bool) -> None:
    """It may have been written over what another indexer wrote; or after the document was forgotten."""
    indexer, claim = bench.indexer(), document()
    bench.claims.error, bench.claims.is_gone = LeaseLost("lost"), is_gone
    await indexer._work(claim)
    await indexer._step()
    await indexer._step()
    assert bench.claims.again == [claim.id]
    assert await bench.found() == ([] if is_gone else ["We open at nine."])


async def test_what_a_drain_cut_off_is_done_once_more(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    writing = asyncio.Event()

    async def endless(*_: object) -> None:
        writing.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(bench.index, "replace", endless)
    monkeypatch.setattr("actors.indexer.DRAIN_GRACE_S", 0.01)
    claim = document()
    bench.claims.waiting = [claim]
    indexer = bench.indexer()
    indexer.start()
    async with asyncio.timeout(10):
        await writing.wait()
        await indexer.drain()
    assert bench.claims.again == [claim.id]


async def test_a_store_that_cannot_note_a_failure_ends_nothing(bench: Bench) -> None:
    bench.extract_error, bench.claims.error = ZeroDivisionError(), StoreUnavailable("away")
    assert await bench.work(document()) == []


async def test_the_tenant_that_was_served_is_not_the_next(bench: Bench) -> None:
    bench.claims.waiting = [document()]
    indexer = bench.indexer()
    await indexer._step()
    async with asyncio.timeout(10):
        await bench.claims.noted.wait()
        await indexer._keeper.drain(1.0)
    await indexer._step()
    assert bench.claims.served == TENANT


async def test_it_reads_one_document_at_a_time_and_finishes_it_when_drained(bench: Bench) -> None:
    reading, may_end = asyncio.Event(), asyncio.Event()

    async def slow(content: bytes, name: str) -> ExtractedDocument:
        reading.set()
        await may_end.wait()
        return ExtractedDocument(title="one", sections=())

    bench.extract = slow  # type: ignore[method-assign]
    bench.claims.waiting = [document("one"), document("two")]
    indexer = bench.indexer()
    indexer.start()
    async with asyncio.timeout(10):
        await reading.wait()
        assert indexer.status()["documents_under_way"] == 1
        assert len(bench.claims.waiting) == 1
        draining = asyncio.create_task(indexer.drain())
        await asyncio.sleep(0)
        may_end.set()
        await draining
    assert bench.claims.became == [("indexed", "one", 1)]
    assert indexer.status()["documents_under_way"] == 0
