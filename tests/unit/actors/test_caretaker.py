"""The caretaker: which duty is done, when it is due again, and what becomes of one that fails."""

import asyncio
from datetime import timedelta

import pytest

from actors.caretaker import Caretaker, Duty
from models.errors import LeaseLost, StoreUnavailable
from store.duties import ClaimedDuty

HOURLY = timedelta(hours=1)


class Timetable:
    """Duties that are due, each claimed once; notes when they are due again."""

    def __init__(self, *due: str) -> None:
        self.due = [ClaimedDuty(name=name, fence=1) for name in due]
        self.again_in: dict[str, timedelta] = {}
        self.error: Exception | None = None  # of the note
        self.is_empty = asyncio.Event()

    async def claim(self, owner: str) -> ClaimedDuty | None:
        if self.due:
            return self.due.pop(0)
        self.is_empty.set()
        return None

    async def done(self, claimed: ClaimedDuty, again_in: timedelta) -> None:
        if self.error is not None:
            raise self.error
        self.again_in[claimed.name] = again_in


class Work:
    """A piece of upkeep that counts how often it was done."""

    def __init__(self, error: Exception | None = None) -> None:
        self.times = 0
        self.error = error

    async def __call__(self) -> int:
        self.times += 1
        if self.error is not None:
            raise self.error
        return 3


def caretaker(timetable: Timetable, **works: Work) -> Caretaker:
    duties = {name: Duty(do=work, every=HOURLY) for name, work in works.items()}
    return Caretaker("caretaker", timetable, duties)


async def kept(timetable: Timetable, **works: Work) -> Caretaker:
    """Let one run until nothing is due, and end it."""
    taker = caretaker(timetable, **works)
    taker.start()
    async with asyncio.timeout(10):
        await timetable.is_empty.wait()
    await taker.drain()
    return taker


async def test_a_duty_that_is_due_is_done_and_due_again_in_its_own_time() -> None:
    timetable, sweep = Timetable("sweep"), Work()
    await kept(timetable, sweep=sweep)
    assert (sweep.times, timetable.again_in) == (1, {"sweep": HOURLY})


async def test_all_that_is_due_is_done_without_a_pause_in_between() -> None:
    timetable, sweep, dust = Timetable("sweep", "dust", "sweep"), Work(), Work()
    await kept(timetable, sweep=sweep, dust=dust)  # its pause is a second: with one in between the bound would tell
    assert (sweep.times, dust.times) == (2, 1)


async def test_a_duty_that_fails_stays_claimed_until_its_lease_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.loop.AFTER_FAILURE_S", 0.001)
    timetable, sweep, dust = Timetable("sweep", "dust"), Work(StoreUnavailable("away")), Work()
    taker = await kept(timetable, sweep=sweep, dust=dust)
    assert timetable.again_in == {"dust": HOURLY}
    assert taker.status()["failures"] == 1


async def test_a_duty_that_another_caretaker_has_taken_over_is_nobodys_failure() -> None:
    timetable, sweep = Timetable("sweep"), Work()
    timetable.error = LeaseLost("lost")
    taker = await kept(timetable, sweep=sweep)
    assert taker.status()["failures"] == 0


async def test_a_duty_of_another_version_is_looked_at_again_tomorrow() -> None:
    timetable = Timetable("of another version")
    await kept(timetable)
    assert timetable.again_in == {"of another version": timedelta(days=1)}


async def test_a_drain_finishes_the_duty_under_way_and_begins_no_other() -> None:
    timetable, dust = Timetable("sweep", "dust"), Work()
    sweeping, may_end = asyncio.Event(), asyncio.Event()

    async def sweep() -> int:
        sweeping.set()
        await may_end.wait()
        return 0

    taker = Caretaker("c", timetable, {"sweep": Duty(do=sweep, every=HOURLY), "dust": Duty(do=dust, every=HOURLY)})
    taker.start()
    async with asyncio.timeout(10):
        await sweeping.wait()
        draining = asyncio.create_task(taker.drain())
        await asyncio.sleep(0)
        may_end.set()
        await draining
    assert (timetable.again_in, dust.times) == ({"sweep": HOURLY}, 0)


async def test_it_is_alive_from_its_start_to_its_drain() -> None:
    taker = caretaker(Timetable())
    (loop,) = taker.loops
    assert not loop.is_alive
    taker.start()
    assert loop.is_alive
    await taker.drain()
    await taker.drain()
    assert not loop.is_alive
