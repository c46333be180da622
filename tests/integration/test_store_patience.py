"""When a conversation is due, on a real PostgreSQL: the tenant's patience, and what only reacts."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from models.message import MessageKind, Sender, WebhookUpdates
from models.tables import conversations
from store.accounts import Accounts
from store.routing import Router
from telemetry.instruments import MEMORY
from telemetry.metrics import STEP_SECONDS, Step
from tests.factories import Business, inbound, phone

pytestmark = pytest.mark.postgres


async def route(business: Business, said: str | None, **fields: object) -> None:
    message = inbound(said, phone_number_id=business.number, **fields)
    await business.inbox.receive([WebhookUpdates(messages=(message,))])
    assert await Router(business.database, business.keyring).route() == 1


async def wait_of(business: Business) -> timedelta:
    """From the first line to when the conversation is due."""
    statement = text("""
        SELECT ready_at - (SELECT min(received_at) FROM inbox WHERE inbox.conversation_id = conversations.id)
          FROM conversations WHERE phone_number_id = :number
    """)
    async with business.database.read() as connection:
        found: timedelta = (await connection.execute(statement, {"number": business.number})).scalar_one()
    return found


async def be_patient(business: Business, milliseconds: int) -> None:
    await business.execute(
        "UPDATE tenants SET patience_ms = :ms WHERE id = :id", ms=milliseconds, id=business.tenant.id
    )


async def test_a_tenant_without_patience_answers_at_once(business: Business) -> None:
    await be_patient(business, 0)
    await route(business, "and")
    assert await wait_of(business) == timedelta()
    turn = await business.turns.open(await business.claim())
    assert turn is not None
    assert turn.tenant.patience == timedelta()


async def test_the_patience_of_a_tenant_stays_until_another_is_given(business: Business) -> None:
    accounts = Accounts(business.database, business.keyring)
    slug = business.tenant.slug
    assert (await accounts.add_tenant(slug, "Shop", ["en"], patience=timedelta())).patience == timedelta()
    assert (await accounts.add_tenant(slug, "Store", ["en"])).patience == timedelta()
    assert (await accounts.tenant(slug)).name == "Store"


async def test_a_patient_tenant_waits_longer(business: Business) -> None:
    await be_patient(business, 6000)
    await route(business, "When do you open?")
    assert await wait_of(business) == timedelta(seconds=1)


async def test_a_reaction_neither_cuts_a_wait_short_nor_shows_that_we_write(business: Business) -> None:
    ana = Sender(phone=phone())
    await route(business, "and", sender=ana)
    await business.execute("UPDATE conversations SET unread_wamid = NULL WHERE phone_number_id = :number")
    await route(business, "👍", sender=ana, kind=MessageKind.REACTION)
    assert await wait_of(business) == timedelta(milliseconds=1200)
    async with business.database.read() as connection:
        statement = select(conversations.c.unread_wamid).where(conversations.c.phone_number_id == business.number)
        assert (await connection.execute(statement)).scalar_one() is None


async def test_the_time_to_a_conversation_is_observed_once_for_each_message(business: Business) -> None:
    MEMORY.forget()
    await route(business, "Hello?")
    assert await Router(business.database, business.keyring).route() == 0
    assert MEMORY.count(STEP_SECONDS, step=Step.ROUTE) == 1
    MEMORY.forget()
