"""While a key is rotated, processes with the old ring and with the new one work side by side: nothing is doubled."""

import pytest
from sqlalchemy import func, select

from models.message import DeliveryState, Sender, WebhookUpdates
from models.tables import contacts, inbox, outbox
from security.keyring import Keyring
from store.database import Database
from store.inbox import Inbox
from store.outbox import Outbox
from store.routing import Router
from tests.factories import Business, fresh, inbound, make_business, phone, status, wamid

pytestmark = pytest.mark.postgres

OLD, NEW = b"o" * 32, b"n" * 32
RINGS = {
    "before": Keyring({"old": OLD}),
    "known": Keyring({"old": OLD, "new": NEW, "index": OLD}),
    "current": Keyring({"new": NEW, "old": OLD}),
}


@pytest.fixture(params=[("before", "known"), ("known", "current"), ("current", "known")], ids=" then ".join)
def rings(request: pytest.FixtureRequest) -> tuple[Keyring, Keyring]:
    """Of two processes that get what belongs together, one after the other."""
    first, second = request.param
    return RINGS[first], RINGS[second]


@pytest.fixture
async def shop(database: Database, rings: tuple[Keyring, Keyring]) -> Business:
    return await make_business(database, rings[0])


async def test_a_message_that_comes_again_is_nothing_new(shop: Business, rings: tuple[Keyring, Keyring]) -> None:
    body = WebhookUpdates(messages=(inbound(phone_number_id=shop.number),))
    first, again = [await Inbox(shop.database, ring).receive([body]) for ring in rings]
    assert (first.repeated, again.repeated) == (0, 1)
    async with shop.database.read() as connection:
        statement = select(func.count()).where(inbox.c.phone_number_id == shop.number)
        assert (await connection.execute(statement)).scalar_one() == 1


@pytest.mark.parametrize("by", ["phone", "user_id"])
async def test_a_person_stays_one_contact(shop: Business, rings: tuple[Keyring, Keyring], by: str) -> None:
    sender = Sender(**{by: phone() if by == "phone" else fresh("US.")})
    for ring in rings:
        message = inbound(phone_number_id=shop.number, sender=sender)
        await Inbox(shop.database, ring).receive([WebhookUpdates(messages=(message,))])
        await Router(shop.database, RINGS["known"]).route()
    async with shop.database.read() as connection:
        statement = select(func.count()).where(contacts.c.tenant_id == shop.tenant.id)
        assert (await connection.execute(statement)).scalar_one() == 1


async def test_a_status_finds_its_message(shop: Business, rings: tuple[Keyring, Keyring]) -> None:
    (key,) = await shop.answer("At nine.")
    queue, name = Outbox(shop.database, rings[0]), wamid()
    for number in await queue.claim_numbers("sender", 1000):
        if number.phone_number_id == shop.number:
            attempts = await queue.begin(number, [key])
    await queue.accepted(key, attempts[key], name)
    told = status(DeliveryState.DELIVERED, phone_number_id=shop.number, wamid=name)
    await Inbox(shop.database, rings[1]).receive([WebhookUpdates(statuses=(told,))])
    async with shop.database.read() as connection:
        statement = select(outbox.c.state).where(outbox.c.id == key)
        assert (await connection.execute(statement)).scalar_one() == "delivered"
