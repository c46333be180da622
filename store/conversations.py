"""Conversations as work: claimed in batches, answered one at a time each, given back or failed."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Update, func, select, update

from models.message import OutboundMessage
from models.tables import conversations, inbox, outbox
from security.keyring import Keyring
from store import leases
from store.codec import OUTBOUND
from store.database import Database, Writing

MOST_TRIES = 3  # reported failures before the messages of a turn are buried
MOST_EXPIRIES = 10  # leases that ran out: kills and neighbours must bury nobody
RETRY_AFTER = timedelta(seconds=2)


# What an idle worker asks again and again: two probes of partial indexes that are all but empty then.
WORK_WAITS = """
    SELECT
     WHERE EXISTS (SELECT FROM inbox JOIN numbers USING (phone_number_id)
                    WHERE inbox.conversation_id IS NULL AND inbox.state = 'received')
        OR EXISTS (SELECT FROM conversations
                    WHERE ready_at <= now() AND (lease_until IS NULL OR lease_until < now()))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedConversation:
    """A conversation that is ours until its lease runs out."""

    id: UUID
    fence: int
    claimed_at: datetime
    is_worn_out: bool  # has failed so often that its messages are to be buried


class Conversations:
    """The conversation worker's view of the store."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        """Share the process's pool and keys."""
        self._database = database
        self._keyring = keyring

    async def work_waits(self) -> bool:
        """Say whether anything is to be routed or claimed; a fraction of the cost of trying.

        Raises:
            StoreUnavailable: retryable.
        """
        return await self._database.gives_rows(WORK_WAITS)

    async def claim(self, owner: str, limit: int) -> list[ClaimedConversation]:
        """Take up to `limit` conversations that are due, the longest waiting first.

        Raises:
            StoreUnavailable: retryable.
        """
        async with self._database.write() as connection:
            rows = (await connection.execute(claiming_due(owner, limit))).all()
            now = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
        return [_claimed(row, now) for row in rows]

    async def renew(self, owner: str, keys: Collection[UUID]) -> set[UUID]:
        """Keep these of this owner's; give the ids that it still has."""
        async with self._database.write() as connection:
            return await leases.renew(connection, conversations, owner=owner, keys=keys)

    async def give_back(self, claimed: ClaimedConversation) -> None:
        """Leave the work undone for another worker, at once."""
        async with self._database.write() as connection:
            await leases.give_back(connection, conversations, claimed.id, claimed.fence)

    async def fail(self, claimed: ClaimedConversation) -> None:
        """Report a failure of this conversation's own; it is tried again a little later."""
        async with self._database.write() as connection:
            await leases.fail(connection, conversations, claimed.id, claimed.fence, ready_at=func.now() + RETRY_AFTER)

    async def bury(self, claimed: ClaimedConversation, reason: str, farewell: OutboundMessage) -> None:
        """Put away the unanswered messages with the reason, and ask for a person; the conversation goes on.

        Args:
            claimed: the claim; raises LeaseLost when it is no longer ours.
            reason: a short phrase for operators, without anything a user wrote.
            farewell: tells the user that a person will come back to them; not sent where one is there already.
        """
        async with self._database.write() as connection:
            row = await leases.hold(connection, conversations, claimed.id, claimed.fence)
            await connection.execute(
                update(inbox)
                .where(inbox.c.conversation_id == claimed.id, inbox.c.state == "received")
                .values(state="buried", reason=reason)
            )
            if row.taken_by is None:
                await _queue(connection, row, OUTBOUND.seal(self._keyring, farewell))
            since = func.coalesce(conversations.c.wants_person_since, func.now())
            await leases.finish(
                connection, conversations, claimed.id, claimed.fence, ready_at=None, wants_person_since=since
            )


def claiming_due(owner: str, limit: int) -> Update:
    """Give the statement that claims conversations, the longest due first."""
    ready_at = conversations.c.ready_at
    return leases.claiming(conversations, owner=owner, where=ready_at <= func.now(), order_by=ready_at, limit=limit)


async def _queue(connection: Writing, row: Row[Any], body: bytes) -> None:
    await connection.execute(
        outbox.insert().values(phone_number_id=row.phone_number_id, conversation_id=row.id, body=body)
    )


def _claimed(row: Row[Any], now: datetime) -> ClaimedConversation:
    return ClaimedConversation(
        id=row.id,
        fence=row.fence,
        claimed_at=now,
        is_worn_out=row.tries >= MOST_TRIES or row.expiries >= MOST_EXPIRIES,
    )
