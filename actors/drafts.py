"""Answers being written: a newer message cancels the writing, down to the engine, and joins the turn.

One rule: whoever is cancelled here has committed nothing, so that beginning again costs time alone. It is begun again a
bounded number of times, and only while the time left exceeds what an answer takes; else the message opens the next
turn.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from actors.loop import Loop
from actors.pace import Pace
from actors.ports import TurnStore
from actors.timing import LADDER_RESERVE
from models.conversation import ClosedTurn, OpenTurn, patience
from store.turns import MOST_MESSAGES
from telemetry.metrics import TURN_RESTARTS

logger = logging.getLogger(__name__)

MOST_RESTARTS = 2
LOOK_EVERY = timedelta(milliseconds=100)  # one statement for all drafts of a worker; none while nothing is written

Write = Callable[[OpenTurn], Coroutine[Any, Any, ClosedTurn]]
Reopen = Callable[[], Awaitable[OpenTurn | None]]


@dataclass(slots=True, eq=False)
class Draft:
    """One answer on its way."""

    turn: OpenTurn
    task: asyncio.Task[ClosedTurn]
    is_outdated: bool = False


class Drafts:
    """The answers that one worker writes."""

    def __init__(self, turns: TurnStore, write: Write, pace: Pace) -> None:
        """Take how a turn is written; `pace` learns elsewhere how long that takes."""
        self._turns = turns
        self._write = write
        self._pace = pace
        self._watched: dict[UUID, Draft] = {}
        self.loop = Loop("conversation news", self._look, pause=LOOK_EVERY)

    async def finish(self, turn: OpenTurn, reopen: Reopen) -> ClosedTurn:
        """Write the turn's answer, with all that came while it was written and there was time for.

        Args:
            turn: as it was opened first.
            reopen: gives the turn as it stands now; None where nothing is left to answer.
        """
        for _ in range(MOST_RESTARTS):
            closed = await self._draft(turn)
            if closed is not None:
                return closed
            TURN_RESTARTS.add(1)
            turn = await self._joined(turn, reopen)
        return await self._write(turn)

    async def _draft(self, turn: OpenTurn) -> ClosedTurn | None:
        """Write while watching; None where the user went on, and the writing was cancelled."""
        draft = Draft(turn, asyncio.create_task(self._write(turn), name="draft"))
        if len(turn.messages) < MOST_MESSAGES:  # a full turn always has more behind it
            self._watched[turn.conversation_id] = draft
        try:
            return await draft.task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if draft.is_outdated and not (current and current.cancelling()):
                return None
            raise
        finally:
            self._watched.pop(turn.conversation_id, None)

    async def _joined(self, turn: OpenTurn, reopen: Reopen) -> OpenTurn:
        """Give the turn with what has come, after a wait for more that leaves the time to answer."""
        while (opened := await reopen()) is not None:
            turn = opened
            newest = turn.messages[-1]
            waited = datetime.now(UTC) - newest.received_at
            wait = min(patience(newest.message, turn.tenant.patience) - waited, self._spare(turn))
            if wait <= timedelta():
                break
            await asyncio.sleep(wait.total_seconds())
        return turn

    async def _look(self) -> bool:
        """Cancel what is outdated; what has no time to begin again is written to its end, unwatched."""
        drafts = dict(self._watched)
        if not drafts:
            return False
        for key in await self._turns.gone_on([draft.turn for draft in drafts.values()]):
            if self._watched.get(key) is not drafts[key]:
                continue
            if self._spare(drafts[key].turn) > timedelta():
                drafts[key].is_outdated = drafts[key].task.cancel()
            else:
                del self._watched[key]
        return False

    def _spare(self, turn: OpenTurn) -> timedelta:
        """The time left to the model beyond what an answer is likely to take; negative after an outage."""
        return turn.deadline - LADDER_RESERVE - datetime.now(UTC) - self._pace.p95
