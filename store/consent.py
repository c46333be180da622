"""What contacts say of marketing: the latest word counts, by Meta's clock, whatever comes when."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, func, or_, select, text, tuple_, update

from models.message import Consent, Preference
from models.tables import contact_aliases, contacts, conversations, numbers, other_updates, outbox
from security.keyring import CannotDecrypt, Keyring
from store.contacts import aliases
from store.database import Database, Writing

logger = logging.getLogger(__name__)

# Since a contact whose first message is not routed yet is not known: looked at again for so long.
_STRANGER_FOR = text("now() - interval '1 day'")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptUpdate:
    """A webhook that nobody has acted on, as it came."""

    id: int
    phone_number_id: str | None
    raw: Mapping[str, Any]


async def note_of_conversation(connection: Writing, conversation_id: UUID, consent: Consent, at: datetime) -> None:
    """Keep what the user of a conversation said, within the caller's commit."""
    who = select(conversations.c.contact_id).where(conversations.c.id == conversation_id)
    await _note(connection, contacts.c.id == who.scalar_subquery(), consent, at)


async def note_of_outbox(connection: Writing, which: ColumnElement[bool]) -> None:
    """Keep that the users whom these messages did not reach want no marketing, within the caller's commit."""
    who = select(conversations.c.contact_id).join(outbox, outbox.c.conversation_id == conversations.c.id).where(which)
    await _note(connection, contacts.c.id.in_(who), Consent.OPTED_OUT, func.now())


async def _note(connection: Writing, who: ColumnElement[bool], consent: Consent, at: Any) -> None:
    is_newest = or_(contacts.c.consent_at.is_(None), contacts.c.consent_at <= at)
    said = {"opted_out": consent is Consent.OPTED_OUT, "consent_at": at}
    await connection.execute(update(contacts).where(who, is_newest).values(**said))


class Preferences:
    """The caretaker's view of `user_preferences` webhooks."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        """Share the process's pool and keys."""
        self._database = database
        self._keyring = keyring

    async def pending(self, limit: int = 200) -> list[KeptUpdate]:
        """Give those that nobody has acted on, the newest first: those of strangers must not be in their way."""
        statement = (
            select(other_updates.c.id, other_updates.c.phone_number_id, other_updates.c.body)
            .where(other_updates.c.field == "user_preferences", other_updates.c.applied_at.is_(None))
            .order_by(other_updates.c.id.desc())
            .limit(limit)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return [KeptUpdate(id=row.id, phone_number_id=row.phone_number_id, raw=self._open(row.body)) for row in rows]

    async def apply(self, kept: KeptUpdate, preferences: Sequence[Preference]) -> bool:
        """Keep what the users said, and that it was acted on; False where one of them is not known yet."""
        async with self._database.write() as connection:
            known = [await self._apply(connection, kept.phone_number_id, one) for one in preferences]
            old = other_updates.c.received_at < _STRANGER_FOR
            mine = update(other_updates).where(other_updates.c.id == kept.id)
            done = mine if all(known) else mine.where(old)
            return bool((await connection.execute(done.values(applied_at=func.now()))).rowcount)

    async def _apply(self, connection: Writing, phone_number_id: str | None, preference: Preference) -> bool:
        wanted = list(aliases(self._keyring, preference.who).items())
        who = (
            select(contact_aliases.c.contact_id)
            .join(
                numbers,
                (numbers.c.tenant_id == contact_aliases.c.tenant_id)
                & (numbers.c.portfolio == contact_aliases.c.portfolio),
            )
            .where(
                numbers.c.phone_number_id == phone_number_id,
                tuple_(contact_aliases.c.kind, contact_aliases.c.digest).in_(wanted),
            )
            # The user id wins, since a phone may have moved to another person.
            .order_by(contact_aliases.c.kind.desc())
            .limit(1)
        )
        contact_id = (await connection.execute(who)).scalar_one_or_none() if wanted else None
        if contact_id is not None:
            await _note(connection, contacts.c.id == contact_id, preference.consent, preference.at)
        return contact_id is not None

    def _open(self, body: bytes) -> Mapping[str, Any]:
        try:
            raw = orjson.loads(self._keyring.decrypt(body, "other.body"))
        except (CannotDecrypt, ValueError):  # this row alone: its neighbours must not wait for it for ever
            logger.exception("a kept preference cannot be read, and says nothing")
            raw = {}
        return raw if isinstance(raw, dict) else {}
