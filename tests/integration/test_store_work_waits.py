"""What an idle worker asks, on a PostgreSQL where nobody else writes."""

import asyncio

import pytest

from models.errors import StoreUnavailable
from models.message import WebhookUpdates
from store.routing import Router
from tests.factories import Business, fresh, inbound

pytestmark = pytest.mark.postgres


async def test_work_waits_from_the_arrival_of_a_message_to_its_answer(business: Business) -> None:
    waits = business.conversations.work_waits
    assert not await waits()
    await business.inbox.receive([WebhookUpdates(messages=(inbound("and", phone_number_id=business.number),))])
    assert await waits()  # to be routed
    assert await Router(business.database, business.keyring).route() == 1
    assert not await waits()  # more lines may come
    await business.make_due()
    assert await waits()
    claimed = await business.claim()
    assert not await waits()  # somebody is at it
    await business.execute("UPDATE conversations SET lease_until = now() - interval '1 s'")
    assert await waits()
    await business.execute("UPDATE inbox SET state = 'answered'")
    await business.turns.nothing_left(claimed)
    assert not await waits()


async def test_a_message_for_a_number_that_nobody_has_added_is_no_work(business: Business) -> None:
    await business.inbox.receive([WebhookUpdates(messages=(inbound(phone_number_id=fresh("unknown")),))])
    assert not await business.conversations.work_waits()


async def test_a_question_whose_connection_was_ended_is_asked_on_another(business: Business) -> None:
    waits = business.conversations.work_waits
    await waits()
    ended = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%WHERE EXISTS (SELECT FROM inbox%'"
    )
    await business.execute(f"{ended} AND pid <> pg_backend_pid()")
    with pytest.raises(StoreUnavailable):
        await waits()
    assert not await waits()


async def test_questions_at_the_same_time_take_turns(business: Business) -> None:
    assert await asyncio.gather(*(business.conversations.work_waits() for _ in range(5))) == [False] * 5
