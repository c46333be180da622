"""Waiting requests share one commit: the ingress's way to be durable and fast.

One rule: whoever waits may go away (Serve cancels a handler when its client disconnects), the write goes on.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from models.errors import StoreUnavailable
from telemetry.metrics import LOOP_RUNNING

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")


class Overloaded(StoreUnavailable):
    """So many wait already that this one would wait too long; nothing was kept."""


class GroupCommit(Generic[Item, Result]):
    """Collects what arrives while a commit is under way, and commits it together next."""

    def __init__(
        self,
        commit: Callable[[Sequence[Item]], Awaitable[Result]],
        *,
        most_together: int,
        most_waiting: int,
        pace_s: float = 0.0,
    ) -> None:
        """Take the write.

        Args:
            commit: keeps all items or none; raises StoreUnavailable when the database is away.
            most_together: items of one commit.
            most_waiting: items that may wait; one more is refused.
            pace_s: from the beginning of one commit to that of the next, while several items come at a time; a lone
                one never waits for company.
        """
        self._commit = commit
        self._most_together = most_together
        self._most_waiting = most_waiting
        self._pace_s = pace_s
        self._not_before = 0.0  # by the loop's clock
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._arrived = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to commit; safe twice."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="group commit")

    @property
    def is_alive(self) -> bool:
        """Whether commits go on."""
        return self._task is not None and not self._task.done()

    @property
    def waiting(self) -> int:
        """How many items wait for a commit."""
        return len(self._waiting)

    async def keep(self, item: Item, limit_s: float) -> Result:
        """Return when the item is committed.

        Raises:
            Overloaded: too many wait, or the commit took longer than the limit; it may still happen later.
            StoreUnavailable: the database is away; the item was not kept.
            Exception: whatever this item alone did to the commit.
        """
        if len(self._waiting) >= self._most_waiting:
            raise Overloaded("too many webhooks wait for the database")
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        self._arrived.set()
        try:
            async with asyncio.timeout(limit_s):
                return await asyncio.shield(done)
        except TimeoutError:
            done.add_done_callback(lambda future: future.cancelled() or future.exception())
            raise Overloaded("the database did not commit in time") from None

    async def drain(self) -> None:
        """Commit what waits, and stop."""
        self._stopping = True
        self._arrived.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        LOOP_RUNNING.set(1, loop="commit")
        try:
            await self._commit_on()
        finally:
            LOOP_RUNNING.set(0, loop="commit")

    async def _commit_on(self) -> None:
        while self._waiting or not self._stopping:
            await self._arrived.wait()
            await self._keep_pace()
            group, self._waiting = self._waiting[: self._most_together], self._waiting[self._most_together :]
            if not self._waiting and not self._stopping:
                self._arrived.clear()
            if len(group) > 1:
                self._not_before = asyncio.get_running_loop().time() + self._pace_s
            if group:
                await self._commit_group(group)

    async def _keep_pace(self) -> None:
        """Let more gather where the commit before was shared; the faster commits are, the less they would share."""
        wait_s = self._not_before - asyncio.get_running_loop().time()
        if wait_s > 0 and len(self._waiting) < self._most_together and not self._stopping:
            await asyncio.sleep(wait_s)

    async def _commit_group(self, group: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            result = await self._commit([item for item, _ in group])
        except StoreUnavailable as error:
            for _, done in group:
                _settle(done, error)
        except Exception as error:  # one bad item must not take its neighbours with it
            await self._commit_alone(group, error)
        else:
            for _, done in group:
                _settle(done, result)

    async def _commit_alone(self, group: Sequence[tuple[Item, asyncio.Future[Result]]], error: Exception) -> None:
        if len(group) == 1:
            _settle(group[0][1], error)
            return
        for pair in group:
            await self._commit_group([pair])


def _settle(done: "asyncio.Future[Result]", outcome: Result | Exception) -> None:
    """Answer whoever still waits; setting the result of a cancelled future would end the loop."""
    if done.done():
        return
    if isinstance(outcome, Exception):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)
