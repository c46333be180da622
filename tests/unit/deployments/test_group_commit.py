"""Group commit by itself: who waits, who is refused, who is committed alone, and what a dead loop means."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from deployments.group_commit import GroupCommit, Overloaded
from models.errors import StoreUnavailable

LIMIT_S = 10.0  # far away: what is expected to happen happens at once
MOST_TOGETHER, MOST_WAITING = 3, 5


class Rows:
    """A table that takes a group whole or not at all; each commit waits until it may go on."""

    def __init__(self) -> None:
        self.commits: list[list[str]] = []
        self.is_away = False
        self.refuses: set[str] = set()  # items that no commit may hold
        self.committing, self.may_commit = asyncio.Event(), asyncio.Event()
        self.may_commit.set()

    async def write(self, items: Sequence[str]) -> int:
        self.committing.set()
        await self.may_commit.wait()
        if self.is_away:
            raise StoreUnavailable("away")
        if bad := self.refuses & set(items):
            raise ValueError(f"not storable: {sorted(bad)}")
        self.commits.append(list(items))
        return len(items)


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture
async def group(rows: Rows) -> AsyncIterator[GroupCommit[str, int]]:
    group = GroupCommit(rows.write, most_together=MOST_TOGETHER, most_waiting=MOST_WAITING)
    group.start()
    yield group
    rows.may_commit.set()
    await group.drain()


async def held(rows: Rows, group: GroupCommit[str, int]) -> "asyncio.Task[int]":
    """Hold a first commit open, so that everything that comes now has to wait."""
    rows.may_commit.clear()
    first = asyncio.create_task(group.keep("first", LIMIT_S))
    await rows.committing.wait()
    return first


async def waiting(group: GroupCommit[str, int], *items: str, limit_s: float = LIMIT_S) -> "list[asyncio.Task[int]]":
    tasks = [asyncio.create_task(group.keep(item, limit_s)) for item in items]
    await until(lambda: group.waiting == len(items))
    return tasks


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - the loop is only yielded to
            await asyncio.sleep(0)


async def test_what_waits_is_committed_together_in_the_order_of_arrival(
    rows: Rows, group: GroupCommit[str, int]
) -> None:
    first = await held(rows, group)
    rest = await waiting(group, "a", "b", "c")
    rows.may_commit.set()
    assert await asyncio.gather(first, *rest) == [1, 3, 3, 3]
    assert rows.commits == [["first"], ["a", "b", "c"]]


async def test_no_commit_holds_more_than_it_may(rows: Rows, group: GroupCommit[str, int]) -> None:
    first = await held(rows, group)
    rest = await waiting(group, "a", "b", "c", "d")
    rows.may_commit.set()
    await asyncio.gather(first, *rest)
    assert rows.commits == [["first"], ["a", "b", "c"], ["d"]]


async def test_one_more_than_may_wait_is_refused_and_the_others_are_kept(
    rows: Rows, group: GroupCommit[str, int]
) -> None:
    first = await held(rows, group)
    rest = await waiting(group, *"abcde")
    with pytest.raises(Overloaded):
        await group.keep("f", LIMIT_S)
    rows.may_commit.set()
    await asyncio.gather(first, *rest)
    assert rows.commits == [["first"], ["a", "b", "c"], ["d", "e"]]


async def test_a_commit_that_takes_too_long_is_told_and_goes_on(rows: Rows, group: GroupCommit[str, int]) -> None:
    rows.may_commit.clear()
    with pytest.raises(Overloaded):
        await group.keep("slow", 0.01)
    rows.may_commit.set()
    await group.keep("next", LIMIT_S)
    assert rows.commits == [["slow"], ["next"]]


async def test_who_waits_too_long_is_told_and_kept_all_the_same(rows: Rows, group: GroupCommit[str, int]) -> None:
    first = await held(rows, group)
    with pytest.raises(Overloaded):
        await group.keep("late", 0.01)
    rows.may_commit.set()
    await first
    await group.drain()
    assert rows.commits == [["first"], ["late"]]


async def test_a_bad_item_is_told_alone_and_its_neighbours_are_kept(rows: Rows, group: GroupCommit[str, int]) -> None:
    rows.refuses = {"bad"}
    first = await held(rows, group)
    before, bad, after = await waiting(group, "before", "bad", "after")
    rows.may_commit.set()
    assert await asyncio.gather(first, before, after) == [1, 1, 1]
    with pytest.raises(ValueError, match="not storable"):
        await bad
    assert rows.commits == [["first"], ["before"], ["after"]]
    assert await group.keep("later", LIMIT_S) == 1


async def test_a_store_that_is_away_is_told_to_all_and_asked_once(rows: Rows, group: GroupCommit[str, int]) -> None:
    first = await held(rows, group)
    rest = await waiting(group, "a", "b")
    rows.is_away = True
    rows.may_commit.set()
    outcomes = await asyncio.gather(first, *rest, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
    rows.is_away = False
    assert await group.keep("later", LIMIT_S) == 1
    assert rows.commits == [["later"]]


async def test_whoever_goes_away_while_waiting_is_kept_and_ends_nothing(
    rows: Rows, group: GroupCommit[str, int]
) -> None:
    first = await held(rows, group)
    gone, stays = await waiting(group, "gone", "stays")
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    rows.may_commit.set()
    await asyncio.gather(first, stays)
    assert rows.commits == [["first"], ["gone", "stays"]]
    assert group.is_alive


async def test_draining_commits_what_waits_and_ends(rows: Rows, group: GroupCommit[str, int]) -> None:
    first = await held(rows, group)
    rest = await waiting(group, *"abcd")
    draining = asyncio.create_task(group.drain())
    rows.may_commit.set()
    await draining
    assert await asyncio.gather(first, *rest) == [1, 3, 3, 3, 1]
    assert not group.is_alive


async def test_draining_is_safe_before_the_start_and_twice(rows: Rows) -> None:
    group = GroupCommit(rows.write, most_together=1, most_waiting=1)
    await group.drain()
    group.start()
    group.start()
    await group.drain()
    await group.drain()
    assert not group.is_alive


async def test_it_is_alive_from_its_start_on_and_not_before(rows: Rows, group: GroupCommit[str, int]) -> None:
    assert group.is_alive
    assert not GroupCommit(rows.write, most_together=1, most_waiting=1).is_alive


async def test_a_loop_that_has_died_is_told() -> None:
    async def cancelled(items: Sequence[str]) -> int:
        raise asyncio.CancelledError  # what no handler of errors may swallow, so that it ends the loop

    group = GroupCommit(cancelled, most_together=1, most_waiting=1)
    group.start()
    with pytest.raises(Overloaded):
        await group.keep("x", 0.01)
    assert not group.is_alive


async def test_after_a_shared_commit_the_next_waits_for_company(rows: Rows) -> None:
    group = GroupCommit(rows.write, most_together=MOST_TOGETHER, most_waiting=MOST_WAITING, pace_s=0.2)
    group.start()
    first = await held(rows, group)
    shared = await waiting(group, "a", "b")
    rows.may_commit.set()
    await asyncio.gather(first, *shared)
    (earlier,) = await waiting(group, "c")
    await asyncio.gather(earlier, group.keep("d", LIMIT_S))
    await group.drain()
    assert rows.commits == [["first"], ["a", "b"], ["c", "d"]]


async def test_a_lone_item_never_waits_for_company(rows: Rows) -> None:
    group = GroupCommit(rows.write, most_together=MOST_TOGETHER, most_waiting=MOST_WAITING, pace_s=2 * LIMIT_S)
    group.start()
    for item in "ab":
        await group.keep(item, LIMIT_S)
    await group.drain()
    assert rows.commits == [["a"], ["b"]]
