"""From the inbox to conversations: whose message it is, and when its conversation is due.

One router works at a time (an advisory lock), in the order of arrival, so that a conversation's messages are given to
it in that order; several would gain nothing, since a pass takes hundreds of messages in a handful of statements.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from models.conversation import patience
from models.message import InboundMessage, Sender
from models.tables import contacts, conversations, inbox, numbers
from security.keyring import CannotDecrypt, Keyring
from store.codec import INBOUND, seal_identity
from store.contacts import Scope, resolve
from store.database import Database, Writing
from telemetry.metrics import ROWS_BURIED

logger = logging.getLogger(__name__)

BATCH = 200
LONGEST_WAIT = timedelta(seconds=3)  # for more lines, from the first unanswered one

_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtext('parley.routing'))")


class Router:
    """Any conversation worker may call it; one at a time does the work."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        """Share the process's pool and keys."""
        self._database = database
        self._keyring = keyring

    async def route(self) -> int:
        """Give up to 200 messages to their conversations; 0 when there are none, or when another worker is at it.

        Raises:
            StoreUnavailable: retryable.
        """
        async with self._database.write() as connection:
            rows = await _unrouted(connection)
            for row in rows:
                await self._route_one(connection, row)
        return len(rows)

    async def _route_one(self, connection: Writing, row: Row[Any]) -> None:
        try:
            message = INBOUND.open(self._keyring, row.body)
        except (CannotDecrypt, ValueError):  # this row alone: its neighbours must not wait for it for ever
            await _bury(connection, row.id, "the kept message cannot be read")
            return
        scope = Scope(tenant_id=row.tenant_id, portfolio=row.portfolio)
        contact_id = await resolve(connection, self._keyring, scope, message.sender)
        conversation_id = await _conversation(connection, row, contact_id)
        await connection.execute(update(inbox).where(inbox.c.id == row.id).values(conversation_id=conversation_id))
        await self._make_ready(connection, conversation_id, row, message)
        await self._keep_identity(connection, contact_id, message.sender)

    async def _make_ready(
        self, connection: Writing, conversation_id: UUID, row: Row[Any], message: InboundMessage
    ) -> None:
        """Note that there is something to answer, after a short wait for more, bounded from the first line."""
        first = (
            select(func.min(inbox.c.received_at))
            .where(inbox.c.conversation_id == conversation_id, inbox.c.state == "received")
            .scalar_subquery()
        )
        statement = (
            update(conversations)
            .where(conversations.c.id == conversation_id)
            .values(
                ready_at=func.least(row.received_at + patience(message), first + LONGEST_WAIT),
                last_inbound_at=func.greatest(conversations.c.last_inbound_at, row.sent_at),
                unread_wamid=self._keyring.encrypt_text(message.wamid, "conversations.unread_wamid"),
            )
        )
        await connection.execute(statement)

    async def _keep_identity(self, connection: Writing, contact_id: UUID, sender: Sender) -> None:
        """Remember how to reach the contact: what came last is what Meta takes today."""
        sealed = seal_identity(self._keyring, sender)
        await connection.execute(update(contacts).where(contacts.c.id == contact_id).values(**sealed))


async def _unrouted(connection: Writing) -> Sequence[Row[Any]]:
    if not (await connection.execute(_LOCK)).scalar_one():
        return []
    statement = (
        select(inbox, numbers.c.tenant_id, numbers.c.portfolio)
        .join(numbers, numbers.c.phone_number_id == inbox.c.phone_number_id)
        .where(inbox.c.conversation_id.is_(None), inbox.c.state == "received")
        .order_by(inbox.c.id)
        .limit(BATCH)
    )
    rows: Sequence[Row[Any]] = (await connection.execute(statement)).all()
    return rows


async def _bury(connection: Writing, key: int, reason: str) -> None:
    logger.error("a kept message was buried", extra={"inbox_id": key, "reason": reason})
    ROWS_BURIED.add(1, queue="inbox")
    await connection.execute(update(inbox).where(inbox.c.id == key).values(state="buried", reason=reason))


async def _conversation(connection: Writing, row: Row[Any], contact_id: UUID) -> UUID:
    statement = insert(conversations).values(
        id=uuid4(), tenant_id=row.tenant_id, phone_number_id=row.phone_number_id, contact_id=contact_id
    )
    # A no-op update, so that the existing row's id comes back.
    same = statement.on_conflict_do_update(
        index_elements=["phone_number_id", "contact_id"], set_={"contact_id": contact_id}
    ).returning(conversations.c.id)
    conversation_id: UUID = (await connection.execute(same)).scalar_one()
    return conversation_id
