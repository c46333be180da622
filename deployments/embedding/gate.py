"""One run at a time, the most urgent first."""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class UrgencyGate:
    """A lock whose waiters are let in by due time, not by arrival.

    Because a due time is fixed when the work arrives, work that can wait is overtaken for a bounded time only.
    """

    def __init__(self) -> None:
        self._is_taken = False
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._arrivals = itertools.count()  # breaks ties in order of arrival

    @asynccontextmanager
    async def turn(self, due_s: float) -> AsyncIterator[None]:
        """Hold the gate; `due_s` on any clock that all callers share."""
        await self._enter(due_s)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, due_s: float) -> None:
        if not self._is_taken:
            self._is_taken = True
            return
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (due_s, next(self._arrivals), called))
        try:
            await called
        except asyncio.CancelledError:
            if called.done() and not called.cancelled():  # called in and cancelled at once: let the next one in
                self._leave()
            raise

    def _leave(self) -> None:
        while self._waiting:
            _, _, called = heapq.heappop(self._waiting)
            if not called.done():  # cancelled ones are skipped
                called.set_result(None)
                return
        self._is_taken = False
