"""The one shape of everything that runs, and what keeps claims."""

import asyncio
import logging
from datetime import timedelta

import pytest

from actors.keeper import Keeper
from actors.loop import Loop, require_alive
from models.errors import StoreUnavailable

BOUND_S = 5


async def reached(event: asyncio.Event) -> None:
    async with asyncio.timeout(BOUND_S):
        await event.wait()


class Steps:
    """A step that fails at first as it is told to, and says when it was called often enough."""

    def __init__(self, *errors: Exception, often: int = 1, worked: bool = True) -> None:
        self._errors, self._often, self._worked = list(errors), often, worked
        self.calls, self.enough = 0, asyncio.Event()

    async def __call__(self) -> bool:
        self.calls += 1
        if self.calls >= self._often:
            self.enough.set()
        if self._errors:
            raise self._errors.pop(0)
        return self._worked and self.calls < self._often


@pytest.mark.parametrize(
    ("error", "level"), [(StoreUnavailable("away"), logging.WARNING), (ZeroDivisionError(), logging.ERROR)]
)
async def test_a_failure_is_logged_and_the_loop_goes_on(
    error: Exception, level: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.loop.AFTER_FAILURE_S", 0.001)
    steps = Steps(error, often=2)
    loop = Loop("test", steps)
    loop.start()
    await reached(steps.enough)
    assert loop.is_alive
    await loop.drain()
    assert loop.status() == {"loop": "test", "alive": False, "failures": 1}
    assert [record.levelno for record in caplog.records if record.name == "actors.loop"] == [level]


async def test_a_loop_may_be_drained_before_its_start_and_twice() -> None:
    steps = Steps()
    loop = Loop("test", steps)
    await loop.drain()
    loop.start()
    loop.start()
    await loop.drain()
    await loop.drain()
    assert steps.calls == 0


async def test_draining_finishes_the_step_under_way() -> None:
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def step() -> bool:
        begun.set()
        await may_end.wait()
        ended.set()
        return True

    loop = Loop("test", step)
    loop.start()
    await reached(begun)
    draining = asyncio.create_task(loop.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    may_end.set()
    await draining
    assert ended.is_set()


async def test_draining_does_not_wait_for_a_long_pause() -> None:
    steps = Steps(worked=False)
    loop = Loop("test", steps, pause=timedelta(hours=1))
    loop.start()
    await reached(steps.enough)
    async with asyncio.timeout(BOUND_S):
        await loop.drain()


async def test_an_idle_loop_looks_less_and_less_often_and_at_once_after_work() -> None:
    loop = Loop("test", Steps())
    waits = [loop._next_wait_s(False) for _ in range(8)]
    assert waits == sorted(waits)
    assert waits[-1] == pytest.approx(0.1)
    assert loop._next_wait_s(True) == 0
    assert loop._next_wait_s(False) == waits[0]


async def test_a_loop_may_say_how_seldom_it_looks_at_most() -> None:
    loop = Loop("test", Steps(), slowest=timedelta(milliseconds=30))
    assert max(loop._next_wait_s(False) for _ in range(8)) == 0.03


async def test_a_loop_that_has_died_is_named() -> None:
    loop = Loop("sender", Steps())
    with pytest.raises(RuntimeError, match="sender"):
        require_alive(loop)


async def test_work_on_a_lost_lease_is_cancelled_and_other_work_goes_on() -> None:
    asked: list[set[str]] = []

    async def renew(keys: set[str]) -> set[str]:
        asked.append(keys)
        return {"ours"}

    keeper: Keeper[str] = Keeper("test", renew, most=3)
    cancelled, may_end = asyncio.Event(), asyncio.Event()

    async def lost() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def ours() -> None:
        await may_end.wait()

    keeper.begin("lost", lost())
    keeper.begin("ours", ours())
    assert (keeper.held, keeper.free) == (2, 1)
    await asyncio.sleep(0)
    await keeper._keep()
    await reached(cancelled)
    await asyncio.sleep(0)  # the callback of its end
    assert asked == [{"lost", "ours"}]
    assert keeper.held == 1
    may_end.set()
    await keeper.drain(BOUND_S)
    assert (keeper.held, keeper.free) == (0, 3)


async def test_nothing_is_renewed_where_nothing_is_held() -> None:
    async def renew(keys: set[str]) -> set[str]:
        raise AssertionError("nothing is held")

    assert not await Keeper("test", renew, most=1)._keep()


async def test_a_drain_cancels_what_outlasts_its_grace() -> None:
    async def renew(keys: set[str]) -> set[str]:
        return keys

    keeper: Keeper[str] = Keeper("test", renew, most=1)
    given_back = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            given_back.set()
            raise

    keeper.begin("slow", work())
    await keeper.drain(0.01)
    assert given_back.is_set()
    await keeper.drain(0.01)
