"""The hand: kills one thing after the other with SIGKILL, and times how long each takes to come back."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import psutil

from benchmarks.chaos.victims import EVERYTHING, OWNER, part_of
from benchmarks.site import Say

RECOVERY_LIMIT_S = 240.0
_LOOK_EVERY_S = 0.25


class Ground(Protocol):
    """The service under test, and how it is started again."""

    def processes(self) -> Sequence[psutil.Process]:
        """Give all that belongs to it, PostgreSQL's included; never the simulator, nor ourselves."""
        ...

    async def is_well(self) -> bool:
        """Whether every application runs and messages can be kept; False where nobody answers."""
        ...

    async def up(self) -> None:
        """Start it as an operator would, and return when it answers."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One kill, and what it cost."""

    at_s: float  # since the beginning of the load
    part: str
    processes: int
    recovery_s: float | None  # until a new process stood there and all was well; None: not within the limit

    def __str__(self) -> str:
        """Such as "at 31 s: Sender, well again after 2.1 s"."""
        back = "not back" if self.recovery_s is None else f"well again after {self.recovery_s:.1f} s"
        return f"at {self.at_s:.0f} s: {self.part} ({self.processes}), {back}"


class Hand:
    """Kills; at most one thing at a time, since a recovery is timed."""

    def __init__(self, ground: Ground, say: Say) -> None:
        """Take the ground; the time of the load begins now."""
        self._ground = ground
        self._say = say
        self._began = time.monotonic()
        self.kills: list[Kill] = []

    async def kill(self, part: str) -> Kill | None:
        """Kill every process of a part at the same instant and wait until all is well again; None: there is none."""
        victims = await asyncio.to_thread(self._victims, part)
        if not victims:
            return None
        at = time.monotonic()
        for victim in victims:
            with suppress(psutil.NoSuchProcess):
                victim.kill()
        if part in (EVERYTHING, OWNER):
            await self._ground.up()
        is_back = await self._wait(part, {victim.pid for victim in victims})
        kill = Kill(
            at_s=at - self._began,
            part=part,
            processes=len(victims),
            recovery_s=time.monotonic() - at if is_back else None,
        )
        self.kills.append(kill)
        self._say(f"killed {kill}")
        return kill

    def _victims(self, part: str) -> list[psutil.Process]:
        found = self._ground.processes()
        return list(found) if part == EVERYTHING else [process for process in found if part_of(process) == part]

    async def _wait(self, part: str, dead: set[int]) -> bool:
        deadline = time.monotonic() + RECOVERY_LIMIT_S
        while time.monotonic() < deadline:
            new = await asyncio.to_thread(self._victims, part)
            if any(process.pid not in dead for process in new) and await self._ground.is_well():
                return True
            await asyncio.sleep(_LOOK_EVERY_S)
        return False
