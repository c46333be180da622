"""Users who change their number: whom Meta calls the same person becomes one contact, and their conversations one.

One rule: two contacts become one only where it is certain that they are one person. That is where the new user id is
the other contact's, or where the other one has the new phone, no user id, and was not known before the change: a phone
may have been somebody else's. In doubt they stay two.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, delete, func, null, or_, select, text, update

from models.message import InboundMessage, Sender
from models.tables import contact_aliases, contacts, conversations, handoff_events, inbox, outbox, turns
from security.keyring import Keyring
from store import leases
from store.codec import seal_identity
from store.contacts import Scope, aliases, known_contacts, note, resolve, take_phone
from store.database import Database, Writing

BATCH = 20  # pairs a run

MERGED = select(contacts.c.id).where(contacts.c.merged_into.is_not(None))


async def follow(connection: Writing, keyring: Keyring, scope: Scope, message: InboundMessage) -> UUID:
    """Give the contact of a system message whose sender has another number now, with the new identity noted.

    Such a message comes for each of our numbers that the user has written to, and may come late: what is known already
    changes nothing.
    """
    new = message.moved_to
    assert new is not None  # noqa: S101 - asked for such messages only
    wanted = aliases(keyring, new)
    theirs = await known_contacts(connection, scope, wanted)
    mine = await _known_before(connection, keyring, scope, message)
    if mine is None:
        return await resolve(connection, keyring, scope, new, message.sent_at)
    if theirs.get("user_id" if "user_id" in wanted else "phone") == mine:
        return mine
    other = await _same_person(connection, theirs, message.sent_at)
    if other is not None and other != mine:
        await _absorb(connection, mine, other)
    await _move(connection, keyring, scope, mine, new)
    return mine


async def _known_before(connection: Writing, keyring: Keyring, scope: Scope, message: InboundMessage) -> UUID | None:
    """Give the contact that had the old identity. By its phone alone only if it was there before the change."""
    known = await known_contacts(connection, scope, aliases(keyring, message.sender))
    if "user_id" in known or "phone" not in known:
        return known.get("user_id")
    has_other_id = await _has_user_id(connection, known["phone"]) and message.sender.user_id is not None
    is_its_next_owner = await _met_at(connection, known["phone"]) > message.sent_at
    return None if has_other_id or is_its_next_owner else known["phone"]


async def _same_person(connection: Writing, theirs: Mapping[str, UUID], moved_at: datetime) -> UUID | None:
    """Give the contact that is certainly the same person under the new identity."""
    if "user_id" in theirs or "phone" not in theirs:
        return theirs.get("user_id")
    has_other_id = await _has_user_id(connection, theirs["phone"])
    may_be_an_owner_before = await _met_at(connection, theirs["phone"]) < moved_at
    return None if has_other_id or may_be_an_owner_before else theirs["phone"]


async def _has_user_id(connection: Writing, contact_id: UUID) -> bool:
    statement = select(contact_aliases.c.kind).where(
        contact_aliases.c.contact_id == contact_id, contact_aliases.c.kind == "user_id"
    )
    return (await connection.execute(statement.limit(1))).first() is not None


async def _met_at(connection: Writing, contact_id: UUID) -> datetime:
    met_at: datetime = (
        await connection.execute(select(contacts.c.met_at).where(contacts.c.id == contact_id))
    ).scalar_one()
    return met_at


async def _absorb(connection: Writing, mine: UUID, other: UUID) -> None:
    """Let every identity of the other contact be mine; its conversations follow when both are free."""
    of_other = contact_aliases.c.contact_id == other
    await connection.execute(update(contact_aliases).where(of_other).values(contact_id=mine))
    # Whoever was to become the other one becomes mine.
    followers = or_(contacts.c.id == other, contacts.c.merged_into == other)
    await connection.execute(update(contacts).where(followers).values(merged_into=mine))
    # What they said last of marketing holds.
    said = contacts.alias()
    newer = and_(said.c.id == other, or_(contacts.c.consent_at.is_(None), contacts.c.consent_at < said.c.consent_at))
    statement = update(contacts).where(contacts.c.id == mine, newer, said.c.consent_at.is_not(None))
    await connection.execute(statement.values(opted_out=said.c.opted_out, consent_at=said.c.consent_at))


async def _move(connection: Writing, keyring: Keyring, scope: Scope, mine: UUID, new: Sender) -> None:
    """Reach the contact where it is now. The old phone is not theirs any more, and may be anybody's."""
    wanted = aliases(keyring, new)
    old = and_(contact_aliases.c.contact_id == mine, contact_aliases.c.kind == "phone")
    if "phone" in wanted:
        await take_phone(connection, scope, mine, wanted["phone"])
        old = and_(old, contact_aliases.c.digest != wanted["phone"])
    await connection.execute(delete(contact_aliases).where(old))
    await note(connection, scope, mine, wanted)
    changes = {"phone": None, **seal_identity(keyring, new)}
    await connection.execute(update(contacts).where(contacts.c.id == mine).values(**changes))


class Merges:
    """The caretaker's view of contacts that became one."""

    def __init__(self, database: Database) -> None:
        """Share the process's pool."""
        self._database = database

    async def merge(self) -> int:
        """Give the conversations of merged contacts to who they are now; those under work wait for the next run.

        Returns:
            How many contacts are done.
        """
        async with self._database.read() as connection:
            ids = list((await connection.execute(MERGED.limit(BATCH))).scalars())
        return sum([await self._merge_one(contact_id) for contact_id in ids])

    async def _merge_one(self, contact_id: UUID) -> bool:
        async with self._database.read() as connection:
            theirs = select(conversations.c.id).where(conversations.c.contact_id == contact_id)
            ids = list((await connection.execute(theirs)).scalars())
        if not all([await self._hand_over(contact_id, conversation_id) for conversation_id in ids]):
            return False
        async with self._database.write() as connection:
            nobody = {"merged_into": None, "phone": None, "user_id": None, "name": None}
            await connection.execute(update(contacts).where(contacts.c.id == contact_id).values(**nobody))
        return True

    async def _hand_over(self, contact_id: UUID, conversation_id: UUID) -> bool:
        """One transaction a conversation: a worker that renews its leases takes several in the order of their keys."""
        async with self._database.write() as connection:
            await connection.execute(_ROUTING)  # no message is given to either meanwhile
            statement = (
                select(conversations, contacts.c.merged_into)
                .join(contacts, contacts.c.id == conversations.c.contact_id)
                .where(conversations.c.id == conversation_id, contacts.c.id == contact_id)
            )
            row = (await connection.execute(statement)).one_or_none()
            return row is None or await _hand_over(connection, row, row.merged_into)


_ROUTING = text("SELECT pg_advisory_xact_lock(hashtext('parley.routing'))")  # as `store/routing.py` takes it


async def _hand_over(connection: Writing, old: Row[Any], into: UUID) -> bool:
    """Give a conversation to a contact, or all that it holds to that contact's own with the same number.

    The emptied one stays as a row: to delete it would ask every message ever received whether it refers to it.
    """
    own = select(conversations.c.id).where(
        conversations.c.phone_number_id == old.phone_number_id, conversations.c.contact_id == into
    )
    target: UUID | None = (await connection.execute(own)).scalar_one_or_none()
    if target is None:
        await connection.execute(update(conversations).where(conversations.c.id == old.id).values(contact_id=into))
        return True
    claimed = await _claim_both(connection, (old.id, target))
    if len(claimed) < 2:
        return False
    await _move_rows(connection, old, target)
    await _move_standing(connection, claimed[old.id], target)
    return True


async def _claim_both(connection: Writing, ids: tuple[UUID, UUID]) -> dict[UUID, Row[Any]]:
    """Lock both, in the order of their keys, unless a worker holds one; who held them before writes nothing more."""
    is_free = or_(conversations.c.lease_until.is_(None), conversations.c.lease_until < func.now())
    locked = leases.in_order(conversations, and_(conversations.c.id.in_(ids), is_free))
    statement = (
        update(conversations)
        .where(conversations.c.id == locked.c.id)
        .values(fence=conversations.c.fence + 1, lease_owner=null(), lease_until=null())
        .returning(conversations)
    )
    return {row.id: row for row in await connection.execute(statement)}


async def _move_rows(connection: Writing, old: Row[Any], target: UUID) -> None:
    """Each part by an index that it has: none of these tables has one for all rows of a conversation."""
    turn_ids = select(turns.c.id).where(turns.c.conversation_id == old.id).scalar_subquery()
    unsent = outbox.c.state.in_(["queued", "sending", "unknown", "accepted"])
    for table, where in (
        (inbox, and_(inbox.c.conversation_id == old.id, inbox.c.state == "received")),
        (inbox, and_(inbox.c.conversation_id == old.id, inbox.c.state == "buried")),
        (inbox, inbox.c.turn_id.in_(turn_ids)),
        (outbox, and_(outbox.c.phone_number_id == old.phone_number_id, outbox.c.conversation_id == old.id, unsent)),
        (outbox, and_(outbox.c.conversation_id == old.id, outbox.c.turn_id.is_(None))),
        (outbox, outbox.c.turn_id.in_(turn_ids)),
        (turns, turns.c.conversation_id == old.id),
        (handoff_events, handoff_events.c.conversation_id == old.id),
    ):
        await connection.execute(update(table).where(where).values(conversation_id=target))


async def _move_standing(connection: Writing, old: Row[Any], target: UUID) -> None:
    """What is due, the window, and a person's part go along."""
    now = conversations.c
    merged = {
        "ready_at": func.least(now.ready_at, old.ready_at),
        "last_inbound_at": func.greatest(now.last_inbound_at, old.last_inbound_at),
        "unread_wamid": func.coalesce(now.unread_wamid, old.unread_wamid),
        "wants_person_since": func.least(now.wants_person_since, old.wants_person_since),
        "taken_by": func.coalesce(now.taken_by, old.taken_by),
        "language": func.coalesce(now.language, old.language),
    }
    await connection.execute(update(conversations).where(now.id == target).values(**merged))
    await connection.execute(update(conversations).where(now.id == old.id).values(**dict.fromkeys(merged)))
