"""The conversation worker, with twins: what becomes of a claim, whatever its turn comes to."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from actors.conversation import ConversationWorker
from actors.turn import TurnTaker
from knowledge.texts import Phrase, say
from models.conversation import ClosedTurn, OpenTurn
from models.errors import LeaseLost, StoreUnavailable
from models.message import OutboundMessage
from store.conversations import ClaimedConversation
from telemetry.instruments import MEMORY
from telemetry.metrics import TURNS
from tests.factories import open_turn
from tests.twins.neighbours import TwinAnswerer, TwinEmbedder, TwinPassages


class TwinStore:
    """Routing, claims and turns of one conversation; notes what became of the claim."""

    def __init__(self) -> None:
        self.became: list[str] = []
        self.closed: list[ClosedTurn] = []
        self.turn: OpenTurn | None = open_turn("When do you open?")
        self.open_error: Exception | None = None
        self.close_error: Exception | None = None
        self.farewell = ""
        self.is_taken_over = False

    async def route(self) -> int:
        return 0

    async def work_waits(self) -> bool:
        return True

    async def claim(self, owner: str, limit: int) -> list[ClaimedConversation]:
        return [claimed()]

    async def renew(self, owner: str, keys: set[UUID]) -> set[UUID]:
        return set(keys)

    async def give_back(self, claim: ClaimedConversation) -> None:
        self.became.append("given back")

    async def fail(self, claim: ClaimedConversation) -> None:
        self.became.append("failed")

    async def bury(self, claim: ClaimedConversation, reason: str, farewell: OutboundMessage) -> None:
        self.became.append("buried")
        self.farewell = farewell.body

    async def open(self, claim: ClaimedConversation) -> OpenTurn | None:
        if self.open_error:
            raise self.open_error
        return self.turn

    async def close(self, closed: ClosedTurn) -> ClosedTurn:
        if self.close_error:
            raise self.close_error
        self.became.append("closed")
        self.closed.append(closed)
        return replace(closed, answer=None, replies=()) if self.is_taken_over else closed

    async def nothing_left(self, claim: ClaimedConversation) -> None:
        self.became.append("let go")


def claimed(*, is_worn_out: bool = False) -> ClaimedConversation:
    return ClaimedConversation(id=uuid4(), fence=1, claimed_at=datetime.now(UTC), is_worn_out=is_worn_out)


async def work(store: TwinStore, *, is_worn_out: bool = False, answerer: TwinAnswerer | None = None) -> list[str]:
    taker = TurnTaker(TwinEmbedder(), TwinPassages(), [answerer or TwinAnswerer()])
    worker = ConversationWorker("worker", store, store, store, taker)  # type: ignore[arg-type]
    await worker._work(claimed(is_worn_out=is_worn_out))
    return store.became


async def test_a_turn_is_taken_and_closed() -> None:
    store = TwinStore()
    assert await work(store) == ["closed"]
    assert [reply.body for reply in store.closed[0].replies] == ["At nine."]


@pytest.mark.parametrize(("is_taken_over", "rung"), [(False, "model"), (True, "silent")])
async def test_a_turn_is_counted_as_it_was_committed(is_taken_over: bool, rung: str) -> None:
    MEMORY.forget()
    store = TwinStore()
    store.is_taken_over = is_taken_over
    await work(store)
    assert MEMORY.figure(TURNS, rung=rung) == 1
    MEMORY.forget()


async def test_a_claim_with_nothing_to_answer_is_let_go() -> None:
    store = TwinStore()
    store.turn = None
    assert await work(store) == ["let go"]


@pytest.mark.parametrize(
    ("error", "became"),
    [(StoreUnavailable("away"), ["given back"]), (ZeroDivisionError(), ["failed"]), (LeaseLost("lost"), [])],
)
async def test_an_error_at_the_commit_decides_what_becomes_of_the_claim(error: Exception, became: list[str]) -> None:
    store = TwinStore()
    store.close_error = error
    assert await work(store) == became


async def test_a_mistake_in_an_answerer_counts_as_a_failure() -> None:
    assert await work(TwinStore(), answerer=TwinAnswerer(error=ValueError("odd"))) == ["failed"]


async def test_a_worn_out_conversation_is_buried_with_a_word_to_the_user() -> None:
    store = TwinStore()
    store.turn = open_turn("¿Cuándo abrís?", language="es")
    assert await work(store, is_worn_out=True) == ["buried"]
    assert store.farewell == say(Phrase.HOLDING, "es")


async def test_a_conversation_that_cannot_be_opened_fails_and_is_buried_in_the_end() -> None:
    store = TwinStore()
    store.open_error = ValueError("altered")
    assert await work(store) == ["failed"]
    assert await work(store, is_worn_out=True) == ["failed", "buried"]


async def test_a_store_that_is_away_buries_nobody() -> None:
    store = TwinStore()
    store.open_error = StoreUnavailable("away")
    assert await work(store, is_worn_out=True) == ["given back"]


async def test_a_worker_may_be_drained_twice() -> None:
    store = TwinStore()
    worker = ConversationWorker("w", store, store, store, TurnTaker(TwinEmbedder(), TwinPassages(), [TwinAnswerer()]))  # type: ignore[arg-type]
    await worker.drain()
    await worker.drain()
    assert worker.status()["turns_under_way"] == 0
