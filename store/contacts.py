"""Who wrote: raw identities become contacts, behind the ingress.

The business-scoped user id wins over the phone, since a phone may move to another person. A contact known by its
phone only takes the user id that comes with that phone; two contacts that both have a user id never become one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from models.message import Sender
from models.tables import contact_aliases, contacts
from security.keyring import Keyring
from store.codec import seal_identity
from store.database import Writing

Alias = tuple[str, bytes]  # kind, digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where identities are unique: a business-scoped user id means something within one portfolio only.

    Tenants of one portfolio still share nobody: what one of them knows of a person is not the other's.
    """

    tenant_id: UUID
    portfolio: str


async def resolve(connection: Writing, keyring: Keyring, scope: Scope, sender: Sender, sent_at: datetime) -> UUID:
    """Give the contact of who wrote at this time, made if new, with every identity that came along noted."""
    wanted = aliases(keyring, sender)
    known = await known_contacts(connection, scope, wanted)
    contact_id = known.get("user_id") or known.get("phone")
    if contact_id is not None and await _is_of_other_user(connection, contact_id, known, wanted):
        contact_id = None
    if contact_id is None:
        contact_id = await _create(connection, keyring, scope, sender, sent_at)
    if "phone" in wanted:
        await take_phone(connection, scope, contact_id, wanted["phone"])
    await note(connection, scope, contact_id, wanted)
    return contact_id


def aliases(keyring: Keyring, sender: Sender) -> dict[str, bytes]:
    """Give the blind indexes of the identities that a sender has, by kind."""
    values = {"user_id": sender.user_id, "phone": sender.phone}
    return {kind: keyring.blind_index(value, kind) for kind, value in values.items() if value}


async def known_contacts(connection: Writing, scope: Scope, wanted: Mapping[str, bytes]) -> dict[str, UUID]:
    """Give the contacts that have these identities, by kind."""
    table = contact_aliases
    statement = select(table.c.kind, table.c.contact_id).where(
        table.c.tenant_id == scope.tenant_id,
        table.c.portfolio == scope.portfolio,
        tuple_(table.c.kind, table.c.digest).in_(list(wanted.items())),
    )
    return {kind: contact_id for kind, contact_id in await connection.execute(statement)}


async def _is_of_other_user(
    connection: Writing, contact_id: UUID, known: Mapping[str, UUID], wanted: Mapping[str, bytes]
) -> bool:
    """Say whether a contact found by phone belongs to a user id other than the one that came."""
    if "user_id" in known or "user_id" not in wanted:
        return False
    statement = select(contact_aliases.c.digest).where(
        contact_aliases.c.contact_id == contact_id, contact_aliases.c.kind == "user_id"
    )
    return (await connection.execute(statement)).first() is not None


async def _create(connection: Writing, keyring: Keyring, scope: Scope, sender: Sender, sent_at: datetime) -> UUID:
    contact_id = uuid4()
    values = {"tenant_id": scope.tenant_id, "met_at": sent_at, **seal_identity(keyring, sender)}
    await connection.execute(insert(contacts).values(id=contact_id, **values))
    return contact_id


async def take_phone(connection: Writing, scope: Scope, contact_id: UUID, phone: bytes) -> None:
    """Forget the phone of whoever had it before: an answer to them would reach its new owner.

    Somebody who was known by this phone alone keeps it; there is no other way to reach them.
    """
    before = select(contact_aliases.c.contact_id).where(
        contact_aliases.c.tenant_id == scope.tenant_id,
        contact_aliases.c.portfolio == scope.portfolio,
        contact_aliases.c.kind == "phone",
        contact_aliases.c.digest == phone,
        contact_aliases.c.contact_id != contact_id,
    )
    statement = update(contacts).where(contacts.c.id.in_(before), contacts.c.user_id.is_not(None))
    await connection.execute(statement.values(phone=None))


async def note(connection: Writing, scope: Scope, contact_id: UUID, wanted: Mapping[str, bytes]) -> None:
    """Let these identities be the contact's, whoever had them before."""
    rows = [
        {
            "tenant_id": scope.tenant_id,
            "portfolio": scope.portfolio,
            "kind": kind,
            "digest": digest,
            "contact_id": contact_id,
        }
        for kind, digest in sorted(wanted.items())
    ]
    statement = insert(contact_aliases).values(rows)
    moved = statement.on_conflict_do_update(
        index_elements=["tenant_id", "portfolio", "kind", "digest"],
        set_={"contact_id": statement.excluded.contact_id},
        where=contact_aliases.c.contact_id != statement.excluded.contact_id,
    )
    await connection.execute(moved)
