"""Upkeep: each duty is done by one caretaker at a time, on its own timetable, kept in Postgres."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from actors.loop import Loop
from actors.ports import DutyClaims
from models.errors import LeaseLost
from telemetry.metrics import LEASES_LOST

logger = logging.getLogger(__name__)

LOOK_EVERY = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """A piece of upkeep that is safe to repeat, and takes less than a lease."""

    do: Callable[[], Awaitable[int]]  # gives how many rows it touched
    every: timedelta


class Caretaker:
    """One replica's worth of upkeep."""

    def __init__(self, owner: str, claims: DutyClaims, duties: Mapping[str, Duty]) -> None:
        """Take the ports; the names of the duties must have been enrolled."""
        self._owner = owner
        self._claims = claims
        self._duties = duties
        self._loop = Loop("caretaker", self._step, pause=LOOK_EVERY)

    def start(self) -> None:
        """Begin."""
        self._loop.start()

    async def drain(self) -> None:
        """Finish the duty under way."""
        await self._loop.drain()

    def status(self) -> dict[str, object]:
        """Tell operators how it is."""
        return self._loop.status()

    @property
    def loops(self) -> tuple[Loop, ...]:
        """What must be alive."""
        return (self._loop,)

    async def _step(self) -> bool:
        claimed = await self._claims.claim(self._owner)
        if claimed is None:
            return False
        duty = self._duties.get(claimed.name)
        try:
            if duty is not None and (rows := await duty.do()):
                logger.info("duty done", extra={"duty": claimed.name, "rows": rows})
            await self._claims.done(claimed, duty.every if duty else timedelta(days=1))
        except LeaseLost:
            LEASES_LOST.add(1, loop="caretaker")
        return True
