"""Keeps what a worker has claimed: renews its leases, and ends the work on what was lost."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from actors.loop import Loop
from store.leases import RENEW_EVERY
from telemetry.metrics import LEASES_LOST

logger = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)


class Keeper(Generic[Key]):
    """The tasks of one worker, each on a claimed row."""

    def __init__(self, name: str, renew: Callable[[set[Key]], Awaitable[set[Key]]], *, most: int) -> None:
        """Hold up to `most` rows; `renew` keeps those of the given keys that are still ours, and gives them."""
        self.name = name
        self._renew = renew
        self._most = most
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self.loop = Loop(f"{name} leases", self._keep, pause=RENEW_EVERY)

    @property
    def free(self) -> int:
        """How many more rows may be claimed."""
        return self._most - len(self._tasks)

    @property
    def held(self) -> int:
        """How many rows are being worked on."""
        return len(self._tasks)

    def begin(self, key: Key, work: Coroutine[Any, Any, None]) -> None:
        """Work on a claimed row; the work must not raise."""
        task = asyncio.create_task(work, name=f"{self.name} work")
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._tasks.pop(key, None) if self._tasks.get(key) is task else None)

    async def drain(self, grace_s: float) -> None:
        """Let the work finish for a while, then cancel it: its coroutine gives the row back."""
        tasks = list(self._tasks.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self.loop.drain()

    async def _keep(self) -> bool:
        if not self._tasks:
            return False
        before = set(self._tasks)
        ours = await self._renew(before)
        for key in before - ours:
            task = self._tasks.get(key)
            if task is not None and not task.done():
                LEASES_LOST.add(1, loop=self.name)
                logger.warning("lease lost while working", extra={"loop": self.name})
                task.cancel()
        return False


class ClaimingActor(Generic[Key]):
    """What all actors that claim rows share: a loop that claims, a keeper of what was claimed, and the three verbs."""

    def __init__(self, loop: Loop, keeper: Keeper[Key], *, held_as: str, grace_s: float) -> None:
        """Take both; `held_as` names in the status what is worked on, `grace_s` is how long it may take to finish."""
        self._loop = loop
        self._keeper = keeper
        self._held_as = held_as
        self._grace_s = grace_s

    def start(self) -> None:
        """Begin to claim."""
        self._loop.start()
        self._keeper.loop.start()

    async def drain(self) -> None:
        """Claim nothing more, finish what is under way or give it back."""
        await self._loop.drain()
        await self._keeper.drain(self._grace_s)

    def status(self) -> dict[str, object]:
        """Tell operators how it is."""
        return {**self._loop.status(), self._held_as: self._keeper.held}

    @property
    def loops(self) -> tuple[Loop, ...]:
        """What must be alive."""
        return (self._loop, self._keeper.loop)
