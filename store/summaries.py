"""Conversations in lists, for people: who waits, who is with whom, who wrote lately; and places in those lists."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, func, select, tuple_

from models.handoff import ConversationSummary, NotSayable, Which
from models.tables import contacts, conversations, inbox, tenants
from security.keyring import Keyring

RECENT_MESSAGES = 1000  # the newest of the inbox, among which `recent` looks: by the primary key, whatever the size
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SUMMARIES: Select[Any] = (
    select(
        conversations.c.id,
        conversations.c.wants_person_since,
        conversations.c.taken_by,
        conversations.c.last_inbound_at,
        tenants.c.slug,
        contacts.c.name,
        contacts.c.phone,
    )
    .join(tenants, tenants.c.id == conversations.c.tenant_id)
    .join(contacts, contacts.c.id == conversations.c.contact_id)
)


def waiting(after: str | None = None) -> Select[Any]:
    """Give the statement that lists who waits for a person, the longest waiting first."""
    return _with_request(conversations.c.taken_by.is_(None), after)


def taken(after: str | None = None) -> Select[Any]:
    """Give the statement that lists what people have taken."""
    return _with_request(conversations.c.taken_by.is_not(None), after)


def recent(_after: str | None = None) -> Select[Any]:
    """Give the statement that lists who wrote lately, the latest first."""
    newest = select(inbox.c.id, inbox.c.conversation_id).order_by(inbox.c.id.desc()).limit(RECENT_MESSAGES).subquery()
    latest = (
        select(newest.c.conversation_id, func.max(newest.c.id).label("last"))
        .where(newest.c.conversation_id.is_not(None))
        .group_by(newest.c.conversation_id)
        .subquery()
    )
    return SUMMARIES.join(latest, latest.c.conversation_id == conversations.c.id).order_by(latest.c.last.desc())


LISTS = {Which.WAITING: waiting, Which.TAKEN: taken, Which.RECENT: recent}


def _with_request(where: ColumnElement[bool], after: str | None) -> Select[Any]:
    since = conversations.c.wants_person_since
    statement = SUMMARIES.where(since.is_not(None), where).order_by(since, conversations.c.id)
    if after is None:
        return statement
    at, _, key = after.partition(".")
    return statement.where(tuple_(since, conversations.c.id) > (instant(at), _key(key)))


def summary(keyring: Keyring, row: Row[Any]) -> ConversationSummary:
    """Read a row of `SUMMARIES`."""
    return ConversationSummary(
        id=row.id,
        tenant=row.slug,
        contact=_contact(keyring, row),
        since=row.wants_person_since,
        taken_by=row.taken_by,
        last_inbound_at=row.last_inbound_at,
    )


def _contact(keyring: Keyring, row: Row[Any]) -> str:
    """Tell people apart without showing the whole number to whoever looks over a shoulder."""
    name = keyring.decrypt_text(row.name, "contacts.name") if row.name else "no name"
    phone = keyring.decrypt_text(row.phone, "contacts.phone") if row.phone else ""
    return f"{name} (…{phone[-4:]})" if phone else name


def place(row: Row[Any]) -> str:
    """Give where the page after this row begins, as text that needs no quoting in a URL."""
    return f"{microseconds(row.wants_person_since)}.{row.id}"


def microseconds(at: datetime) -> str:
    """Write an instant as a place in a thread."""
    return str((at - _EPOCH) // timedelta(microseconds=1))


def instant(text: str) -> datetime:
    """Read what `microseconds` wrote.

    Raises:
        NotSayable: it did not.
    """
    try:
        return _EPOCH + timedelta(microseconds=int(text))
    except (ValueError, OverflowError):
        raise NotSayable("That is no place in this list.") from None


def _key(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotSayable("That is no place in this list.") from None
