"""A person answers instead of the bot: which conversations wait, and taking, replying and handing back.

The row of the conversation is locked for each act, as a turn's commit locks it: of two people exactly one takes it, and
a turn that commits after the taking says nothing. Each act leaves its record in the same commit.
"""

import logging
import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, insert, select, update

from models.conversation import SERVICE_WINDOW
from models.handoff import (
    LINES,
    MOST_LINES,
    NAME_LENGTH,
    TEXT_LENGTH,
    Act,
    NotSayable,
    SummaryPage,
    Thread,
    UnknownConversation,
    Which,
    Why,
    WindowClosed,
    WithSomebodyElse,
)
from models.message import OutboundMessage
from models.tables import conversations, handoff_events, outbox, tenants
from security.keyring import Keyring
from store import summaries, threads
from store.codec import OUTBOUND
from store.database import Database, Writing

logger = logging.getLogger(__name__)

_BEGINNING = re.compile(r"[0-9a-f]{4,32}")


class Handoff:
    """All that people may see of conversations and do to them, for the command line and the operator application."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        """Share the process's pool and keys."""
        self._database = database
        self._keyring = keyring

    async def conversations(
        self, which: Which, *, tenant: str | None = None, after: str | None = None, limit: int = LINES
    ) -> SummaryPage:
        """List a page of conversations.

        Args:
            which: the list, each in its own order.
            tenant: slug of the only tenant wanted.
            after: `next` of the page before.
            limit: 1 to 200.

        Raises:
            NotSayable: `after` is no such place.
            StoreUnavailable: retryable.
        """
        limit = _within_limits(limit)
        statement = summaries.LISTS[which](after).limit(limit + 1)
        if tenant is not None:
            statement = statement.where(tenants.c.slug == tenant)
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        has_next = len(rows) > limit and which is not Which.RECENT
        return SummaryPage(
            conversations=tuple(summaries.summary(self._keyring, row) for row in rows[:limit]),
            next=summaries.place(rows[limit - 1]) if has_next else None,
        )

    async def find(self, beginning: str) -> UUID:
        """Give the id that begins so, with or without hyphens, as a person may type it.

        Raises:
            UnknownConversation: none does.
            NotSayable: several do, or it is no such beginning.
            StoreUnavailable: retryable.
        """
        digits = beginning.replace("-", "").lower()
        if not _BEGINNING.fullmatch(digits):
            raise NotSayable("An id has 4 to 32 hexadecimal digits here: as many as tell it from the others.")
        first, last = UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
        statement = select(conversations.c.id).where(conversations.c.id.between(first, last)).limit(2)
        async with self._database.read() as connection:
            found: Sequence[UUID] = (await connection.execute(statement)).scalars().all()
        if len(found) > 1:
            raise NotSayable("The ids of several conversations begin so; type more of it.")
        if not found:
            raise _unknown()
        return found[0]

    async def show(self, key: UUID, *, before: str | None = None, limit: int = LINES) -> Thread:
        """Give a conversation with its newest lines, or those before a place that `before` of another page names.

        Raises:
            UnknownConversation: there is none.
            NotSayable: `before` is no such place.
            StoreUnavailable: retryable.
        """
        until = summaries.instant(before) if before is not None else None
        async with self._database.read() as connection:
            row = (await connection.execute(summaries.SUMMARIES.where(conversations.c.id == key))).one_or_none()
            if row is None:
                raise _unknown()
            page = await threads.page(connection, self._keyring, key, until, _within_limits(limit))
            deeds = await threads.deeds(connection, key)
        return Thread(
            conversation=summaries.summary(self._keyring, row),
            lines=page.lines,
            deeds=deeds,
            before=summaries.microseconds(page.oldest) if page.oldest else None,
        )

    async def why(self, key: UUID, turn_id: UUID) -> Why:
        """Tell why the bot said what it said in a turn.

        Raises:
            UnknownConversation: there is no such turn of this conversation.
            StoreUnavailable: retryable.
        """
        async with self._database.read() as connection:
            found = await threads.why(connection, self._keyring, key, turn_id)
        if found is None:
            raise UnknownConversation("There is no such answer in this conversation.")
        return found

    async def take(self, key: UUID, person: str, *, instead_of: str | None = None) -> None:
        """Let a person answer from now on; whoever has it already keeps it.

        Args:
            key: the conversation.
            person: who takes it.
            instead_of: who is believed to have it; None: nobody.

        Raises:
            WithSomebodyElse: it is with somebody else than believed.
            UnknownConversation: there is none.
            NotSayable: the name cannot be kept.
            StoreUnavailable: retryable.
        """
        person = _name(person)
        async with self._database.write() as connection:
            row = await _locked(connection, key)
            if row.taken_by == person:
                return
            if row.taken_by != instead_of:
                raise _with_another(row)
            since = func.coalesce(conversations.c.wants_person_since, func.now())
            await _set(connection, key, taken_by=person, wants_person_since=since)
            await _record(connection, key, Act.TOOK, person)
        _log("conversation taken", key)

    async def reply(self, key: UUID, person: str, text: str, *, request_id: UUID) -> int:
        """Queue what a person says, behind what is already on its way; give the id of the outbox's row.

        Args:
            key: the conversation.
            person: who has taken it.
            text: 1 to 4,096 characters.
            request_id: the same for a second try of the same reply, which then is not queued again.

        Raises:
            WithSomebodyElse: this person has not taken it.
            WindowClosed: the user's last message is older than 24 hours.
            NotSayable: the text is empty or too long.
            UnknownConversation: there is none.
            StoreUnavailable: retryable, with the same `request_id`.
        """
        person, text = _name(person), _sayable(text)
        async with self._database.write() as connection:
            row = await _locked(connection, key)
            if (queued := await _queued_before(connection, key, request_id)) is not None:
                return queued
            _check_may_reply(row, person)
            outbox_id = await self._queue(connection, row, text)
            await _record(connection, key, Act.REPLIED, person, outbox_id=outbox_id, request_id=request_id)
        _log("a person replied", key)
        return outbox_id

    async def hand_back(self, key: UUID, person: str) -> None:
        """Let the bot answer what comes from now on; the request for a person is over.

        Raises:
            WithSomebodyElse: this person does not have it.
            UnknownConversation: there is none.
            StoreUnavailable: retryable.
        """
        person = _name(person)
        async with self._database.write() as connection:
            row = await _locked(connection, key)
            if row.taken_by is None or row.taken_by != person:
                raise _with_another(row)
            await _set(connection, key, taken_by=None, wants_person_since=None)
            await _record(connection, key, Act.HANDED_BACK, person)
        _log("conversation handed back", key)

    async def _queue(self, connection: Writing, row: Row[Any], text: str) -> int:
        body = OUTBOUND.seal(self._keyring, OutboundMessage(body=text))
        statement = insert(outbox).values(phone_number_id=row.phone_number_id, conversation_id=row.id, body=body)
        return int((await connection.execute(statement.returning(outbox.c.id))).scalar_one())


async def _locked(connection: Writing, key: UUID) -> Row[Any]:
    columns = (
        conversations.c.id,
        conversations.c.phone_number_id,
        conversations.c.taken_by,
        (conversations.c.last_inbound_at > func.now() - SERVICE_WINDOW).label("is_open"),
    )
    # Not FOR UPDATE: that would also wait for whoever only refers to the row.
    statement = select(*columns).where(conversations.c.id == key).with_for_update(key_share=True)
    row = (await connection.execute(statement)).one_or_none()
    if row is None:
        raise _unknown()
    return row


async def _queued_before(connection: Writing, key: UUID, request_id: UUID) -> int | None:
    statement = select(handoff_events.c.conversation_id, handoff_events.c.outbox_id)
    row = (await connection.execute(statement.where(handoff_events.c.request_id == request_id))).one_or_none()
    if row is None:
        return None
    if row.conversation_id != key:
        raise NotSayable("The request id was used for another conversation.")
    return int(row.outbox_id)


def _check_may_reply(row: Row[Any], person: str) -> None:
    if row.taken_by is None or row.taken_by != person:
        raise _with_another(row)
    if not row.is_open:
        raise WindowClosed(
            "The user's last message is older than 24 hours, so WhatsApp takes no free text: wait until they write."
        )


async def _set(connection: Writing, key: UUID, **values: Any) -> None:
    await connection.execute(update(conversations).where(conversations.c.id == key).values(**values))


async def _record(connection: Writing, key: UUID, act: Act, person: str, **about: Any) -> None:
    row = {"conversation_id": key, "act": act.value, "person": person, **about}
    await connection.execute(insert(handoff_events).values(**row))


def _log(event: str, key: UUID) -> None:
    logger.info(event, extra={"conversation": str(key)})


def _with_another(row: Row[Any]) -> WithSomebodyElse:
    if row.taken_by is None:
        return WithSomebodyElse("Nobody has taken this conversation; take it first.")
    return WithSomebodyElse(f"{row.taken_by} has this conversation.", row.taken_by)


def _unknown() -> UnknownConversation:
    return UnknownConversation("There is no conversation with this id.")


def _name(person: str) -> str:
    name = person.strip()
    if not name or len(name) > NAME_LENGTH or not name.isprintable():
        raise NotSayable(f"A person's name has 1 to {NAME_LENGTH} printable characters.")
    return name


def _sayable(text: str) -> str:
    said = text.strip()
    if not said:
        raise NotSayable("The reply is empty.")
    if len(said) > TEXT_LENGTH:
        raise NotSayable(f"The reply has more than the {TEXT_LENGTH} characters that WhatsApp takes.")
    return said


def _within_limits(limit: int) -> int:
    return min(max(limit, 1), MOST_LINES)
