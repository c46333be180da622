"""The outbox of one number in memory: passes the same tests as the real one, and tells what became of each message."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from models.lifecycle import OUTBOX_STEPS, OutboxState, before
from store.outbox import (
    INBOUND_WINDOW,
    ORDER_WAIT,
    ORPHANED_AFTER,
    UNKNOWN_WAIT,
    ClaimedNumber,
    DueReceipt,
    QueuedMessage,
)

_UNFINISHED = (OutboxState.QUEUED, OutboxState.SENDING, OutboxState.UNKNOWN)


@dataclass
class TwinRow:
    """One message and where it stands."""

    message: QueuedMessage
    due_at: datetime
    state: OutboxState = OutboxState.QUEUED
    attempt_id: UUID | None = None
    sending_at: datetime | None = None
    accepted_at: datetime | None = None

    @property
    def holds_up_the_next(self) -> bool:
        """Whether the rest of its conversation has to wait, whatever is queued."""
        is_fresh = self.accepted_at is not None and datetime.now(UTC) - self.accepted_at < ORDER_WAIT
        return self.state in (OutboxState.SENDING, OutboxState.UNKNOWN) or (
            self.state is OutboxState.ACCEPTED and is_fresh
        )


class TwinQueue:
    """What the sender sees of one number, in the order of its ids. A lease does not run out: nobody dies here."""

    def __init__(self, *queued: QueuedMessage) -> None:
        self.number = queued[0].phone_number_id if queued else "n"
        self.rows = {message.id: TwinRow(message, message.queued_at) for message in queued}
        self.became: dict[int, tuple[object, ...]] = {}
        self.postponed: dict[int, timedelta] = {}
        self.receipts: list[DueReceipt] = []
        self.attempts: list[tuple[UUID, datetime]] = []  # conversation, time
        self.inbound: list[datetime] = []
        self.stopped: str | None = None
        self.persons_asked = 0
        self.released = False
        self._owner: str | None = None
        self._fence = 1

    async def claim_numbers(self, owner: str, limit: int) -> list[ClaimedNumber]:
        has_work = self.receipts or any(row.state in _UNFINISHED for row in self.rows.values())
        if self._owner is not None or self.stopped is not None or not has_work:
            return []
        self._owner, self._fence = owner, self._fence + 1
        return [ClaimedNumber(phone_number_id=self.number, fence=self._fence)][:limit]

    async def renew(self, owner: str, keys: Collection[str]) -> set[str]:
        return {key for key in keys if key == self.number and owner == self._owner}

    async def release(self, number: ClaimedNumber) -> None:
        self._owner, self.released = None, True

    def _first(self) -> list[TwinRow]:
        """What is queued, in the order in which it goes."""
        rows = [row for row in self.rows.values() if row.state is OutboxState.QUEUED]
        return sorted(rows, key=lambda row: (row.message.purpose, row.message.id))

    async def heads(self, phone_number_id: str, limit: int) -> list[QueuedMessage]:
        held_up = {row.message.conversation_id for row in self.rows.values() if row.holds_up_the_next}
        heads: list[QueuedMessage] = []
        for row in self._first():
            if row.message.conversation_id not in held_up and row.due_at <= datetime.now(UTC):
                heads.append(row.message)
            held_up.add(row.message.conversation_id)
        return heads[:limit]

    async def begin(self, number: ClaimedNumber, ids: Sequence[int]) -> dict[int, UUID]:
        if number.fence != self._fence:
            return {}
        now = datetime.now(UTC)
        begun = [key for key in ids if self._step(key, OutboxState.SENDING)]
        for key in begun:
            self.rows[key].attempt_id, self.rows[key].sending_at = uuid4(), now
            self.attempts.append((self.rows[key].message.conversation_id, now))
        return {key: attempt_id for key in begun if (attempt_id := self.rows[key].attempt_id)}

    async def postpone(self, key: int, delay: timedelta) -> None:
        self.postponed[key] = delay
        self.rows[key].due_at = datetime.now(UTC) + delay

    async def accepted(self, key: int, attempt_id: UUID, wamid: str) -> None:
        if self._end(key, attempt_id, OutboxState.ACCEPTED):
            self.rows[key].accepted_at = datetime.now(UTC)
            self.became[key] = ("accepted", wamid)

    async def retry(self, key: int, attempt_id: UUID, delay: timedelta, code: int) -> None:
        is_under_way = self.rows[key].state in (OutboxState.SENDING, OutboxState.UNKNOWN)
        if is_under_way and self._end(key, attempt_id, OutboxState.QUEUED):
            self.rows[key].due_at = datetime.now(UTC) + delay
            self.became[key] = ("retry", delay, code)

    async def unknown(self, key: int, attempt_id: UUID, code: int | None = None) -> None:
        if self._end(key, attempt_id, OutboxState.UNKNOWN):
            self.became[key] = ("unknown", code)

    async def failed(
        self, key: int, attempt_id: UUID, code: int | None, reason: str, *, asks_person: bool = False
    ) -> None:
        if self._end(key, attempt_id, OutboxState.FAILED):
            self.became[key] = ("failed", code, reason)
            self.persons_asked += asks_person

    async def opted_out(self, key: int, attempt_id: UUID, code: int) -> None:
        if self._end(key, attempt_id, OutboxState.FAILED):
            self.became[key] = ("failed", code, "opted_out")

    async def withhold(self, key: int, reason: str) -> None:
        if self.rows[key].state is OutboxState.QUEUED and self._step(key, OutboxState.FAILED):
            self.became[key] = ("failed", None, reason)

    async def window_closed(self, key: int, attempt_id: UUID | None = None, code: int | None = None) -> bool:
        if attempt_id is None:
            await self.withhold(key, "window_closed")
        else:
            await self.failed(key, attempt_id, code, "window_closed")
        self.persons_asked += 1
        return True

    async def stop_number(self, phone_number_id: str, reason: str) -> None:
        self.stopped = reason

    async def settle_unknown(self, phone_number_id: str) -> int:
        again = 0
        for key in self.rows:
            if self._is_older(key, OutboxState.SENDING, ORPHANED_AFTER):
                self._step(key, OutboxState.UNKNOWN)
            if self._is_older(key, OutboxState.UNKNOWN, UNKNOWN_WAIT):
                again += self._step(key, OutboxState.QUEUED)
        return again

    async def recent_attempts(self, phone_number_id: str, within: timedelta) -> list[tuple[UUID, datetime]]:
        return [(key, at) for key, at in self.attempts if datetime.now(UTC) - at < within]

    async def inbound_per_s(self, phone_number_id: str) -> float:
        return float(sum(datetime.now(UTC) - at < INBOUND_WINDOW for at in self.inbound))

    async def take_receipts(self, phone_number_id: str, limit: int) -> list[DueReceipt]:
        taken, self.receipts = self.receipts[:limit], self.receipts[limit:]
        return taken

    def _end(self, key: int, attempt_id: UUID, new: OutboxState) -> bool:
        return self.rows[key].attempt_id == attempt_id and self._step(key, new)

    def _step(self, key: int, new: OutboxState) -> bool:
        """Take one legal step; False where its life does not have it."""
        is_legal = self.rows[key].state in before(OUTBOX_STEPS, new)
        if is_legal:
            self.rows[key].state = new
        return is_legal

    def _is_older(self, key: int, state: OutboxState, limit: timedelta) -> bool:
        row = self.rows[key]
        return row.state is state and row.sending_at is not None and datetime.now(UTC) - row.sending_at > limit
