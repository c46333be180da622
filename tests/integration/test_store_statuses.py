"""What statuses make of what goes out, on a real PostgreSQL: the ladder is climbed once, whatever comes when."""

import asyncio
from itertools import combinations, permutations

import pytest
from sqlalchemy import select

from models.message import DeliveryState
from models.tables import outbox, parked_statuses
from security.keyring import Keyring
from store.database import Database
from store.dead import Dead
from store.outbox import Outbox
from store.statuses import ParkedStatuses
from tests.factories import Business, make_business, wamid
from tests.integration.locks import until_waiting
from tests.integration.outbox_steps import age, begun, bodies, claimed, claimed_again, row_of, state_of, told

pytestmark = pytest.mark.postgres

LADDER = ("sent", "resend", "delivered", "read", "played", "failed")
COMBINATIONS = list(combinations(LADDER, 3))


@pytest.fixture
def queue(database: Database, keyring: Keyring) -> Outbox:
    return Outbox(database, keyring)


async def test_a_status_that_names_the_attempt_settles_an_unknown_outcome(business: Business, queue: Outbox) -> None:
    key, attempt = await begun(business, queue)
    await queue.unknown(key, attempt)
    await told(business, DeliveryState.SENT, attempt_id=str(attempt))
    await age(business, key, seconds=61)
    assert await queue.settle_unknown(business.number) == 0
    assert await state_of(business, key) == "sent"


@pytest.mark.parametrize("state", ["sent", "delivered"])
async def test_a_status_in_the_last_moment_stops_the_second_sending(
    business: Business, queue: Outbox, state: str
) -> None:
    """Queued again, but not begun: it did arrive, so it must not go out twice."""
    key, attempt = await begun(business, queue)
    await queue.unknown(key, attempt)
    await age(business, key, seconds=61)
    await queue.settle_unknown(business.number)
    await told(business, DeliveryState(state), attempt_id=str(attempt))
    assert await state_of(business, key) == state


async def test_a_status_before_our_own_note_climbs_by_its_attempt(business: Business, queue: Outbox) -> None:
    key, attempt = await begun(business, queue)
    name = wamid()
    await told(business, DeliveryState.DELIVERED, attempt_id=str(attempt), wamid=name)
    await queue.accepted(key, attempt, name)  # must not descend
    assert await state_of(business, key) == "delivered"
    await told(business, DeliveryState.READ, wamid=name)
    assert await state_of(business, key) == "read"


async def test_a_status_before_the_wamid_is_parked_and_applied_later(business: Business, queue: Outbox) -> None:
    key, attempt = await begun(business, queue)
    name = wamid()
    await told(business, DeliveryState.DELIVERED, wamid=name)
    parked = select(parked_statuses.c.id).where(parked_statuses.c.phone_number_id == business.number)
    async with business.database.read() as connection:
        assert len((await connection.execute(parked)).all()) == 1
    await queue.accepted(key, attempt, name)
    assert await ParkedStatuses(business.database).apply() == 1
    assert await state_of(business, key) == "delivered"
    async with business.database.read() as connection:
        assert (await connection.execute(parked)).all() == []


async def test_statuses_that_match_nothing_are_not_in_the_way_of_others(business: Business, queue: Outbox) -> None:
    key, attempt = await begun(business, queue)
    name = wamid()
    await told(business, DeliveryState.DELIVERED, wamid=wamid())
    await told(business, DeliveryState.DELIVERED, wamid=name)
    await queue.accepted(key, attempt, name)
    assert await ParkedStatuses(business.database).apply(limit=1) == 1
    assert await state_of(business, key) == "delivered"


@pytest.mark.parametrize("named_by", ["attempt", "wamid"])
async def test_a_repeated_status_of_a_failed_attempt_does_not_end_the_next(
    business: Business, queue: Outbox, named_by: str
) -> None:
    """Meta repeats a webhook for up to 7 days; an operator may have sent the message again by then."""
    key, failed = await begun(business, queue)
    name = wamid()
    await queue.accepted(key, failed, name)
    of_failed = {"attempt": {"attempt_id": str(failed)}, "wamid": {"wamid": name}}[named_by]
    await told(business, DeliveryState.FAILED, **of_failed)
    await Dead(business.database).replay_outbox([key])
    await told(business, DeliveryState.FAILED, **of_failed)
    assert await state_of(business, key) == "queued"
    await queue.begin(await claimed_again(business, queue), [key])
    await told(business, DeliveryState.FAILED, **of_failed)
    assert await state_of(business, key) == "sending"


async def test_a_wamid_that_is_told_too_late_does_not_name_the_next_attempt(business: Business, queue: Outbox) -> None:
    key, paused = await begun(business, queue)
    await queue.unknown(key, paused)
    await age(business, key, seconds=61)
    await queue.settle_unknown(business.number)
    await queue.begin(await claimed_again(business, queue), [key])
    name = wamid()
    await queue.accepted(key, paused, name)
    await told(business, DeliveryState.FAILED, wamid=name)
    assert await state_of(business, key) == "sending"


async def test_an_attempt_id_of_somebody_else_is_no_error(business: Business, queue: Outbox) -> None:
    await told(business, DeliveryState.SENT, attempt_id="not one of ours", wamid=wamid())


async def test_a_status_of_another_number_changes_nothing(
    business: Business, queue: Outbox, database: Database, keyring: Keyring
) -> None:
    key, attempt = await begun(business, queue)
    stranger = await make_business(database, keyring)
    await told(stranger, DeliveryState.FAILED, attempt_id=str(attempt))
    assert await state_of(business, key) == "sending"


@pytest.mark.parametrize(
    ("first", "then", "stands"),
    [
        ("read", "delivered", "read"),
        ("delivered", "sent", "delivered"),
        ("failed", "delivered", "failed"),
        ("sent", "failed", "failed"),
        ("read", "failed", "failed"),
        ("sent", "read", "read"),
        ("sent", "sent", "sent"),
    ],
)
async def test_a_ladder_is_only_climbed(business: Business, queue: Outbox, first: str, then: str, stands: str) -> None:
    key, attempt = await begun(business, queue)
    for state in (first, then):
        await told(business, DeliveryState(state), attempt_id=str(attempt))
    assert await state_of(business, key) == stands


async def test_the_highest_of_one_body_stands(business: Business, queue: Outbox) -> None:
    key, attempt = await begun(business, queue)
    await told(business, DeliveryState.READ, DeliveryState.SENT, DeliveryState.DELIVERED, attempt_id=str(attempt))
    assert await state_of(business, key) == "read"


async def test_two_commits_at_the_same_time_do_not_descend(business: Business, queue: Outbox) -> None:
    key, attempt = await begun(business, queue)
    async with business.database.engine.connect() as first:
        await first.execute(outbox.update().where(outbox.c.id == key).values(state="read"))
        second = asyncio.create_task(told(business, DeliveryState.SENT, attempt_id=str(attempt)))
        await until_waiting(business.database)
        await first.commit()
    await second
    assert await state_of(business, key) == "read"


async def test_a_failed_message_lets_the_next_go(business: Business, queue: Outbox) -> None:
    await business.answer("first", "second")
    (head,) = await queue.heads(business.number, 10)
    attempts = await queue.begin(await claimed(business, queue), [head.id])
    await queue.failed(head.id, attempts[head.id], 131026, "give_up")
    assert bodies(await queue.heads(business.number, 10)) == ["second"]


PASSING = 131000  # a cause that passes


async def told_one(business: Business, name: str, attempt: object) -> None:
    """One status; `resend` is a failure for a cause that passes."""
    if name == "resend":
        fields: dict[str, object] = {"error_code": PASSING, "may_resend": True}
        await told(business, DeliveryState.FAILED, attempt_id=str(attempt), **fields)
    else:
        await told(business, DeliveryState(name), attempt_id=str(attempt))


@pytest.mark.parametrize("names", COMBINATIONS, ids=" ".join)
async def test_any_order_of_the_same_statuses_ends_in_the_same_state(
    business: Business, queue: Outbox, names: tuple[str, ...]
) -> None:
    key, attempt = await begun(business, queue)
    ends = set()
    for order in permutations(names):
        for name in (*order, *order[:1]):  # and one that is delivered twice
            await told_one(business, name, attempt)
        ends.add(await state_of(business, key))
        await business.execute("UPDATE outbox SET state = 'sending', resent_at = NULL WHERE id = :key", key=key)
    assert ends == {"queued" if (top := max(names, key=LADDER.index)) == "resend" else top}


async def test_a_failure_whose_cause_passes_is_sent_again_once(business: Business, queue: Outbox) -> None:
    key, first = await begun(business, queue)
    await queue.accepted(key, first, wamid())
    await told_one(business, "resend", first)
    row = await row_of(business, key)
    assert (row.state, row.possible_duplicates) == ("queued", 0)  # type: ignore[attr-defined]
    assert await queue.heads(business.number, 10) == []  # not at once
    second = (await queue.begin(await claimed_again(business, queue), [key]))[key]
    await told_one(business, "resend", first)  # Meta repeats itself
    assert await state_of(business, key) == "sending"
    await told_one(business, "resend", second)
    assert await state_of(business, key) == "failed"


async def test_a_failure_is_not_sent_again_after_what_came_later(business: Business, queue: Outbox) -> None:
    first, second = await business.answer("first", "second")
    attempt = (await queue.begin(await claimed(business, queue), [first]))[first]
    await told(business, DeliveryState.SENT, attempt_id=str(attempt))
    await queue.begin(await claimed_again(business, queue), [second])
    await told_one(business, "resend", attempt)
    assert await state_of(business, first) == "failed"


async def test_our_late_note_of_an_attempt_that_failed_does_not_accept_the_message(
    business: Business, queue: Outbox
) -> None:
    key, attempt = await begun(business, queue)
    await told_one(business, "resend", attempt)
    await queue.accepted(key, attempt, wamid())
    assert await state_of(business, key) == "queued"


async def test_a_parked_failure_whose_cause_passes_still_may_be_sent_again(business: Business, queue: Outbox) -> None:
    key, attempt = await begun(business, queue)
    name = wamid()
    await told(business, DeliveryState.FAILED, wamid=name, error_code=PASSING, may_resend=True)
    await queue.accepted(key, attempt, name)
    assert await ParkedStatuses(business.database).apply() >= 1
    assert await state_of(business, key) == "queued"


async def test_a_status_just_after_the_second_sending_names_the_first_and_leaves_the_second_alone(
    business: Business, queue: Outbox
) -> None:
    """The one gap that stays: the message went out twice, and both are counted."""
    key, first = await begun(business, queue)
    await queue.unknown(key, first)
    await age(business, key, seconds=61)
    assert await queue.settle_unknown(business.number) == 1
    second = (await queue.begin(await claimed_again(business, queue), [key]))[key]
    await told(business, DeliveryState.DELIVERED, attempt_id=str(first), wamid=wamid())
    assert await state_of(business, key) == "sending"
    await told(business, DeliveryState.DELIVERED, attempt_id=str(second), wamid=wamid())
    row = await row_of(business, key)
    assert (row.state, row.possible_duplicates) == ("delivered", 1)  # type: ignore[attr-defined]


async def test_a_status_while_an_unknown_outcome_is_being_settled_wins(business: Business, queue: Outbox) -> None:
    key, attempt = await begun(business, queue)
    await queue.unknown(key, attempt)
    await age(business, key, seconds=61)
    async with business.database.engine.connect() as first:
        await first.execute(outbox.update().where(outbox.c.id == key).values(state="sent"))
        settling = asyncio.create_task(queue.settle_unknown(business.number))
        await until_waiting(business.database)
        await first.commit()
    assert await settling == 0
    assert await state_of(business, key) == "sent"
