"""Users who change their number, on a real PostgreSQL: who becomes one contact, and what of their conversations."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from models.message import MessageKind, Sender
from models.tables import contacts, conversations, handoff_events, inbox, outbox
from store.codec import INBOUND, open_recipient
from store.moves import Merges
from tests.factories import Business, closed_turn, fresh, inbound, phone
from tests.integration.identities import received_by

pytestmark = pytest.mark.postgres


def user() -> str:
    return fresh("US.")


async def write(business: Business, sender: Sender, said: str = "Hello?", at: datetime | None = None) -> UUID:
    """Let someone write; give the contact that it is."""
    return await _received(business, sender=sender, text=said, sent_at=at or datetime.now(UTC))


async def move(business: Business, old: Sender, new: Sender, *, at: datetime | None = None) -> UUID:
    """Let Meta tell that someone has another number."""
    fields = {"sender": old, "moved_to": new, "sent_at": at or datetime.now(UTC)}
    return await _received(business, kind=MessageKind.SYSTEM, text=None, **fields)


async def _received(business: Business, **fields: object) -> UUID:
    message = inbound(phone_number_id=business.number, **{"said": None, **fields})  # type: ignore[arg-type]
    return await received_by(business, message)


async def reached_at(business: Business, contact: UUID) -> tuple[str | None, str | None]:
    async with business.database.read() as connection:
        row = (await connection.execute(select(contacts).where(contacts.c.id == contact))).one()
    recipient = open_recipient(business.keyring, row.phone, row.user_id) if row.phone or row.user_id else None
    return (recipient.phone, recipient.user_id) if recipient else (None, None)


async def merge(business: Business) -> int:
    return await Merges(business.database).merge()


async def lines_of(business: Business, contact: UUID) -> list[str | None]:
    """What was said in this contact's conversation, in order."""
    statement = (
        select(inbox.c.body)
        .join(conversations, conversations.c.id == inbox.c.conversation_id)
        .where(conversations.c.contact_id == contact)
        .order_by(inbox.c.id)
    )
    async with business.database.read() as connection:
        bodies = (await connection.execute(statement)).scalars().all()
    return [INBOUND.open(business.keyring, body).text for body in bodies]


async def test_who_has_another_number_is_the_same_contact_reached_there(business: Business) -> None:
    old, new = Sender(phone=phone(), user_id=user()), Sender(phone=phone(), user_id=user())
    ana = await write(business, old)
    assert await move(business, old, new) == ana
    assert await reached_at(business, ana) == (new.phone, new.user_id)
    for sender in (new, Sender(phone=new.phone), Sender(user_id=new.user_id)):
        assert await write(business, sender) == ana


async def test_a_number_that_must_not_be_shown_is_not_the_old_one_either(business: Business) -> None:
    old, new = Sender(phone=phone(), user_id=user()), Sender(user_id=user())
    ana = await write(business, old)
    await move(business, Sender(user_id=old.user_id), new)
    assert await reached_at(business, ana) == (None, new.user_id)
    assert await write(business, Sender(phone=old.phone)) != ana


async def test_the_next_owner_of_the_old_number_is_somebody_else(business: Business) -> None:
    old = Sender(phone=phone())
    ana = await write(business, old)
    await move(business, old, Sender(phone=phone()))
    ben = await write(business, old)
    assert ben != ana
    assert await reached_at(business, ben) == (old.phone, None)


@pytest.mark.parametrize("known_by", ["user_id", "phone"])
async def test_who_wrote_from_the_new_number_before_we_were_told_becomes_one(business: Business, known_by: str) -> None:
    has_id = known_by == "user_id"
    old = Sender(phone=phone(), user_id=user() if has_id else None)
    new = Sender(phone=phone(), user_id=user() if has_id else None)
    ana = await write(business, old, "one")
    moved_at = datetime.now(UTC)
    other = await write(business, new, "two")
    assert other != ana
    assert await move(business, old, new, at=moved_at) == ana
    assert await write(business, new, "three") == ana
    assert await merge(business) == 1
    assert await lines_of(business, ana) == ["one", "two", None, "three"]
    assert await lines_of(business, other) == []
    assert await reached_at(business, other) == (None, None)
    assert await merge(business) == 0


async def test_a_number_that_was_somebody_elses_before_stays_theirs_apart(business: Business) -> None:
    """Known by its phone alone, and before the change: it may be whoever had the number before."""
    recycled = Sender(phone=phone())
    ben = await write(business, recycled, "Ben's")
    old = Sender(phone=phone())
    ana = await write(business, old, "Ana's")
    assert await move(business, old, recycled, at=datetime.now(UTC) + timedelta(seconds=5)) == ana
    assert await merge(business) == 0
    assert await lines_of(business, ben) == ["Ben's"]
    assert await write(business, recycled, "Ana's, too") == ana


async def test_a_number_whose_owner_has_another_user_id_is_another_person(business: Business) -> None:
    ben = Sender(phone=phone(), user_id=user())
    bens = await write(business, ben)
    old = Sender(phone=phone(), user_id=user())
    ana = await write(business, old)
    assert (
        await move(business, old, Sender(phone=ben.phone, user_id=user()), at=datetime(2020, 1, 1, tzinfo=UTC)) == ana
    )
    assert await merge(business) == 0
    assert await write(business, ben) == bens


async def test_what_is_told_twice_and_late_changes_nothing(business: Business) -> None:
    """Meta tells each of our numbers; meanwhile the old phone may have another owner."""
    old, new = Sender(phone=phone(), user_id=user()), Sender(phone=phone(), user_id=user())
    ana = await write(business, old)
    await move(business, old, new)
    ben = await write(business, Sender(phone=old.phone))
    assert await move(business, old, new) == ana
    assert await write(business, Sender(phone=old.phone)) == ben
    assert await reached_at(business, ana) == (new.phone, new.user_id)


async def test_who_never_wrote_is_met_by_the_new_number(business: Business) -> None:
    old, new = Sender(phone=phone(), user_id=user()), Sender(phone=phone(), user_id=user())
    ana = await move(business, old, new)
    assert await write(business, new) == ana
    assert await write(business, Sender(phone=old.phone)) != ana


async def test_conversations_wait_for_their_workers_before_they_become_one(business: Business) -> None:
    old, new = Sender(phone=phone(), user_id=user()), Sender(phone=phone(), user_id=user())
    ana = await write(business, old, "one")
    await business.claim()  # nobody works on hers
    await business.execute("UPDATE conversations SET lease_until = NULL, lease_owner = NULL")
    other = await write(business, new, "two")
    claims = await business.claim_all()
    await move(business, old, new)
    assert await merge(business) == 0
    for claimed in claims:
        turn = await business.turns.open(claimed)
        assert turn is not None
        await business.turns.close(closed_turn(turn, "At nine."))
    assert await merge(business) == 1
    assert await lines_of(business, ana) == ["one", "two", None]
    async with business.database.read() as connection:
        statement = select(outbox.c.id).join(conversations, conversations.c.id == outbox.c.conversation_id)
        theirs = (await connection.execute(statement.where(conversations.c.contact_id == other))).all()
        hers = (await connection.execute(statement.where(conversations.c.contact_id == ana))).all()
    assert (len(hers), len(theirs)) == (2, 0)


async def test_what_was_said_last_of_marketing_holds(business: Business) -> None:
    old, new = Sender(phone=phone(), user_id=user()), Sender(phone=phone(), user_id=user())
    ana = await write(business, old)
    other = await write(business, new)
    async with business.database.write() as connection:
        statement = update(contacts).where(contacts.c.id == other)
        await connection.execute(statement.values(opted_out=True, consent_at=datetime.now(UTC)))
    await move(business, old, new)
    assert await merge(business) == 1
    async with business.database.read() as connection:
        assert (await connection.execute(select(contacts.c.opted_out).where(contacts.c.id == ana))).scalar_one()


async def test_a_person_who_had_taken_one_of_them_has_both(business: Business) -> None:
    old, new = Sender(phone=phone(), user_id=user()), Sender(phone=phone(), user_id=user())
    ana = await write(business, old)
    other = await write(business, new)
    async with business.database.read() as connection:
        statement = select(conversations.c.id).where(conversations.c.contact_id == other)
        key = (await connection.execute(statement)).scalar_one()
    await business.set_conversation(key, taken_by="Eva")
    await business.execute(
        "INSERT INTO handoff_events (conversation_id, act, person) VALUES (:key, 'take', 'Eva')", key=key
    )
    await move(business, old, new)
    assert await merge(business) == 1
    async with business.database.read() as connection:
        rows = await connection.execute(
            select(conversations.c.contact_id, conversations.c.taken_by).where(
                conversations.c.contact_id.in_([ana, other])
            )
        )
        events = select(conversations.c.contact_id).join(
            handoff_events, handoff_events.c.conversation_id == conversations.c.id
        )
        recorded = (await connection.execute(events)).scalars().all()
    assert dict(rows.all()) == {ana: "Eva", other: None}  # type: ignore[arg-type]
    assert recorded == [ana]
