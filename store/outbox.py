"""What goes out: one sender a number by lease, first in first out per conversation, effectively once.

A row is committed as `sending` with a fresh attempt id before its POST. Whoever finds it so later knows nothing of the
outcome: it becomes `unknown`, waits for a status that names the attempt, and is sent once more only after that.
Whoever changes several rows locks them in the order of their ids.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, exists, func, select, text, update

from models.conversation import SERVICE_WINDOW
from models.message import OutboundMessage, Purpose, Recipient
from models.tables import conversations, inbox, numbers, outbox
from store import leases
from store.codec import OUTBOUND, open_recipient
from store.outcomes import Outcomes

UNKNOWN_WAIT = timedelta(seconds=60)  # promise 2: how long a status may still name the attempt
ORDER_WAIT = timedelta(seconds=10)  # promise 3: how long the next row waits for `sent` after the acceptance
ORPHANED_AFTER = timedelta(seconds=10)  # longer than the POST's own limit: its sender is gone
INBOUND_WINDOW = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedNumber:
    """A number that is ours to send from until the lease runs out."""

    phone_number_id: str
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedMessage:
    """The next message of a conversation, not begun yet."""

    id: int
    phone_number_id: str
    conversation_id: UUID
    to: Recipient
    message: OutboundMessage
    queued_at: datetime
    received_at: datetime | None  # of the user's first message, where it answers one
    attempts: int
    turn_id: UUID | None = None
    purpose: Purpose = Purpose.ANSWER
    is_open: bool = True  # WhatsApp takes free text: the user wrote within the last 24 hours
    is_opted_out: bool = False  # the user wants no marketing


@dataclass(frozen=True, slots=True, kw_only=True)
class DueReceipt:
    """A user's message to be shown as read, with a typing indicator where the bot will answer."""

    conversation_id: UUID
    wamid: str
    typing: bool


# Heads of conversations: nothing of the conversation is under way or unknown, nor accepted so lately that Meta might
# turn the order round, and nothing goes before it. Answers first, then the longest waiting, so that under a load that
# is too high nobody waits for ever. The order is that of `ix_outbox_queued`.
HEADS = text("""
    SELECT mine.*, contacts.phone, contacts.user_id, contacts.opted_out,
           turns.received_at AS user_wrote_at,
           coalesce(conversations.last_inbound_at > now() - CAST(:window AS interval), false) AS is_open
      FROM outbox AS mine
      JOIN conversations ON conversations.id = mine.conversation_id
      JOIN contacts ON contacts.id = conversations.contact_id
      LEFT JOIN turns ON turns.id = mine.turn_id
     WHERE mine.phone_number_id = :phone_number_id AND mine.state = 'queued' AND mine.due_at <= now()
       AND NOT EXISTS (
           SELECT FROM outbox AS other
            WHERE other.phone_number_id = mine.phone_number_id AND other.conversation_id = mine.conversation_id
              AND other.id <> mine.id
              AND (other.state IN ('sending', 'unknown')
                   OR other.state = 'queued' AND (other.purpose, other.id) < (mine.purpose, mine.id)
                   OR other.state = 'accepted' AND other.accepted_at > now() - CAST(:order_wait AS interval)))
     ORDER BY mine.purpose, mine.id
     LIMIT :limit
""")

# The lease is checked in the same statement that begins the attempts: a sender that was too slow begins nothing. What
# Meta called the attempt before is forgotten: a late status of it must not decide this one.
_BEGIN = text("""
    WITH held AS (SELECT FROM numbers WHERE phone_number_id = :phone_number_id AND fence = :fence FOR SHARE),
    chosen AS (
        SELECT id FROM outbox WHERE id = ANY(:ids) AND state = 'queued' ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE outbox
       SET state = 'sending', attempt_id = gen_random_uuid(), attempts = attempts + 1, sending_at = now(),
           accepted_at = NULL, wamid = NULL, wamid_digest = NULL
      FROM held, chosen
     WHERE outbox.id = chosen.id
       -- Asked again here, since the user may have said so after the heads were looked at.
       AND (purpose <> 'campaign' OR NOT EXISTS (
           SELECT FROM conversations JOIN contacts ON contacts.id = conversations.contact_id
            WHERE conversations.id = outbox.conversation_id AND contacts.opted_out))
    RETURNING outbox.id, attempt_id
""")


class Outbox(Outcomes):
    """The sender's view of the store."""

    async def claim_numbers(self, owner: str, limit: int) -> list[ClaimedNumber]:
        """Take numbers that have something to send and that nobody sends from, the longest unserved first."""
        unfinished = exists().where(
            outbox.c.phone_number_id == numbers.c.phone_number_id,
            outbox.c.state.in_(["queued", "sending", "unknown"]),
        )
        unread = exists().where(
            conversations.c.phone_number_id == numbers.c.phone_number_id, conversations.c.unread_wamid.is_not(None)
        )
        async with self._database.write() as connection:
            rows = await leases.claim(
                connection,
                numbers,
                owner=owner,
                where=numbers.c.stopped_reason.is_(None) & (unfinished | unread),
                order_by=(_unserved_since(), numbers.c.phone_number_id),
                limit=limit,
            )
        return [ClaimedNumber(phone_number_id=row.phone_number_id, fence=row.fence) for row in rows]

    async def renew(self, owner: str, keys: Collection[str]) -> set[str]:
        """Keep these numbers of this owner's; give those that it still has."""
        async with self._database.write() as connection:
            return await leases.renew(connection, numbers, owner=owner, keys=keys)

    async def release(self, number: ClaimedNumber) -> None:
        """Let another sender have the number at once."""
        async with self._database.write() as connection:
            await leases.finish(connection, numbers, number.phone_number_id, number.fence)

    async def heads(self, phone_number_id: str, limit: int) -> list[QueuedMessage]:
        """Give the next message of each conversation of this number whose turn it is.

        Answers come before callbacks, and these before campaigns; the longest waiting first. Nothing is begun.
        """
        values = {
            "phone_number_id": phone_number_id,
            "limit": limit,
            "order_wait": ORDER_WAIT,
            "window": SERVICE_WINDOW,
        }
        async with self._database.read() as connection:
            rows = (await connection.execute(HEADS, values)).all()
        return [self._queued(row) for row in rows]

    async def begin(self, number: ClaimedNumber, ids: Sequence[int]) -> dict[int, UUID]:
        """Commit that these are being sent; give the attempt id of each that still could be begun."""
        values = {"phone_number_id": number.phone_number_id, "fence": number.fence, "ids": list(ids)}
        async with self._database.write() as connection:
            return {row.id: row.attempt_id for row in await connection.execute(_BEGIN, values)}

    async def postpone(self, key: int, delay: timedelta) -> None:
        """Keep a message back that has not been begun."""
        statement = update(outbox).where(outbox.c.id == key, outbox.c.state == "queued")
        async with self._database.write() as connection:
            await connection.execute(statement.values(due_at=func.now() + delay))

    async def stop_number(self, phone_number_id: str, reason: str) -> None:
        """Send nothing more from this number until someone starts it again."""
        async with self._database.write() as connection:
            await connection.execute(
                update(numbers).where(numbers.c.phone_number_id == phone_number_id).values(stopped_reason=reason)
            )

    async def settle_unknown(self, phone_number_id: str) -> int:
        """Find attempts whose sender is gone, and queue again what no status has named; give how many.

        Those are counted on the row as possible duplicates.
        """
        mine = outbox.c.phone_number_id == phone_number_id
        orphans = leases.in_order(
            outbox, mine & (outbox.c.state == "sending") & (outbox.c.sending_at < func.now() - ORPHANED_AFTER)
        )
        overdue = leases.in_order(
            outbox, mine & (outbox.c.state == "unknown") & (outbox.c.sending_at < func.now() - UNKNOWN_WAIT)
        )
        again = {"state": "queued", "due_at": func.now(), "possible_duplicates": outbox.c.possible_duplicates + 1}
        async with self._database.write() as connection:
            await connection.execute(update(outbox).where(outbox.c.id == orphans.c.id).values(state="unknown"))
            settled = await connection.execute(update(outbox).where(outbox.c.id == overdue.c.id).values(**again))
        return settled.rowcount

    async def recent_attempts(self, phone_number_id: str, within: timedelta) -> list[tuple[UUID, datetime]]:
        """Give (conversation, time) of the attempts so long ago at most, oldest first."""
        statement = (
            select(outbox.c.conversation_id, outbox.c.sending_at)
            .where(outbox.c.phone_number_id == phone_number_id, outbox.c.sending_at > func.now() - within)
            .order_by(outbox.c.sending_at)
        )
        async with self._database.read() as connection:
            return [(row.conversation_id, row.sending_at) for row in await connection.execute(statement)]

    async def inbound_per_s(self, phone_number_id: str) -> float:
        """Give how many messages came in by this number in the last second."""
        mine = inbox.c.phone_number_id == phone_number_id
        statement = select(func.count()).where(mine, inbox.c.received_at > func.now() - INBOUND_WINDOW)
        async with self._database.read() as connection:
            return float((await connection.execute(statement)).scalar_one())

    async def take_receipts(self, phone_number_id: str, limit: int) -> list[DueReceipt]:
        """Take read receipts that are due; what is taken and not shown is gone, which harms nobody."""
        due = (
            select(conversations.c.id, conversations.c.unread_wamid)
            .where(conversations.c.phone_number_id == phone_number_id, conversations.c.unread_wamid.is_not(None))
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).cte("due")
        statement = (
            update(conversations)
            .where(conversations.c.id == due.c.id)
            .values(unread_wamid=None)
            .returning(conversations.c.id, due.c.unread_wamid, conversations.c.taken_by)
        )
        async with self._database.write() as connection:
            rows = (await connection.execute(statement)).all()
        return [
            DueReceipt(
                conversation_id=row.id,
                wamid=self._keyring.decrypt_text(row.unread_wamid, "conversations.unread_wamid"),
                typing=row.taken_by is None,
            )
            for row in rows
        ]

    def _queued(self, row: Row[Any]) -> QueuedMessage:
        return QueuedMessage(
            id=row.id,
            phone_number_id=row.phone_number_id,
            conversation_id=row.conversation_id,
            to=open_recipient(self._keyring, row.phone, row.user_id),
            message=OUTBOUND.open(self._keyring, row.body),
            queued_at=row.created_at,
            received_at=row.user_wrote_at,
            attempts=row.attempts,
            turn_id=row.turn_id,
            purpose=Purpose(row.purpose),
            is_open=row.is_open,
            is_opted_out=row.opted_out,
        )


def _unserved_since() -> ColumnElement[Any]:
    """Since when a number has had to wait: a busy one that is given up goes behind those that had no sender at all."""
    mine = outbox.c.phone_number_id == numbers.c.phone_number_id
    queued = select(outbox.c.due_at).where(mine, outbox.c.state == "queued").order_by(outbox.c.purpose, outbox.c.id)
    last_sent = select(func.max(outbox.c.sending_at)).where(mine)
    since: ColumnElement[Any] = func.greatest(
        func.coalesce(queued.limit(1).scalar_subquery(), func.now()), last_sent.scalar_subquery()
    )
    return since
