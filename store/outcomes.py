"""What became of the attempts to send a message: each outcome is one commit, and of one attempt.

A row that has moved on since (a status was quicker, or another attempt was begun) keeps its state.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, insert, select, update

from models.lifecycle import OUTBOX_STEPS, OutboxState, before
from models.message import OutboundKind, OutboundMessage, Purpose
from models.tables import conversations, outbox, tenants
from security.keyring import Keyring
from store.codec import OUTBOUND
from store.consent import note_of_outbox
from store.database import Database, Writing


class Outcomes:
    """The half of the outbox that a sender writes after a POST, or instead of one."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        """Share the process's pool and keys."""
        self._database = database
        self._keyring = keyring

    async def accepted(self, key: int, attempt_id: UUID, wamid: str) -> None:
        """Note Graph's 200 and its id of the message, unless a status has said more by now.

        This and the other three outcomes are of one attempt; where the message has begun another since, nothing is
        noted.
        """
        await self._end(
            key,
            attempt_id,
            OutboxState.ACCEPTED,
            accepted_at=func.now(),
            wamid=self._keyring.encrypt_text(wamid, "outbox.wamid"),
            wamid_digest=self._keyring.blind_index(wamid, "wamid"),
        )

    async def retry(self, key: int, attempt_id: UUID, delay: timedelta, code: int) -> None:
        """Queue again what Graph is known not to have taken."""
        under_way = (OutboxState.SENDING, OutboxState.UNKNOWN)  # not what a status has ended meanwhile
        due_at = func.now() + delay
        await self._end(key, attempt_id, OutboxState.QUEUED, only=under_way, due_at=due_at, error_code=code)

    async def unknown(self, key: int, attempt_id: UUID, code: int | None = None) -> None:
        """Note that Graph may or may not have taken it."""
        await self._end(key, attempt_id, OutboxState.UNKNOWN, error_code=code)

    async def failed(
        self, key: int, attempt_id: UUID, code: int | None, reason: str, *, asks_person: bool = False
    ) -> None:
        """End a message that will never be sent; the reason is Graph's own title or ours.

        Args:
            key: of the row.
            attempt_id: that failed.
            code: of Graph's.
            reason: shown to the operator.
            asks_person: whether nothing but a person can help the user now.
        """
        async with self._database.write() as connection:
            await self._lock_conversation(connection, key)
            if await self._fail(connection, key, attempt_id, code, reason) and asks_person:
                await _ask_person(connection, key)

    async def opted_out(self, key: int, attempt_id: UUID, code: int) -> None:
        """End a message whose user wants no marketing, and remember that."""
        async with self._database.write() as connection:
            if await self._fail(connection, key, attempt_id, code, "opted_out"):
                await note_of_outbox(connection, outbox.c.id == key)

    async def withhold(self, key: int, reason: str) -> None:
        """End a message that has not been begun, and must not be."""
        async with self._database.write() as connection:
            await self._fail(connection, key, None, None, reason)

    async def window_closed(self, key: int, attempt_id: UUID | None = None, code: int | None = None) -> bool:
        """Keep an answer for the operator that WhatsApp takes no more; give whether a person was asked for.

        The tenant's template goes out instead where it has named one, once until the user writes again.

        Args:
            key: of the row.
            attempt_id: which Graph refused; None where nothing was begun.
            code: of Graph's.
        """
        async with self._database.write() as connection:
            conversation = await self._lock_conversation(connection, key)
            if not await self._fail(connection, key, attempt_id, code, "window_closed"):
                return False
            if conversation.window_template is not None:
                await self._call_back(connection, key, conversation)
                return False
            await _ask_person(connection, key)
            return True

    async def _lock_conversation(self, connection: Writing, key: int) -> Any:
        """Lock it before its messages, as turns and people do."""
        columns = (conversations.c.last_inbound_at, tenants.c.window_template)
        statement = select(*columns).join(tenants, tenants.c.id == conversations.c.tenant_id)
        mine = statement.where(conversations.c.id == _conversation_of(key))
        return (await connection.execute(mine.with_for_update(key_share=True, of=conversations))).one_or_none()

    async def _fail(
        self, connection: Writing, key: int, attempt_id: UUID | None, code: int | None, reason: str
    ) -> bool:
        """Take the step to `failed`, where it is legal; without an attempt, only of what has not been begun."""
        allowed = [OutboxState.QUEUED.value] if attempt_id is None else before(OUTBOX_STEPS, OutboxState.FAILED)
        mine = update(outbox).where(outbox.c.id == key, outbox.c.state.in_(allowed))
        if attempt_id is not None:
            mine = mine.where(outbox.c.attempt_id == attempt_id)
        failed = mine.values(state=OutboxState.FAILED, error_code=code, reason=reason, failed_at=func.now())
        return bool((await connection.execute(failed)).rowcount)

    async def _call_back(self, connection: Writing, key: int, conversation: Any) -> None:
        template = OutboundMessage(kind=OutboundKind.TEMPLATE, template=conversation.window_template)
        of_row = select(outbox.c.phone_number_id, outbox.c.conversation_id, outbox.c.turn_id).where(outbox.c.id == key)
        row = (await connection.execute(of_row)).one()
        called = select(outbox.c.id).where(
            outbox.c.conversation_id == row.conversation_id,
            outbox.c.purpose == Purpose.CALLBACK,
            outbox.c.created_at > func.coalesce(conversation.last_inbound_at, func.to_timestamp(0)),
        )
        if (await connection.execute(called.limit(1))).first() is None:
            body = OUTBOUND.seal(self._keyring, template)
            await connection.execute(insert(outbox).values(**row._mapping, purpose=Purpose.CALLBACK, body=body))

    async def _end(
        self, key: int, attempt_id: UUID, new: OutboxState, only: Sequence[OutboxState] = (), **values: Any
    ) -> None:
        """Take one legal step; a row that has moved on (a status was quicker) keeps its state and takes the wamid."""
        allowed = [state.value for state in only] or before(OUTBOX_STEPS, new)
        mine = update(outbox).where(outbox.c.id == key, outbox.c.attempt_id == attempt_id)
        changed = mine.where(outbox.c.state.in_(allowed)).values(state=new, **values)
        late = {name: value for name, value in values.items() if name in ("wamid", "wamid_digest")}
        async with self._database.write() as connection:
            if (await connection.execute(changed)).rowcount == 0 and late:
                await connection.execute(mine.values(**late))


def _conversation_of(key: int) -> ColumnElement[Any]:
    return select(outbox.c.conversation_id).where(outbox.c.id == key).scalar_subquery()


async def _ask_person(connection: Writing, key: int) -> None:
    since = func.coalesce(conversations.c.wants_person_since, func.now())
    wanted = update(conversations).where(conversations.c.id == _conversation_of(key))
    await connection.execute(wanted.values(wants_person_since=since))
