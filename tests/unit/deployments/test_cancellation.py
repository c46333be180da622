"""A turn that is cancelled stops the engine's work: through the model's port, its door, and the engine's handle."""

import asyncio
import warnings
from collections.abc import Coroutine
from collections.abc import Generator as Yields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

with warnings.catch_warnings():  # Ray's own modules are deprecated in their use of pydantic
    warnings.simplefilter("ignore")
    from deployments.generation.wire import EngineReply
    from deployments.generator import Generator
    from deployments.handles import ServeAnswerer

from actors.drafts import Drafts
from actors.pace import Pace
from actors.turn import TurnTaker
from models.conversation import ClosedTurn, OpenTurn
from tests.factories import open_turn
from tests.twins.neighbours import TwinEmbedder, TwinPassages

BOUND_S = 10


class Response:
    """What a Serve handle gives: the work goes on elsewhere, whoever awaits it, until `cancel` is called."""

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self._task = asyncio.create_task(work)

    def __await__(self) -> Yields[Any, None, Any]:
        return asyncio.shield(self._task).__await__()

    def cancel(self) -> None:
        self._task.cancel()


class Engine:
    """Writes a reply that has no end; stands where the engine's handle stands."""

    def __init__(self) -> None:
        self.at_work = 0
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()

    @property
    def reply(self) -> "Engine":
        return self

    def options(self, **_: object) -> "Engine":
        return self

    def remote(self, *_: object) -> Response:
        return Response(self._write())

    async def _write(self) -> EngineReply:
        self.at_work += 1
        self.begun.set()
        try:
            await asyncio.Event().wait()
            raise AssertionError
        finally:
            self.at_work -= 1
            self.ended.set()


class DoorHandle:
    """Stands where the handle of the model's door stands."""

    def __init__(self, door: Generator) -> None:
        self._door = door

    async def get(self) -> "DoorHandle":
        return self

    @property
    def answer(self) -> "DoorHandle":
        return self

    def remote(self, question: Any) -> Response:
        return Response(self._door.answer(question))


class GoesOn:
    """A store whose user has written again as soon as the engine is at work."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def gone_on(self, opened: list[OpenTurn]) -> set[Any]:
        return {turn.conversation_id for turn in opened} if self._engine.begun.is_set() else set()


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def taker(engine: Engine) -> TurnTaker:
    door = Generator(engine, model="tiny", max_tokens=1024)
    return TurnTaker(TwinEmbedder(), TwinPassages(), [ServeAnswerer(DoorHandle(door)), ServeAnswerer(DoorHandle(door))])  # type: ignore[arg-type]


async def test_a_newer_message_stops_the_engine(engine: Engine, taker: TurnTaker) -> None:
    drafts = Drafts(GoesOn(engine), lambda turn: taker.take(turn, datetime.now(UTC)), Pace())  # type: ignore[arg-type]
    first = open_turn("When do you open?")
    joined = open_turn("I want to talk to a person.", conversation_id=first.conversation_id)

    async def reopen() -> OpenTurn:
        await engine.ended.wait()
        return joined

    drafts.loop.start()
    async with asyncio.timeout(BOUND_S):
        closed: ClosedTurn = await drafts.finish(first, reopen)
    await drafts.loop.drain()
    assert engine.at_work == 0
    assert closed.turn == joined
    assert closed.wants_person


async def test_a_turn_without_an_answer_in_time_stops_the_engine(engine: Engine, taker: TurnTaker) -> None:
    received_at = datetime.now(UTC) - timedelta(seconds=16.9)  # the model has a tenth of a second
    turn = open_turn("When do you open?", received_at=received_at)
    taking = asyncio.create_task(taker.take(turn, datetime.now(UTC)))
    async with asyncio.timeout(BOUND_S):
        await engine.ended.wait()
    assert engine.at_work == 0
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
