"""The one shape of everything that runs: start, drain, status; and how it waits when there is nothing to do.

A poll that adapts: at once after work, then ever more slowly. Nothing depends on a wake-up (docs/decisions/0008).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from models.errors import ParleyError
from telemetry.metrics import LOOP_FAILURES, LOOP_RUNNING

logger = logging.getLogger(__name__)

QUICKEST_S = 0.01
SLOWEST_S = 0.1  # how long work may lie before an idle worker looks, unless it says otherwise
AFTER_FAILURE_S = 1.0

Step = Callable[[], Awaitable[bool]]


class Loop:
    """Calls `step` again and again; a failure is logged and the loop goes on."""

    def __init__(
        self, name: str, step: Step, *, pause: timedelta | None = None, slowest: timedelta | None = None
    ) -> None:
        """Name a loop.

        Args:
            name: of the loop, in logs and metrics.
            step: does a bounded piece of work; True when there may be more at once.
            pause: a fixed time between two steps instead of the poll that adapts.
            slowest: the longest time between two steps of the poll; a tenth of a second if not given.
        """
        self.name = name
        self._step = step
        self._pause_s = pause.total_seconds() if pause else None
        self._slowest_s = slowest.total_seconds() if slowest else SLOWEST_S
        self._idle_s = QUICKEST_S
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._failures = 0

    def start(self) -> None:
        """Begin; safe twice."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=self.name)

    async def drain(self) -> None:
        """Finish the step under way and stop; safe twice, and before the start."""
        self._stopping.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def is_alive(self) -> bool:
        """Whether it runs; a loop that was started and is not draining must."""
        return self._task is not None and not self._task.done()

    def status(self) -> dict[str, object]:
        """Tell operators how it is."""
        return {"loop": self.name, "alive": self.is_alive, "failures": self._failures}

    async def _run(self) -> None:
        LOOP_RUNNING.set(1, loop=self.name)
        try:
            while not self._stopping.is_set():
                await self._wait(await self._one_step())
        finally:
            LOOP_RUNNING.set(0, loop=self.name)

    async def _one_step(self) -> float:
        try:
            worked = await self._step()
        except Exception as error:  # the top of a loop: tell, and go on
            self._failures += 1
            LOOP_FAILURES.add(1, loop=self.name)
            expected = isinstance(error, ParleyError) and error.retryable
            logger.log(
                logging.WARNING if expected else logging.ERROR,
                "loop failed and goes on",
                extra={"loop": self.name},
                exc_info=None if expected else error,
            )
            return AFTER_FAILURE_S
        return self._next_wait_s(worked)

    def _next_wait_s(self, worked: bool) -> float:
        if worked:
            self._idle_s = QUICKEST_S
            return 0.0
        if self._pause_s is not None:
            return self._pause_s
        wait_s, self._idle_s = self._idle_s, min(self._idle_s * 1.5, self._slowest_s)
        return wait_s

    async def _wait(self, wait_s: float) -> None:
        if wait_s == 0:
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(wait_s):
                await self._stopping.wait()
        except TimeoutError:
            return


def require_alive(*loops: Loop) -> None:
    """Raise when a loop has died, so that Serve replaces the replica.

    Raises:
        RuntimeError: naming the loop.
    """
    for loop in loops:
        if not loop.is_alive:
            raise RuntimeError(f"the loop '{loop.name}' has died")
