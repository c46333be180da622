"""What a newer message does to the answer that is being written, with the worker as it runs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from actors.conversation import ConversationWorker
from actors.drafts import MOST_RESTARTS
from actors.loop import Loop
from actors.pace import Pace
from actors.turn import TurnTaker
from models.answer import Answer, Question, Speaker
from models.message import InboundMessage, MessageKind, Sender
from telemetry.instruments import MEMORY
from telemetry.metrics import TURN_RESTARTS
from tests.factories import inbound
from tests.twins.conversations import TwinConversations
from tests.twins.neighbours import TwinAnswerer, TwinEmbedder, TwinPassages

ANA = Sender(phone="15550100101")
BOUND_S = 10


class SlowModel(TwinAnswerer):
    """Writes until it may end or is cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[str] = []
        self.cancelled = 0
        self.may_end = asyncio.Event()

    async def answer(self, question: Question) -> Answer:
        self.begun.append(question.text)
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return await super().answer(question)


class House:
    """One worker, one user, one model."""

    def __init__(self) -> None:
        self.store, self.model, self.pace = TwinConversations(), SlowModel(), Pace()
        self.store.tenant = replace(self.store.tenant, patience=timedelta())
        taker = TurnTaker(TwinEmbedder(), TwinPassages(), [self.model], self.pace)
        self.worker = ConversationWorker("worker", self.store, self.store, self.store, taker)

    async def write(self, *messages: str | InboundMessage) -> list[InboundMessage]:
        """Let Ana write, and wait until the business knows."""
        lines = [one if isinstance(one, InboundMessage) else inbound(one) for one in messages]
        self.store.receive(*(replace(line, sender=ANA) for line in lines))
        await until(lambda: not self.store.has_unrouted)
        return lines

    async def begun(self, times: int) -> None:
        await until(lambda: len(self.model.begun) >= times)

    @property
    def said(self) -> list[str]:
        return self.store.all["15550100101"].said


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    house.worker.start()
    yield house
    house.model.may_end.set()
    await house.worker.drain()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(BOUND_S):
        while not holds():  # noqa: ASYNC110 - the worker has no event for it
            await asyncio.sleep(0.001)


async def test_a_newer_message_cancels_the_writing_and_joins_the_turn(house: House) -> None:
    MEMORY.forget()
    await house.write("When do you open?")
    await house.begun(1)
    await house.write("And on Sunday?")
    await house.begun(2)
    house.model.may_end.set()
    await until(lambda: house.said)
    assert house.model.begun[1] == "When do you open?\nAnd on Sunday?"
    assert (house.model.cancelled, house.said) == (1, ["At nine."])
    assert MEMORY.figure(TURN_RESTARTS) == 1
    MEMORY.forget()


async def test_writing_begins_again_a_bounded_number_of_times(house: House) -> None:
    await house.write("Line 0?")
    for number in range(1, MOST_RESTARTS + 2):
        await house.begun(number)
        await house.write(f"Line {number}?")
    house.model.may_end.set()
    await until(lambda: len(house.said) == 2)
    assert house.model.cancelled == MOST_RESTARTS
    assert house.model.begun[-2:] == ["Line 0?\nLine 1?\nLine 2?", "Line 3?"]


async def test_a_message_for_which_there_is_no_time_opens_the_next_turn(house: House) -> None:
    house.pace.note(timedelta(seconds=18))  # the model has 17
    await house.write("When do you open?")
    await house.begun(1)
    await house.write("And on Sunday?")
    await until(lambda: not house.worker._drafts._watched)
    house.model.may_end.set()
    await until(lambda: len(house.said) == 2)
    assert (house.model.cancelled, house.model.begun) == (0, ["When do you open?", "And on Sunday?"])


async def test_a_deletion_ends_the_writing_and_nothing_is_said(house: House) -> None:
    (line,) = await house.write("When do you open?")
    await house.begun(1)
    await house.write(inbound(None, kind=MessageKind.REVOKE, reply_to=line.wamid))
    await until(lambda: not house.store.all["15550100101"].unanswered)
    assert (house.model.cancelled, house.said) == (1, [])


async def test_a_drain_ends_what_outlasts_its_grace(house: House) -> None:
    house.worker._grace_s = 0.01
    await house.write("When do you open?")
    await house.begun(1)
    await house.worker.drain()
    assert house.model.cancelled == 1
    assert len(await house.store.claim("another", 1)) == 1


def test_the_pace_is_what_one_answer_in_twenty_exceeds() -> None:
    pace = Pace()
    assert pace.p95 == timedelta(seconds=5)
    for seconds in range(1, 101):
        pace.note(timedelta(seconds=seconds))
    assert pace.p95 == timedelta(seconds=96)
    for _ in range(100):
        pace.note(timedelta(seconds=1))
    assert pace.p95 == timedelta(seconds=1)


class FitfulModel(TwinAnswerer):
    """Takes a while that nobody can foresee."""

    def __init__(self, chance: Random) -> None:
        super().__init__()
        self._chance = chance

    async def answer(self, question: Question) -> Answer:
        await asyncio.sleep(self._chance.random() * 0.05)
        return await super().answer(question)


@pytest.mark.parametrize("seed", range(8))
async def test_whenever_lines_come_each_is_answered_once_and_in_order(seed: int) -> None:
    chance, store = Random(seed), TwinConversations()  # noqa: S311  a seeded course of events
    store.tenant = replace(store.tenant, patience=timedelta(milliseconds=20))
    taker = TurnTaker(TwinEmbedder(), TwinPassages(), [FitfulModel(chance)])
    worker = ConversationWorker("worker", store, store, store, taker)
    worker._drafts.loop = Loop("news", worker._drafts._look, pause=timedelta(milliseconds=5))
    worker.start()
    lines = [f"Line {number}" for number in range(12)]
    for line in lines:
        store.receive(inbound(line, sender=ANA))
        await asyncio.sleep(chance.random() * 0.04)
    await until(lambda: not store.has_unrouted and not store.all["15550100101"].unanswered)
    await worker.drain()
    asked = [line.text for line in store.all["15550100101"].history if line.speaker is Speaker.USER]
    assert "\n".join(asked).split("\n") == lines
    assert len(store.all["15550100101"].said) == len(asked)
