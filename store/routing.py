"""From the inbox to conversations: whose message it is, and when its conversation is due.

One router works at a time (an advisory lock), in the order of arrival, so that a conversation's messages are given to
it in that order; several would gain nothing, since a pass takes hundreds of messages in a handful of statements.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Row, Select, func, insert, select, text, update

from models.conversation import SILENT, longest_wait, patience
from models.errors import MachineFailed
from models.message import InboundMessage, Sender
from models.tables import contacts, conversations, inbox, numbers, tenants
from security.keyring import CannotDecrypt, Keyring
from store.codec import INBOUND, seal_identity
from store.contacts import Scope, resolve
from store.database import Database, Writing
from store.leases import in_order
from store.moves import follow
from telemetry.metrics import ROWS_BURIED, STEP_SECONDS, Step

logger = logging.getLogger(__name__)

BATCH = 200

_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtext('parley.routing'))")

UNROUTED = (  # in the order of arrival
    select(inbox, numbers.c.tenant_id, numbers.c.portfolio, tenants.c.patience_ms)
    .join(numbers, numbers.c.phone_number_id == inbox.c.phone_number_id)
    .join(tenants, tenants.c.id == numbers.c.tenant_id)
    .where(inbox.c.conversation_id.is_(None), inbox.c.state == "received")
    .order_by(inbox.c.id)
)


class _Given(NamedTuple):
    """A message that was given to its conversation."""

    row: Row[Any]
    message: InboundMessage
    conversation_id: UUID


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
        try:
            return await self._route(UNROUTED.limit(BATCH))
        except MachineFailed:
            raise
        except Exception:  # one of them, most likely: its neighbours must not wait for it for ever
            logger.exception("messages could not be routed together and are tried one by one")
            return await self._route_one_by_one()

    async def _route(self, unrouted: Select[Any]) -> int:
        async with self._database.write() as connection:
            if not (await connection.execute(_LOCK)).scalar_one():
                return 0
            rows = (await connection.execute(unrouted)).all()
            given = [one for one in [await self._give(connection, row) for row in rows] if one is not None]
            await self._wake(connection, given)
        _observe(given)
        return len(rows)

    async def _route_one_by_one(self) -> int:
        """Route each message by a commit of its own, and bury those that fail.

        Where none succeeds the fault is not a message's (a table that is not migrated yet): nobody is buried then.
        """
        async with self._database.read() as connection:
            keys = [row.id for row in await connection.execute(UNROUTED.limit(BATCH))]
        failed: dict[int, Exception] = {}
        routed = 0
        for key in keys:
            try:
                routed += await self._route(UNROUTED.where(inbox.c.id == key))
            except MachineFailed:
                raise
            except Exception as error:
                failed[key] = error
        if failed and not routed:
            raise failed.popitem()[1]
        async with self._database.write() as connection:
            for key in failed:
                await _bury(connection, key, "the message could not be given to a conversation")
        return routed

    async def _give(self, connection: Writing, row: Row[Any]) -> _Given | None:
        """Note whose message it is; None for one that cannot be read."""
        try:
            message = INBOUND.open(self._keyring, row.body)
        except (CannotDecrypt, ValueError):  # this row alone: its neighbours must not wait for it for ever
            await _bury(connection, row.id, "the kept message cannot be read")
            return None
        scope = Scope(tenant_id=row.tenant_id, portfolio=row.portfolio)
        if message.moved_to is None:
            contact_id = await resolve(connection, self._keyring, scope, message.sender, message.sent_at)
            await self._keep_identity(connection, contact_id, message.sender)
        else:
            contact_id = await follow(connection, self._keyring, scope, message)
        conversation_id = await _conversation(connection, row, contact_id)
        await connection.execute(update(inbox).where(inbox.c.id == row.id).values(conversation_id=conversation_id))
        return _Given(row, message, conversation_id)

    async def _wake(self, connection: Writing, given: Sequence[_Given]) -> None:
        """Make the conversations due, all of them locked first: a worker that renews its leases locks several, too."""
        if not given:
            return
        locked = in_order(conversations, conversations.c.id.in_({one.conversation_id for one in given}))
        await connection.execute(select(locked))
        for one in given:
            await self._make_ready(connection, one.conversation_id, one.row, one.message)

    async def _make_ready(
        self, connection: Writing, conversation_id: UUID, row: Row[Any], message: InboundMessage
    ) -> None:
        """Note that there is something to do; after what asks for an answer, after a short wait for more."""
        changes: dict[str, Any] = {"last_inbound_at": func.greatest(conversations.c.last_inbound_at, row.sent_at)}
        if message.kind in SILENT:  # no answer is being written: nobody is shown that one is, and no wait is cut short
            changes["ready_at"] = func.coalesce(conversations.c.ready_at, row.received_at)
        else:
            changes["ready_at"] = _due(conversation_id, row, message)
            changes["unread_wamid"] = self._keyring.encrypt_text(message.wamid, "conversations.unread_wamid")
        await connection.execute(update(conversations).where(conversations.c.id == conversation_id).values(**changes))

    async def _keep_identity(self, connection: Writing, contact_id: UUID, sender: Sender) -> None:
        """Remember how to reach the contact: what came last is what Meta takes today."""
        sealed = seal_identity(self._keyring, sender)
        await connection.execute(update(contacts).where(contacts.c.id == contact_id).values(**sealed))


def _due(conversation_id: UUID, row: Row[Any], message: InboundMessage) -> ColumnElement[Any]:
    """When to answer, if nothing more comes; bounded from the first unanswered line."""
    unfinished = timedelta(milliseconds=row.patience_ms)
    first = select(func.min(inbox.c.received_at)).where(
        inbox.c.conversation_id == conversation_id, inbox.c.state == "received"
    )
    due: ColumnElement[Any] = func.least(
        row.received_at + patience(message, unfinished), first.scalar_subquery() + longest_wait(unfinished)
    )
    return due


def _observe(given: Sequence[_Given]) -> None:
    now = datetime.now(UTC)
    for one in given:
        STEP_SECONDS.observe(max((now - one.row.received_at).total_seconds(), 0.0), step=Step.ROUTE)


async def _bury(connection: Writing, key: int, reason: str) -> None:
    logger.error("a kept message was buried", extra={"inbox_id": key, "reason": reason})
    ROWS_BURIED.add(1, queue="inbox")
    await connection.execute(update(inbox).where(inbox.c.id == key).values(state="buried", reason=reason))


async def _conversation(connection: Writing, row: Row[Any], contact_id: UUID) -> UUID:
    """Give the contact's conversation with the number, made if new; nobody else makes any while we hold the lock."""
    table = conversations
    known = select(table.c.id).where(table.c.phone_number_id == row.phone_number_id, table.c.contact_id == contact_id)
    conversation_id: UUID | None = (await connection.execute(known)).scalar_one_or_none()
    if conversation_id is None:
        conversation_id = uuid4()
        values = {"tenant_id": row.tenant_id, "phone_number_id": row.phone_number_id, "contact_id": contact_id}
        await connection.execute(insert(table).values(id=conversation_id, **values))
    return conversation_id
