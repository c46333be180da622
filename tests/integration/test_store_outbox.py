"""What goes out, on a real PostgreSQL: by lease, in order, effectively once."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from models.message import DeliveryState, Sender
from models.tables import conversations, numbers, outbox
from security.keyring import Keyring
from store.database import Database
from store.outbox import Outbox
from tests.factories import Business, fresh, inbound, make_business, phone, wamid
from tests.integration.outbox_steps import age, begun, bodies, claimed, claimed_again, row_of, state_of, told

pytestmark = pytest.mark.postgres

NOW = timedelta()


@pytest.fixture
def queue(database: Database, keyring: Keyring) -> Outbox:
    return Outbox(database, keyring)


async def test_a_number_has_one_sender_at_a_time(business: Business, queue: Outbox) -> None:
    await business.answer("one")
    await claimed(business, queue)
    assert business.number not in [number.phone_number_id for number in await queue.claim_numbers("other", 1000)]


async def test_a_released_number_is_free_at_once_under_a_higher_fence(business: Business, queue: Outbox) -> None:
    await business.answer("one")
    first = await claimed(business, queue)
    await queue.release(first)
    second = await claimed(business, queue)
    assert second.fence > first.fence


async def test_a_number_without_anything_to_send_is_not_claimed(business: Business, queue: Outbox) -> None:
    assert business.number not in [number.phone_number_id for number in await queue.claim_numbers("sender", 1000)]


async def test_a_stopped_number_is_not_claimed(business: Business, queue: Outbox) -> None:
    await business.answer("one")
    await queue.stop_number(business.number, "Graph refused with code 190")
    assert business.number not in [number.phone_number_id for number in await queue.claim_numbers("sender", 1000)]


async def test_a_head_says_whom_it_goes_to_and_since_when_they_wait(business: Business, queue: Outbox) -> None:
    sender = Sender(phone=phone(), user_id=fresh("US."))
    (key,) = await business.answer("We open at nine.", sender=sender)
    (head,) = await queue.heads(business.number, 10)
    assert (head.id, head.message.body, head.attempts) == (key, "We open at nine.", 0)
    assert (head.to.phone, head.to.user_id) == (sender.phone, sender.user_id)
    assert head.received_at is not None
    assert head.received_at <= head.queued_at


async def test_only_the_first_message_of_a_conversation_is_a_head(business: Business, queue: Outbox) -> None:
    await business.answer("first", "second")
    await business.answer("another user's")
    assert bodies(await queue.heads(business.number, 10)) == ["another user's", "first"]


async def test_the_longest_waiting_go_first(business: Business, queue: Outbox) -> None:
    """With more to send than may go, whoever came last waits, and not always the same users."""
    keys = [(await business.answer(str(place)))[0] for place in range(6)]
    assert [head.id for head in await queue.heads(business.number, 4)] == keys[:4]


@pytest.mark.parametrize("state", ["sending", "unknown"])
async def test_the_next_waits_while_the_one_before_may_be_under_way(
    business: Business, queue: Outbox, state: str
) -> None:
    key, _ = await business.answer("first", "second")
    await business.execute("UPDATE outbox SET state = :state, sending_at = now() WHERE id = :key", state=state, key=key)
    assert await queue.heads(business.number, 10) == []


async def test_the_next_waits_while_the_one_before_is_postponed(business: Business, queue: Outbox) -> None:
    first, _ = await business.answer("first", "second")
    await queue.postpone(first, timedelta(minutes=1))
    assert await queue.heads(business.number, 10) == []


@pytest.mark.parametrize("state", ["sent", "delivered", "read", "failed"])
async def test_the_next_goes_once_the_one_before_is_settled(business: Business, queue: Outbox, state: str) -> None:
    key, _ = await business.answer("first", "second")
    await business.execute("UPDATE outbox SET state = :state WHERE id = :key", state=state, key=key)
    assert bodies(await queue.heads(business.number, 10)) == ["second"]


@pytest.mark.parametrize(("ago_s", "goes"), [(8, []), (11, ["second"])], ids=["8 s ago", "11 s ago"])
async def test_the_next_waits_ten_seconds_from_an_acceptance(
    business: Business, queue: Outbox, ago_s: int, goes: list[str]
) -> None:
    key, _ = await business.answer("first", "second")
    await business.execute(
        "UPDATE outbox SET state = 'accepted', accepted_at = now() - make_interval(secs => :ago) WHERE id = :key",
        ago=ago_s,
        key=key,
    )
    assert bodies(await queue.heads(business.number, 10)) == goes


async def test_a_message_is_begun_once(business: Business, queue: Outbox) -> None:
    (key,) = await business.answer("one")
    number = await claimed(business, queue)
    assert list(await queue.begin(number, [key])) == [key]
    assert await queue.begin(number, [key]) == {}
    assert await state_of(business, key) == "sending"


async def test_a_sender_that_lost_its_number_begins_nothing(business: Business, queue: Outbox) -> None:
    (key,) = await business.answer("one")
    lost = await claimed(business, queue)
    await business.execute("UPDATE numbers SET lease_until = now() - interval '1 s' WHERE phone_number_id = :number")
    await claimed(business, queue, "other")
    assert await queue.begin(lost, [key]) == {}
    assert await state_of(business, key) == "queued"


async def test_every_attempt_has_an_id_of_its_own(business: Business, queue: Outbox) -> None:
    key, first = await begun(business, queue)
    await queue.retry(key, first, NOW, 130429)
    second = (await queue.begin(await claimed_again(business, queue), [key]))[key]
    assert first != second
    assert (await row_of(business, key)).attempts == 2  # type: ignore[attr-defined]


async def test_an_accepted_message_is_found_by_its_wamid_afterwards(business: Business, queue: Outbox) -> None:
    key, attempt = await begun(business, queue)
    name = wamid()
    await queue.accepted(key, attempt, name)
    assert await state_of(business, key) == "accepted"
    await told(business, DeliveryState.SENT, wamid=name)
    assert await state_of(business, key) == "sent"


async def test_a_refused_message_is_queued_again_for_later(business: Business, queue: Outbox) -> None:
    key, attempt = await begun(business, queue)
    await queue.retry(key, attempt, timedelta(seconds=30), 130429)
    row = await row_of(business, key)
    assert (row.state, row.error_code, row.possible_duplicates) == ("queued", 130429, 0)  # type: ignore[attr-defined]
    assert await queue.heads(business.number, 10) == []


async def test_a_retry_does_not_wake_what_a_status_has_ended(business: Business, queue: Outbox) -> None:
    key, attempt = await begun(business, queue)
    await told(business, DeliveryState.FAILED, attempt_id=str(attempt), error_code=131026)
    await queue.retry(key, attempt, NOW, 130429)
    assert await state_of(business, key) == "failed"


async def test_an_unknown_outcome_is_waited_for_by_the_clock_of_its_attempt(business: Business, queue: Outbox) -> None:
    key, attempt = await begun(business, queue)
    await queue.unknown(key, attempt, 131000)
    await age(business, key, seconds=59)
    assert await queue.settle_unknown(business.number) == 0
    assert await state_of(business, key) == "unknown"
    await age(business, key, seconds=61)
    assert await queue.settle_unknown(business.number) == 1
    row = await row_of(business, key)
    assert (row.state, row.possible_duplicates) == ("queued", 1)  # type: ignore[attr-defined]


async def test_an_attempt_whose_sender_died_is_unknown_first(business: Business, queue: Outbox) -> None:
    key, _ = await begun(business, queue)
    assert await queue.settle_unknown(business.number) == 0
    assert await state_of(business, key) == "sending"
    await age(business, key, seconds=11)
    assert await queue.settle_unknown(business.number) == 0
    assert await state_of(business, key) == "unknown"


async def test_recent_attempts_are_told_oldest_first(business: Business, queue: Outbox) -> None:
    keys = [(await business.answer(str(place)))[0] for place in range(3)]
    number = await claimed(business, queue)
    for key in keys:
        await queue.begin(number, [key])
    await age(business, keys[1], seconds=200)
    await age(business, keys[2], seconds=400)  # longer ago than any bucket feels
    attempts = await queue.recent_attempts(business.number, timedelta(minutes=5))
    assert [at for _, at in attempts] == sorted(at for _, at in attempts)
    assert len(attempts) == 2


async def test_only_this_numbers_last_second_counts_as_coming_in(
    business: Business, queue: Outbox, database: Database, keyring: Keyring
) -> None:
    await business.receive(inbound(phone_number_id=business.number))
    await business.execute("UPDATE inbox SET received_at = now() - interval '2 s' WHERE phone_number_id = :number")
    await business.receive(*(inbound(phone_number_id=business.number) for _ in range(3)))
    other = await make_business(database, keyring)
    await other.receive(inbound(phone_number_id=other.number))
    assert await queue.inbound_per_s(business.number) == 3


async def test_a_read_receipt_is_taken_once_and_names_the_last_message(business: Business, queue: Outbox) -> None:
    last = inbound("and another", phone_number_id=business.number)
    await business.receive(inbound("one", phone_number_id=business.number), last)
    (receipt,) = await queue.take_receipts(business.number, 10)
    assert (receipt.wamid, receipt.typing) == (last.wamid, True)
    assert await queue.take_receipts(business.number, 10) == []


async def test_no_typing_is_shown_where_a_person_answers(business: Business, queue: Outbox) -> None:
    claim = await business.ask("Hello?")
    await business.set_conversation(claim.id, taken_by="Marta")
    (receipt,) = await queue.take_receipts(business.number, 10)
    assert not receipt.typing


async def test_a_number_with_only_a_read_receipt_due_is_claimed(business: Business, queue: Outbox) -> None:
    await business.ask("Hello?")
    assert (await claimed(business, queue)).phone_number_id == business.number


async def test_a_lease_is_kept_by_whoever_works_and_by_nobody_else(business: Business, queue: Outbox) -> None:
    await business.answer("one")
    owner = fresh("sender")
    await claimed(business, queue, owner)
    assert await queue.renew(owner, {business.number}) == {business.number}
    assert await queue.renew("other", {business.number}) == set()


async def test_a_lease_that_nobody_works_on_is_not_kept(business: Business, queue: Outbox) -> None:
    """Its worker could not let it go, since PostgreSQL was away for a moment: it must run out."""
    await business.answer("one")
    owner = fresh("sender")
    await claimed(business, queue, owner)
    await business.execute("UPDATE numbers SET lease_until = now() + interval '1 s' WHERE phone_number_id = :number")
    async with business.database.read() as connection:
        until = select(numbers.c.lease_until).where(numbers.c.phone_number_id == business.number)
        before = (await connection.execute(until)).scalar_one()
        assert await queue.renew(owner, {"another number"}) == set()
    async with business.database.read() as connection:
        assert (await connection.execute(until)).scalar_one() == before


async def test_nothing_of_a_person_is_readable_in_the_rows(business: Business, queue: Outbox) -> None:
    sender = Sender(phone=phone(), user_id=fresh("US.user-"), name="Ana Belén")
    await business.answer("We open at nine.", sender=sender)
    async with business.database.read() as connection:
        rows = [(await connection.execute(select(table))).all() for table in (outbox, conversations)]
    everything = repr(rows)
    for secret in (sender.phone, sender.user_id, sender.name, "We open at nine."):
        assert str(secret) not in everything


async def test_an_unknown_key_changes_nothing(queue: Outbox) -> None:
    await queue.accepted(10**15, uuid4(), wamid())
    await queue.failed(10**15, uuid4(), 131026, "give_up")
    assert uuid4() not in [key for key, _ in await queue.recent_attempts("nobody", timedelta(minutes=5))]
