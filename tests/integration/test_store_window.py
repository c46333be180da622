"""Answers to users who wrote more than 24 hours ago, and what goes first, on a real PostgreSQL."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import select, text

from models.message import DeliveryState, OutboundKind, OutboundMessage, Purpose
from models.tables import conversations, outbox
from security.keyring import Keyring
from store.accounts import Accounts
from store.codec import OUTBOUND
from store.database import Database
from store.outbox import Outbox
from store.status import queue_depths
from tests.factories import Business, make_business
from tests.integration.locks import until_waiting
from tests.integration.outbox_steps import begun, bodies, claimed, row_of, state_of, told

pytestmark = pytest.mark.postgres

TEMPLATE: dict[str, object] = {"name": "come_back", "language": {"code": "en"}}


@pytest.fixture
def queue(database: Database, keyring: Keyring) -> Outbox:
    return Outbox(database, keyring)


async def wrote(business: Business, hours_ago: float) -> None:
    """Let the users of this number have written so long ago."""
    await business.execute(
        "UPDATE conversations SET last_inbound_at = now() - make_interval(mins => CAST(:mins AS int)) "
        "WHERE phone_number_id = :number",
        mins=round(hours_ago * 60),
    )


async def name_template(business: Business, template: dict[str, object]) -> None:
    tenant = business.tenant
    accounts = Accounts(business.database, business.keyring)
    await accounts.add_tenant(tenant.slug, tenant.name, tenant.languages, window_template=template)


async def queue_for(business: Business, conversation_id: UUID, purpose: Purpose, body: str) -> int:
    sealed = OUTBOUND.seal(business.keyring, OutboundMessage(body=body))
    row = {"phone_number_id": business.number, "conversation_id": conversation_id, "body": sealed, "purpose": purpose}
    async with business.database.write() as connection:
        return int((await connection.execute(outbox.insert().values(**row).returning(outbox.c.id))).scalar_one())


async def the_conversation(business: Business) -> UUID:
    async with business.database.read() as connection:
        mine = select(conversations.c.id).where(conversations.c.phone_number_id == business.number)
        found: UUID = (await connection.execute(mine)).scalar_one()
        return found


async def wants_person(business: Business) -> bool:
    async with business.database.read() as connection:
        mine = select(conversations.c.wants_person_since).where(conversations.c.phone_number_id == business.number)
        return (await connection.execute(mine)).scalar_one() is not None


@pytest.mark.parametrize(("hours_ago", "is_open"), [(0.0, True), (23.9, True), (24.1, False)])
async def test_a_head_says_whether_whatsapp_takes_it(
    business: Business, queue: Outbox, hours_ago: float, is_open: bool
) -> None:
    await business.answer("At nine.")
    await wrote(business, hours_ago)
    (head,) = await queue.heads(business.number, 10)
    assert head.is_open is is_open


async def test_what_comes_too_late_is_kept_with_its_reason_and_a_person_is_asked(
    business: Business, queue: Outbox
) -> None:
    (key,) = await business.answer("At nine.")
    before = (await queue_depths(business.database)).outbox_failed
    assert await queue.window_closed(key)
    row = await row_of(business, key)
    assert (row.state, row.reason, row.attempts) == ("failed", "window_closed", 0)  # type: ignore[attr-defined]
    assert await wants_person(business)
    assert (await queue_depths(business.database)).outbox_failed == before + 1


async def test_the_tenants_template_goes_out_instead_once_until_the_user_writes(
    business: Business, queue: Outbox
) -> None:
    await name_template(business, TEMPLATE)
    first, second = await business.answer("At nine.", "And on Sunday at ten.")
    await wrote(business, 25)
    for key in (first, second):
        assert not await queue.window_closed(key)
    (head,) = await queue.heads(business.number, 10)
    assert (head.message.kind, head.message.template) == (OutboundKind.TEMPLATE, TEMPLATE)
    assert head.purpose is Purpose.CALLBACK
    assert not await wants_person(business)


async def test_a_tenant_that_takes_its_template_back_has_a_person_asked(business: Business, queue: Outbox) -> None:
    for template in (TEMPLATE, {}):
        await name_template(business, template)
    (key,) = await business.answer("At nine.")
    assert await queue.window_closed(key)


async def test_a_refusal_for_the_window_ends_its_own_attempt_only(business: Business, queue: Outbox) -> None:
    key, attempt = await begun(business, queue)
    assert await queue.window_closed(key, attempt, 131047)
    assert (await row_of(business, key)).error_code == 131047  # type: ignore[attr-defined]
    assert not await queue.window_closed(key, attempt, 131047)  # it has ended before


async def test_a_failure_that_only_a_person_can_mend_asks_for_one(business: Business, queue: Outbox) -> None:
    key, attempt = await begun(business, queue)
    await queue.failed(key, attempt, 137000, "ask_person", asks_person=True)
    assert await wants_person(business)


async def test_a_failed_status_that_only_a_person_can_mend_asks_for_one_once(business: Business, queue: Outbox) -> None:
    _, attempt = await begun(business, queue)
    late = {"attempt_id": str(attempt), "error_code": 131047, "asks_person": True}
    await told(business, DeliveryState.FAILED, **late)
    assert await wants_person(business)
    await business.execute("UPDATE conversations SET wants_person_since = NULL WHERE phone_number_id = :number")
    await told(business, DeliveryState.FAILED, **late)  # repeated by Meta after the person has handed back
    assert not await wants_person(business)


async def test_an_ordinary_failure_asks_for_nobody(business: Business, queue: Outbox) -> None:
    key, attempt = await begun(business, queue)
    await queue.failed(key, attempt, 131026, "give_up")
    assert not await wants_person(business)
    assert await state_of(business, key) == "failed"


async def test_a_failure_of_yesterday_is_not_counted_any_more(business: Business, queue: Outbox) -> None:
    key, attempt = await begun(business, queue)
    before = (await queue_depths(business.database)).outbox_failed
    await queue.failed(key, attempt, 131026, "give_up")
    await business.execute("UPDATE outbox SET failed_at = now() - interval '25 hours' WHERE id = :key", key=key)
    assert (await queue_depths(business.database)).outbox_failed == before


async def test_answers_go_before_a_campaign_that_has_waited_for_longer(business: Business, queue: Outbox) -> None:
    for place in range(3):
        await business.answer(f"answer {place}")
    await business.execute("UPDATE outbox SET purpose = 'campaign' WHERE phone_number_id = :number")
    await business.answer("a live answer")
    first, *others = [head.message.body for head in await queue.heads(business.number, 10)]
    assert (first, others) == ("a live answer", ["answer 0", "answer 1", "answer 2"])


async def test_an_answer_overtakes_a_campaign_to_the_same_user_and_holds_it_up(
    business: Business, queue: Outbox
) -> None:
    (key,) = await business.answer("Sale!")
    await business.execute("UPDATE outbox SET purpose = 'campaign' WHERE id = :key", key=key)
    answer = await queue_for(business, await the_conversation(business), Purpose.ANSWER, "At nine.")
    assert bodies(await queue.heads(business.number, 10)) == ["At nine."]
    await queue.begin(await claimed(business, queue), [answer])
    assert await queue.heads(business.number, 10) == []


async def test_an_answer_waits_for_a_campaign_that_is_under_way(business: Business, queue: Outbox) -> None:
    (key,) = await business.answer("Sale!")
    await business.execute("UPDATE outbox SET purpose = 'campaign' WHERE id = :key", key=key)
    await queue.begin(await claimed(business, queue), [key])
    await queue_for(business, await the_conversation(business), Purpose.ANSWER, "At nine.")
    assert await queue.heads(business.number, 10) == []


async def test_the_number_that_was_served_longest_ago_is_claimed_first(
    database: Database, keyring: Keyring, queue: Outbox
) -> None:
    """A flooded number whose oldest message is old goes behind a trickle, once it has had its turn."""
    flooded, trickle = await make_business(database, keyring), await make_business(database, keyring)
    for each in (flooded, trickle):
        await each.answer("one")
        await each.answer("two")
    await flooded.execute("UPDATE outbox SET due_at = now() - interval '1 hour' WHERE phone_number_id = :number")
    await trickle.execute("UPDATE outbox SET due_at = now() - interval '1 minute' WHERE phone_number_id = :number")
    first = await _first_of(queue, flooded.number, trickle.number)
    assert first == flooded.number
    await flooded.execute(
        "UPDATE outbox SET state = 'accepted', sending_at = now() "
        "WHERE id = (SELECT min(id) FROM outbox WHERE phone_number_id = :number)"
    )
    assert await _first_of(queue, flooded.number, trickle.number) == trickle.number


async def _first_of(queue: Outbox, *of: str) -> str:
    """The first of these that is claimed; all are let go again."""
    claims = []
    while not claims or claims[-1].phone_number_id not in of:
        claims += await queue.claim_numbers("sender", 1)
    for number in claims:
        await queue.release(number)
    return claims[-1].phone_number_id


async def test_rows_are_locked_in_the_order_of_their_ids(business: Business, queue: Outbox) -> None:
    """Two statements that change the same rows never wait for each other in a circle."""
    keys = [(await business.answer(str(place)))[0] for place in range(2)]
    number = await claimed(business, queue)
    async with business.database.engine.connect() as other:
        lock = text("SELECT FROM outbox WHERE id = :key FOR UPDATE")
        await other.execute(lock, {"key": keys[0]})
        beginning = asyncio.create_task(queue.begin(number, list(reversed(keys))))
        await until_waiting(business.database)
        # It waits for the first, so the second is still free.
        await other.execute(text("SELECT FROM outbox WHERE id = :key FOR UPDATE NOWAIT"), {"key": keys[1]})
        await other.rollback()
    assert set(await beginning) == set(keys)
