"""The conversation worker as it runs: from what arrived to what is said, and what drains and lost leases make of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest

from actors.conversation import ConversationWorker
from actors.turn import TurnTaker
from models.answer import Answer, Question
from models.errors import ModelUnavailable
from models.message import Sender
from store.conversations import MOST_TRIES
from tests.factories import inbound
from tests.twins.conversations import TwinConversation, TwinConversations
from tests.twins.neighbours import TwinAnswerer, TwinEmbedder, TwinPassages

ANA = "15550100101"
BOUND_S = 10


class HeldAnswerer(TwinAnswerer):
    """Writes until it may end."""

    def __init__(self) -> None:
        super().__init__()
        self.is_writing, self.may_end = asyncio.Event(), asyncio.Event()

    async def answer(self, question: Question) -> Answer:
        self.is_writing.set()
        await self.may_end.wait()
        return await super().answer(question)


@pytest.fixture
def store() -> TwinConversations:
    return TwinConversations()


@pytest.fixture
def model() -> HeldAnswerer:
    return HeldAnswerer()


@pytest.fixture
async def worker(store: TwinConversations, model: HeldAnswerer) -> AsyncIterator[ConversationWorker]:
    taker = TurnTaker(TwinEmbedder(), TwinPassages(), [model])
    worker = ConversationWorker("worker", store, store, store, taker)
    worker.start()
    yield worker
    model.may_end.set()
    await worker.drain()


def ask(store: TwinConversations, said: str = "When do you open?") -> None:
    store.receive(inbound(said, sender=Sender(phone=ANA)))


def ana(store: TwinConversations) -> TwinConversation:
    return store.all[ANA]


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(BOUND_S):
        while not holds():  # noqa: ASYNC110 - the worker has no event for it
            await asyncio.sleep(0.001)


async def test_what_arrives_is_answered(store: TwinConversations, model: HeldAnswerer, worker: object) -> None:
    model.may_end.set()
    ask(store)
    await until(lambda: store.all and ana(store).said)
    assert (ana(store).said, ana(store).ready_at) == (["At nine."], None)


async def test_what_is_written_during_the_answer_is_answered_next(
    store: TwinConversations, model: HeldAnswerer, worker: object
) -> None:
    ask(store)
    await model.is_writing.wait()
    ask(store, "And on Sunday?")
    model.may_end.set()
    await until(lambda: len(ana(store).said) == 2)
    assert [question.text for question in model.asked] == ["When do you open?", "And on Sunday?"]


async def test_a_drain_lets_the_answer_under_way_be_said(
    store: TwinConversations, model: HeldAnswerer, worker: ConversationWorker
) -> None:
    ask(store)
    await model.is_writing.wait()
    draining = asyncio.create_task(worker.drain())
    await asyncio.sleep(0)
    model.may_end.set()
    await draining
    assert ana(store).said == ["At nine."]
    assert worker.status()["turns_under_way"] == 0


async def test_a_drain_that_may_not_wait_gives_the_conversation_back(
    store: TwinConversations, model: HeldAnswerer, worker: ConversationWorker
) -> None:
    worker._grace_s = 0.01
    ask(store)
    await model.is_writing.wait()
    await worker.drain()
    assert (ana(store).said, ana(store).tries) == ([], 0)
    assert len(await store.claim("another", 1)) == 1


async def test_an_answer_that_comes_after_its_lease_was_taken_is_not_said(
    store: TwinConversations, model: HeldAnswerer, worker: ConversationWorker
) -> None:
    ask(store)
    await model.is_writing.wait()
    store.expire()
    assert len(await store.claim("another", 1)) == 1
    model.may_end.set()
    await until(lambda: worker.status()["turns_under_way"] == 0)
    assert (ana(store).said, len(ana(store).unanswered)) == ([], 1)


async def test_a_turn_that_fails_again_and_again_ends_with_a_word_to_the_user(
    store: TwinConversations, model: HeldAnswerer, worker: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.twins.conversations.RETRY_AFTER", timedelta())
    model.error = ValueError("a mistake of ours")
    model.may_end.set()
    ask(store)
    await until(lambda: store.all and ana(store).said)
    assert (len(model.asked), len(ana(store).buried)) == (MOST_TRIES, 1)


async def test_a_model_that_is_away_buries_nobody(
    store: TwinConversations, model: HeldAnswerer, worker: object
) -> None:
    model.error = ModelUnavailable("away")
    model.may_end.set()
    ask(store)
    await until(lambda: store.all and ana(store).said)
    assert (len(ana(store).said), ana(store).buried) == (1, [])
