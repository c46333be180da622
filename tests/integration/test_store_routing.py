"""From the inbox to conversations, on a real PostgreSQL: whose message it is, in order, one router at a time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from models.message import InboundMessage, MessageKind, Sender, WebhookUpdates
from models.tables import contacts, conversations
from security.keyring import Keyring
from store.database import Database
from store.routing import Router
from tests.factories import Business, fresh, inbound, make_business, phone
from tests.integration.identities import received_by
from tests.integration.locks import lock_at_once, until_waiting

pytestmark = pytest.mark.postgres


async def contact_of(business: Business, sender: Sender, said: str = "Hello?") -> UUID:
    """The contact that a message of this sender is given to."""
    message = inbound(said, phone_number_id=business.number, sender=sender)
    return await received_by(business, message)


async def reached_at(business: Business, contact: UUID) -> tuple[str | None, str | None]:
    """The phone and the user id that an answer to this contact goes to."""
    async with business.database.read() as connection:
        row = (await connection.execute(select(contacts).where(contacts.c.id == contact))).one()
    opened = business.keyring.decrypt_text
    return (
        opened(row.phone, "contacts.phone") if row.phone else None,
        opened(row.user_id, "contacts.user_id") if row.user_id else None,
    )


async def test_a_phone_that_is_known_is_the_same_contact(business: Business) -> None:
    ana = Sender(phone=phone())
    assert await contact_of(business, ana) == await contact_of(business, ana)


async def test_a_user_id_that_is_known_is_the_same_contact(business: Business) -> None:
    ana = Sender(user_id=fresh("US."))
    assert await contact_of(business, ana) == await contact_of(business, ana)


async def test_a_phone_takes_the_user_id_that_comes_with_it(business: Business) -> None:
    by_phone = Sender(phone=phone())
    both = Sender(phone=by_phone.phone, user_id=fresh("US."))
    ana = await contact_of(business, by_phone)
    assert await contact_of(business, both) == ana
    assert await contact_of(business, Sender(user_id=both.user_id)) == ana
    assert await reached_at(business, ana) == (both.phone, both.user_id)


async def test_a_user_who_changes_phone_stays_the_same_contact(business: Business) -> None:
    user = fresh("US.")
    ana = await contact_of(business, Sender(phone=phone(), user_id=user))
    new_phone = phone()
    assert await contact_of(business, Sender(phone=new_phone, user_id=user)) == ana
    assert await contact_of(business, Sender(phone=new_phone)) == ana
    assert await reached_at(business, ana) == (new_phone, user)


async def test_a_phone_with_another_user_id_is_another_person(business: Business) -> None:
    number = phone()
    ana = await contact_of(business, Sender(phone=number, user_id=fresh("US.")))
    ben = await contact_of(business, Sender(phone=number, user_id=fresh("US.")))
    assert ana != ben
    assert await contact_of(business, Sender(phone=number)) == ben


async def test_two_tenants_of_one_portfolio_share_nobody(business: Business) -> None:
    other = await make_business(business.database, business.keyring, portfolio=business.portfolio)
    ana = Sender(phone=phone(), user_id=fresh("US."), name="Ana")
    ours, theirs = await contact_of(business, ana), await contact_of(other, ana)
    assert ours != theirs
    async with business.database.read() as connection:
        statement = select(contacts.c.tenant_id).where(contacts.c.id == theirs)
        assert (await connection.execute(statement)).scalar_one() == other.tenant.id
    assert await contact_of(business, ana) == ours


async def test_an_answer_never_goes_to_the_new_owner_of_a_phone(business: Business) -> None:
    number = phone()
    hers = Sender(phone=number, user_id=fresh("US."))
    ana = await contact_of(business, hers, "My order, please")
    await contact_of(business, Sender(phone=number, user_id=fresh("US.")))
    assert await reached_at(business, ana) == (None, hers.user_id)


async def test_one_who_is_known_by_phone_alone_keeps_it(business: Business) -> None:
    number, user = phone(), fresh("US.")
    by_phone = await contact_of(business, Sender(phone=number))
    by_user = await contact_of(business, Sender(user_id=user))
    assert await contact_of(business, Sender(phone=number, user_id=user)) == by_user
    assert await reached_at(business, by_phone) == (number, None)


async def test_the_same_phone_at_two_businesses_is_two_contacts(
    business: Business, database: Database, keyring: Keyring
) -> None:
    ana = Sender(phone=phone(), user_id=fresh("US."))
    other = await make_business(database, keyring)
    assert await contact_of(business, ana) != await contact_of(other, ana)


async def test_a_user_has_one_conversation_with_a_number(business: Business) -> None:
    ana = Sender(phone=phone())
    for _ in range(2):
        await contact_of(business, ana)
    async with business.database.read() as connection:
        statement = select(conversations.c.id).where(conversations.c.phone_number_id == business.number)
        assert len((await connection.execute(statement)).all()) == 1


async def test_one_router_works_at_a_time(business: Business) -> None:
    await business.inbox.receive([WebhookUpdates(messages=(inbound(phone_number_id=business.number),))])
    async with business.database.write() as holder:
        await holder.execute(text("SELECT pg_advisory_xact_lock(hashtext('parley.routing'))"))
        assert await Router(business.database, business.keyring).route() == 0
    assert await Router(business.database, business.keyring).route() == 1


async def test_routers_at_the_same_time_give_each_message_once(business: Business) -> None:
    messages = tuple(inbound(phone_number_id=business.number, sender=Sender(phone=phone())) for _ in range(30))
    await business.inbox.receive([WebhookUpdates(messages=messages)])
    routers = [Router(business.database, business.keyring) for _ in range(4)]
    assert sum(await asyncio.gather(*(router.route() for router in routers))) == 30


@pytest.mark.parametrize(
    ("said", "waits"),
    [("When do you open?", timedelta(milliseconds=200)), ("Hi", timedelta(milliseconds=1200))],
)
async def test_a_conversation_is_due_after_a_short_wait_for_more(
    business: Business, said: str, waits: timedelta
) -> None:
    await business.inbox.receive([WebhookUpdates(messages=(inbound(said, phone_number_id=business.number),))])
    await Router(business.database, business.keyring).route()
    assert await _wait_of(business) == waits


async def test_the_wait_for_more_is_bounded_from_the_first_line(business: Business) -> None:
    ana = Sender(phone=phone())
    await business.inbox.receive(
        [WebhookUpdates(messages=(inbound(None, phone_number_id=business.number, sender=ana),))]
    )
    await business.execute("UPDATE inbox SET received_at = now() - interval '5 s' WHERE phone_number_id = :number")
    await business.inbox.receive(
        [WebhookUpdates(messages=(inbound("and", phone_number_id=business.number, sender=ana),))]
    )
    await Router(business.database, business.keyring).route()
    assert await _wait_of(business) == timedelta(seconds=3)


async def _wait_of(business: Business) -> timedelta:
    statement = text("""
        SELECT ready_at - (SELECT min(received_at) FROM inbox WHERE inbox.conversation_id = conversations.id)
          FROM conversations WHERE phone_number_id = :number
    """)
    async with business.database.read() as connection:
        found: timedelta = (await connection.execute(statement, {"number": business.number})).scalar_one()
    return found


async def test_a_message_that_cannot_be_read_is_buried_alone(business: Business) -> None:
    spoilt = inbound("spoilt", phone_number_id=business.number)
    good = inbound("good", phone_number_id=business.number)
    await business.inbox.receive([WebhookUpdates(messages=(spoilt, good))])
    await business.execute(
        "UPDATE inbox SET body = 'x' WHERE phone_number_id = :number AND wamid_digest = :digest",
        digest=business.keyring.blind_index(spoilt.wamid, "wamid"),
    )
    await business.route()
    assert await business.states() == ["buried", "received"]
    turn = await business.turns.open(await business.claim())
    assert turn is not None
    assert [message.message.text for message in turn.messages] == ["good"]


@pytest.fixture
async def poison(business: Business) -> AsyncIterator[InboundMessage]:
    """A message that no statement can give to its conversation."""
    message = inbound("poison", phone_number_id=business.number)
    digest = business.keyring.blind_index(message.wamid, "wamid").hex()
    await business.execute(f"""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.wamid_digest = decode('{digest}', 'hex') AND NEW.conversation_id IS NOT NULL THEN
                RAISE EXCEPTION 'refused';
            END IF;
            RETURN NEW;
        END $$
    """)
    await business.execute("CREATE TRIGGER refuse BEFORE UPDATE ON inbox FOR EACH ROW EXECUTE FUNCTION refuse()")
    yield message
    await business.execute("DROP FUNCTION refuse CASCADE")


async def test_a_message_that_cannot_be_routed_is_buried_and_holds_up_nobody(
    business: Business, poison: InboundMessage
) -> None:
    neighbours = [inbound(said, phone_number_id=business.number) for said in ("before", "after")]
    await business.inbox.receive([WebhookUpdates(messages=(neighbours[0], poison, neighbours[1]))])
    await business.route()
    assert await business.states() == ["received", "buried", "received"]
    turn = await business.turns.open(await business.claim())
    assert turn is not None
    assert [message.message.text for message in turn.messages] == ["before", "after"]


async def test_nobody_is_buried_where_nothing_at_all_can_be_routed(business: Business, poison: InboundMessage) -> None:
    """The fault may be ours, and pass; the message waits until a neighbour shows that it is the message's own."""
    await business.inbox.receive([WebhookUpdates(messages=(poison,))])
    with pytest.raises(DBAPIError, match="refused"):
        await Router(business.database, business.keyring).route()
    assert await business.states() == ["received"]
    await business.execute("UPDATE inbox SET state = 'buried' WHERE phone_number_id = :number")  # for the other tests


async def test_conversations_are_locked_in_the_order_of_their_keys(business: Business) -> None:
    """Whoever renews leases locks several, too: in another order that would be a deadlock."""
    people = [Sender(phone=phone()) for _ in range(8)]
    ids = {}
    for person in people:
        ids[(await business.ask("Hello?", sender=person)).id] = person
    lowest, highest = min(ids), max(ids)
    await business.inbox.receive(
        [
            WebhookUpdates(messages=(inbound(phone_number_id=business.number, sender=ids[key]),))
            for key in (highest, lowest)
        ]
    )
    async with business.database.engine.connect() as blocker:
        await blocker.execute(select(conversations).where(conversations.c.id == lowest).with_for_update(key_share=True))
        routing = asyncio.create_task(Router(business.database, business.keyring).route())
        await until_waiting(business.database)
        await lock_at_once(business.database, highest)
        await blocker.rollback()
    await routing


async def test_messages_for_a_number_that_nobody_has_added_stay_where_they_are(
    business: Business, database: Database, keyring: Keyring
) -> None:
    stranger = fresh("unknown")
    await business.inbox.receive([WebhookUpdates(messages=(inbound(phone_number_id=stranger),))])
    await business.receive(inbound(phone_number_id=business.number))
    assert len(await business.claim_all()) == 1


async def test_the_newest_message_opens_the_service_window(business: Business) -> None:
    ana = Sender(phone=phone())
    newest = inbound().sent_at + timedelta(hours=3)
    for sent_at in (newest, inbound().sent_at):
        await business.receive(inbound(phone_number_id=business.number, sender=ana, sent_at=sent_at))
    async with business.database.read() as connection:
        statement = select(conversations.c.last_inbound_at).where(conversations.c.phone_number_id == business.number)
        assert (await connection.execute(statement)).scalar_one() == newest


async def test_a_reaction_is_routed_like_anything_else(business: Business) -> None:
    await business.receive(inbound("👍", phone_number_id=business.number, kind=MessageKind.REACTION))
    assert len(await business.claim_all()) == 1
