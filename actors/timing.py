"""The time of a turn: how long it has, and where it goes."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from models.conversation import ANSWER_DEADLINE, OpenTurn
from telemetry.metrics import STEP_SECONDS, Step

LADDER_RESERVE = timedelta(seconds=3)  # left under the deadline for the rungs below the model
LAST_CALL = timedelta(seconds=24)  # from our 200: what is said by then may still go out within the promised 25 s


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimit:
    """When an answer must be there: by the clock that all processes share, and by that of this event loop."""

    deadline: datetime
    ends_at: float

    @classmethod
    def of(cls, turn: OpenTurn, now: datetime) -> Self:
        """Give the turn its limit; after an outage an old one is answered late rather than brushed off."""
        last_call = turn.messages[0].received_at + LAST_CALL
        deadlines = (turn.deadline, last_call, now + ANSWER_DEADLINE)
        deadline = next(deadline for deadline in deadlines if deadline - now > LADDER_RESERVE)
        ends_at = asyncio.get_running_loop().time() + (deadline - now).total_seconds()
        return cls(deadline=deadline, ends_at=ends_at)


class Stopwatch:
    """Milliseconds by step, for the turn's record, and the metric of each."""

    def __init__(self) -> None:
        """Nothing timed yet."""
        self.step_ms: dict[str, float] = {}

    @contextmanager
    def timed(self, step: Step) -> Iterator[None]:
        """Add the block's time to the step's."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.note(step, time.perf_counter() - start)

    def note(self, step: Step, seconds: float) -> None:
        """Add a time that was measured elsewhere."""
        self.step_ms[step] = round(self.step_ms.get(step, 0.0) + seconds * 1000, 2)
        STEP_SECONDS.observe(seconds, step=step)
