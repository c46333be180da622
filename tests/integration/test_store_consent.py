"""What contacts say of marketing, on a real PostgreSQL: the latest word counts, and nothing is sent against it."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from actors.preferences import apply_preferences
from models.message import Consent, DeliveryState, OtherUpdate, OutboundMessage, Purpose, Sender, WebhookUpdates
from models.tables import contacts, conversations, outbox
from security.keyring import Keyring
from store.codec import OUTBOUND
from store.consent import Preferences, note_of_conversation
from store.database import Database
from store.outbox import Outbox
from tests.factories import SENT_AT, Business, closed_turn, fresh, make_business, phone
from tests.integration.outbox_steps import begun, claimed, state_of, told

pytestmark = pytest.mark.postgres

LATER = SENT_AT + timedelta(hours=1)


@pytest.fixture
def queue(database: Database, keyring: Keyring) -> Outbox:
    return Outbox(database, keyring)


@pytest.fixture
def preferences(database: Database, keyring: Keyring) -> Preferences:
    return Preferences(database, keyring)


async def is_opted_out(business: Business) -> bool:
    """Of the only contact of this business."""
    async with business.database.read() as connection:
        mine = select(contacts.c.opted_out).where(contacts.c.tenant_id == business.tenant.id)
        return bool((await connection.execute(mine)).scalar_one())


async def choose(business: Business, value: str, who: dict[str, str], at: int = 1790000000) -> None:
    """A `user_preferences` webhook."""
    chosen = {**who, "category": "marketing_messages", "value": value, "timestamp": at}
    raw = {"field": "user_preferences", "value": {"user_preferences": [chosen]}}
    update = OtherUpdate(field="user_preferences", phone_number_id=business.number, raw=raw)
    await business.inbox.receive([WebhookUpdates(others=(update,))])


async def campaign(business: Business, conversation_id: UUID) -> int:
    body = OUTBOUND.seal(business.keyring, OutboundMessage(body="Sale!"))
    row = {"phone_number_id": business.number, "conversation_id": conversation_id, "body": body}
    async with business.database.write() as connection:
        statement = outbox.insert().values(**row, purpose=Purpose.CAMPAIGN).returning(outbox.c.id)
        return int((await connection.execute(statement)).scalar_one())


@pytest.mark.parametrize(
    ("words", "stands"),
    [
        ([(Consent.OPTED_OUT, SENT_AT)], True),
        ([(Consent.OPTED_OUT, SENT_AT), (Consent.OPTED_IN, LATER)], False),
        ([(Consent.OPTED_IN, LATER), (Consent.OPTED_OUT, SENT_AT)], False),  # told late, said before
    ],
    ids=["out", "out and in", "in, and out told late"],
)
async def test_the_latest_word_counts(business: Business, words: list[tuple[Consent, object]], stands: bool) -> None:
    claim = await business.ask("Hello?")
    async with business.database.write() as connection:
        for consent, at in words:
            await note_of_conversation(connection, claim.id, consent, at)  # type: ignore[arg-type]
    assert await is_opted_out(business) is stands


async def test_a_turn_keeps_what_its_user_said(business: Business) -> None:
    turn = await business.turns.open(await business.ask("STOP"))
    assert turn is not None
    await business.turns.close(closed_turn(turn, "No more news.", consent=Consent.OPTED_OUT))
    assert await is_opted_out(business)


@pytest.mark.parametrize("kind", ["wa_id", "user_id"])
async def test_what_was_chosen_in_whatsapp_is_kept(business: Business, preferences: Preferences, kind: str) -> None:
    who = Sender(phone=phone(), user_id=fresh("US.user"))
    await business.ask("Hello?", sender=who)
    named = {"wa_id": who.phone, "user_id": who.user_id}[kind]
    await choose(business, "stop", {kind: str(named)})
    assert await apply_preferences(preferences) == 1
    assert await is_opted_out(business)
    await choose(business, "resume", {kind: str(named)}, at=1790000001)
    assert await apply_preferences(preferences) == 1
    assert not await is_opted_out(business)
    assert await apply_preferences(preferences) == 0  # all were acted on


async def test_a_choice_waits_for_a_contact_that_is_not_known_yet(business: Business, preferences: Preferences) -> None:
    who = Sender(phone=phone())
    await choose(business, "stop", {"wa_id": str(who.phone)})
    assert await apply_preferences(preferences) == 0
    await business.ask("Hello?", sender=who)
    assert await apply_preferences(preferences) == 1
    assert await is_opted_out(business)


async def test_a_choice_of_nobody_is_not_waited_for_for_ever(business: Business, preferences: Preferences) -> None:
    await choose(business, "stop", {"wa_id": phone()})
    await business.execute("UPDATE other_updates SET received_at = now() - interval '2 days'")
    assert await apply_preferences(preferences) == 1
    assert await preferences.pending() == []


async def test_a_choice_that_cannot_be_read_is_not_in_the_way(business: Business, preferences: Preferences) -> None:
    who = Sender(phone=phone())
    await business.ask("Hello?", sender=who)
    await choose(business, "stop", {"wa_id": str(who.phone)})
    await choose(business, "resume", {"wa_id": str(who.phone)})
    spoil = "UPDATE other_updates SET body = 'not sealed' WHERE id = (SELECT max(id) FROM other_updates)"
    await business.execute(spoil)
    assert await apply_preferences(preferences) == 2
    assert await is_opted_out(business)


async def test_a_choice_of_one_tenants_user_is_not_anothers(
    business: Business, preferences: Preferences, database: Database, keyring: Keyring
) -> None:
    who, other = Sender(phone=phone()), await make_business(database, keyring, portfolio=business.portfolio)
    for each in (business, other):
        await each.ask("Hello?", sender=who)
    await choose(business, "stop", {"wa_id": str(who.phone)})
    await apply_preferences(preferences)
    assert await is_opted_out(business)
    assert not await is_opted_out(other)


async def test_a_refusal_that_says_so_is_an_opt_out(business: Business, queue: Outbox) -> None:
    key, attempt = await begun(business, queue)
    await queue.opted_out(key, attempt, 131050)
    assert await state_of(business, key) == "failed"
    assert await is_opted_out(business)


async def test_a_failed_status_that_says_so_is_an_opt_out(business: Business, queue: Outbox) -> None:
    key, attempt = await begun(business, queue)
    await told(business, DeliveryState.FAILED, attempt_id=str(attempt), error_code=131050, opts_out=True)
    assert await state_of(business, key) == "failed"
    assert await is_opted_out(business)


async def test_a_campaign_never_begins_for_whoever_has_opted_out_and_an_answer_does(
    business: Business, queue: Outbox
) -> None:
    (answer,) = await business.answer("At nine.")
    async with business.database.write() as connection:
        mine = select(conversations.c.id).where(conversations.c.phone_number_id == business.number)
        conversation_id = (await connection.execute(mine)).scalar_one()
        theirs = contacts.c.tenant_id == business.tenant.id
        await connection.execute(update(contacts).where(theirs).values(opted_out=True))
    unasked = await campaign(business, conversation_id)
    (head,) = await queue.heads(business.number, 10)
    assert (head.id, head.is_opted_out) == (answer, True)
    number = await claimed(business, queue)
    assert set(await queue.begin(number, [answer, unasked])) == {answer}
    assert await state_of(business, unasked) == "queued"
    await queue.withhold(unasked, "opted_out")
    assert await state_of(business, unasked) == "failed"
