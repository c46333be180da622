"""What is forgotten and what never is, on a real PostgreSQL."""

from datetime import timedelta

import pytest
from sqlalchemy import Table, func, select, update

from models.tables import inbox, other_updates, outbox, parked_statuses, quarantine, turns
from store import retention
from store.retention import Retention
from tests.factories import Business, inbound

pytestmark = pytest.mark.postgres

LIFE = timedelta(days=60)


@pytest.fixture(autouse=True)
async def nothing_old(business: Business) -> None:
    """Other tests of the module left rows behind."""
    for table in (parked_statuses, other_updates, quarantine, outbox, inbox, turns):
        async with business.database.write() as connection:
            await connection.execute(table.delete())


async def forget(business: Business) -> int:
    return await Retention(business.database, messages_life=LIFE).forget_old()


async def count(business: Business, table: Table) -> int:
    async with business.database.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def grow_old(business: Business, table: Table, age: timedelta = LIFE) -> None:
    """As if all rows of the table had come this long ago, and a little more."""
    column = table.c.created_at if "created_at" in table.c else table.c.received_at
    async with business.database.write() as connection:
        await connection.execute(update(table).values({column: column - age - timedelta(minutes=1)}))


async def test_what_nothing_can_match_is_forgotten_after_30_days(business: Business) -> None:
    for place in range(3):
        await business.inbox.quarantine("odd", b"%d" % place)
    await business.execute("INSERT INTO other_updates (field, body) VALUES ('field', 'x')")
    await business.execute(
        "INSERT INTO parked_statuses (phone_number_id, wamid_digest, state) VALUES (:number, 'x', 'read')"
    )
    tables = (quarantine, other_updates, parked_statuses)
    for table in tables:
        await grow_old(business, table, timedelta(days=29))
    assert await forget(business) == 0
    for table in tables:
        await grow_old(business, table, timedelta(days=1))
    await business.inbox.quarantine("odd", b"young")
    assert await forget(business) == 5
    assert [await count(business, table) for table in tables] == [1, 0, 0]


async def test_of_what_is_quarantined_only_so_many_stay(business: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MOST_QUARANTINED", 2)
    for place in range(5):
        await business.inbox.quarantine(f"odd {place}", b"x")
    assert await forget(business) == 3
    async with business.database.read() as connection:
        kept = (await connection.execute(select(quarantine.c.reason).order_by(quarantine.c.id))).scalars().all()
    assert kept == ["odd 3", "odd 4"]
    assert await forget(business) == 0


async def test_a_finished_conversation_is_forgotten_whole(business: Business) -> None:
    (key,) = await business.answer("At nine.")
    async with business.database.write() as connection:
        await connection.execute(update(outbox).where(outbox.c.id == key).values(state="read"))
    assert await forget(business) == 0
    await grow_old(business, inbox)
    assert await forget(business) == 1
    assert [await count(business, table) for table in (inbox, turns, outbox)] == [0, 1, 1]
    await grow_old(business, outbox)
    assert await forget(business) == 1
    assert [await count(business, table) for table in (inbox, turns, outbox)] == [0, 0, 0]


async def test_what_is_not_finished_is_never_forgotten(business: Business) -> None:
    await business.answer("At nine.")  # queued
    await business.receive(inbound(phone_number_id=business.number))
    await grow_old(business, inbox)
    await grow_old(business, outbox)
    assert await forget(business) == 1  # the message that was answered
    assert [await count(business, table) for table in (inbox, turns, outbox)] == [1, 1, 1]


async def test_rows_that_somebody_holds_make_nobody_wait(business: Business) -> None:
    for place in range(2):
        await business.inbox.quarantine(f"odd {place}", b"x")
    await grow_old(business, quarantine)
    async with business.database.write() as holding:
        first = select(quarantine.c.id).order_by(quarantine.c.id).limit(1).with_for_update()
        await holding.execute(first)
        assert await forget(business) == 1
    assert await forget(business) == 1


async def test_many_rows_go_in_batches_and_a_run_ends_in_time(
    business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 10)
    await business.execute(
        "INSERT INTO quarantine (reason, body, received_at)"
        " SELECT 'odd', 'x', now() - interval '31 days' FROM generate_series(1, 35)"
    )
    assert await Retention(business.database, messages_life=LIFE).forget_old(budget_s=0.0) == 0
    assert await forget(business) == 35
