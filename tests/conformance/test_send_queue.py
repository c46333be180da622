"""What every `SendQueue` does: the outbox on PostgreSQL and the twin of the unit tests alike."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID, uuid4

import pytest

from actors.ports import SendQueue
from models.lifecycle import OutboxState
from models.message import OutboundMessage, Recipient
from store.outbox import ORDER_WAIT, ORPHANED_AFTER, UNKNOWN_WAIT, ClaimedNumber, DueReceipt, Outbox, QueuedMessage
from tests.factories import Business, inbound, wamid
from tests.twins.outbox import TwinQueue, TwinRow

NOW = timedelta()
SOON = timedelta(minutes=1)


class Desk(Protocol):
    """A queue of one number, and what happens around it."""

    queue: SendQueue
    number: str

    async def put(self, *bodies: str) -> list[int]:
        """Queue these for one new conversation; give their ids."""
        ...

    async def written(self) -> str:
        """Let somebody write; give the wamid that is to be shown as read."""
        ...

    async def age(self, key: int, by: timedelta) -> None:
        """Let an attempt, and its acceptance, have been so long ago."""
        ...

    async def state(self, key: int) -> str: ...


class RealDesk:
    """On PostgreSQL."""

    def __init__(self, business: Business) -> None:
        self._business = business
        self.number = business.number
        self.queue: SendQueue = Outbox(business.database, business.keyring)

    async def put(self, *bodies: str) -> list[int]:
        return await self._business.answer(*bodies)

    async def written(self) -> str:
        message = inbound(phone_number_id=self.number, wamid=wamid())
        await self._business.receive(message)
        return message.wamid

    async def age(self, key: int, by: timedelta) -> None:
        statement = "UPDATE outbox SET sending_at = sending_at - :by, accepted_at = accepted_at - :by WHERE id = :key"
        await self._business.execute(statement.replace(":by", "CAST(:by AS interval)"), key=key, by=by)

    async def state(self, key: int) -> str:
        return await self._business.state_of(key)


class TwinDesk:
    """In memory."""

    def __init__(self) -> None:
        self._twin = TwinQueue()
        self.number = self._twin.number
        self.queue: SendQueue = self._twin

    async def put(self, *bodies: str) -> list[int]:
        conversation, first = uuid4(), len(self._twin.rows) + 1
        for key, body in enumerate(bodies, start=first):
            message = _queued(key, body, conversation, self.number)
            self._twin.rows[key] = TwinRow(message, message.queued_at)
        return list(range(first, first + len(bodies)))

    async def written(self) -> str:
        self._twin.inbound.append(datetime.now(UTC))
        receipt = DueReceipt(conversation_id=uuid4(), wamid=wamid(), typing=True)
        self._twin.receipts.append(receipt)
        return receipt.wamid

    async def age(self, key: int, by: timedelta) -> None:
        row = self._twin.rows[key]
        row.sending_at = row.sending_at - by if row.sending_at else None
        row.accepted_at = row.accepted_at - by if row.accepted_at else None

    async def state(self, key: int) -> str:
        return self._twin.rows[key].state.value


def _queued(key: int, body: str, conversation: UUID, number: str) -> QueuedMessage:
    return QueuedMessage(
        id=key,
        phone_number_id=number,
        conversation_id=conversation,
        to=Recipient(phone="15550100101"),
        message=OutboundMessage(body=body),
        queued_at=datetime.now(UTC),
        received_at=datetime.now(UTC),
        attempts=0,
    )


@pytest.fixture(params=[pytest.param("postgres", marks=pytest.mark.postgres), "twin"])
def desk(request: pytest.FixtureRequest) -> Desk:
    return RealDesk(request.getfixturevalue("business")) if request.param == "postgres" else TwinDesk()


async def claimed(desk: Desk, owner: str = "sender") -> ClaimedNumber | None:
    """The claim on this desk's number, if it can be had; numbers of other tests are let go."""
    mine = None
    for number in await desk.queue.claim_numbers(owner, 1000):
        if number.phone_number_id == desk.number:
            mine = number
        else:
            await desk.queue.release(number)
    return mine


async def begun(desk: Desk, *bodies: str) -> tuple[int, UUID]:
    """Queue these for one conversation and begin the first; give its key and the attempt's id."""
    key, *_ = await desk.put(*bodies)
    return key, await begun_again(desk, key)


async def begun_again(desk: Desk, key: int) -> UUID:
    number = await claimed(desk)
    assert number is not None
    attempts = await desk.queue.begin(number, [key])
    await desk.queue.release(number)
    return attempts[key]


async def heads(desk: Desk, limit: int = 10) -> list[str]:
    return sorted(head.message.body for head in await desk.queue.heads(desk.number, limit))


async def test_a_number_with_something_to_send_is_claimed_by_one_sender(desk: Desk) -> None:
    assert await claimed(desk) is None
    await desk.put("one")
    assert await claimed(desk) is not None
    assert await claimed(desk, "another") is None


async def test_a_released_number_is_free_at_once_under_a_higher_fence(desk: Desk) -> None:
    await desk.put("one")
    first = await claimed(desk)
    assert first is not None
    await desk.queue.release(first)
    second = await claimed(desk, "another")
    assert second is not None
    assert second.fence > first.fence


async def test_only_its_sender_renews_a_number(desk: Desk) -> None:
    await desk.put("one")
    await claimed(desk)
    assert await desk.queue.renew("sender", {desk.number, "another number"}) == {desk.number}
    assert await desk.queue.renew("another", {desk.number}) == set()


async def test_a_stopped_number_is_claimed_by_nobody(desk: Desk) -> None:
    await desk.put("one")
    await desk.queue.stop_number(desk.number, "Graph refused with code 190")
    assert await claimed(desk) is None


async def test_a_message_to_be_shown_as_read_is_something_to_do_and_taken_once(desk: Desk) -> None:
    read = await desk.written()
    assert await claimed(desk) is not None
    (receipt,) = await desk.queue.take_receipts(desk.number, 10)
    assert (receipt.wamid, receipt.typing) == (read, True)
    assert await desk.queue.take_receipts(desk.number, 10) == []


async def test_the_first_of_each_conversation_is_a_head_and_no_more_than_asked_for(desk: Desk) -> None:
    await desk.put("first", "second")
    await desk.put("another user's")
    assert await heads(desk) == ["another user's", "first"]
    assert len(await heads(desk, limit=1)) == 1


async def test_what_came_in_within_the_last_second_counts_for_the_pace(desk: Desk) -> None:
    assert await desk.queue.inbound_per_s(desk.number) == 0
    for _ in range(2):
        await desk.written()
    assert await desk.queue.inbound_per_s(desk.number) == 2


async def test_a_message_is_begun_once(desk: Desk) -> None:
    (key,) = await desk.put("one")
    number = await claimed(desk)
    assert number is not None
    assert list(await desk.queue.begin(number, [key])) == [key]
    assert await desk.queue.begin(number, [key]) == {}
    assert await desk.state(key) == OutboxState.SENDING


async def test_a_sender_whose_number_was_claimed_again_begins_nothing(desk: Desk) -> None:
    (key,) = await desk.put("one")
    slow = await claimed(desk)
    assert slow is not None
    await desk.queue.release(slow)
    await claimed(desk, "another")
    assert await desk.queue.begin(slow, [key]) == {}
    assert await desk.state(key) == OutboxState.QUEUED


async def test_an_attempt_counts_for_the_pace_from_its_beginning(desk: Desk) -> None:
    assert await desk.queue.recent_attempts(desk.number, SOON) == []
    await begun(desk, "one")
    assert len(await desk.queue.recent_attempts(desk.number, SOON)) == 1


async def test_nothing_overtakes_what_is_under_way(desk: Desk) -> None:
    await begun(desk, "first", "second")
    assert await heads(desk) == []


async def test_nothing_overtakes_what_is_postponed(desk: Desk) -> None:
    first, _ = await desk.put("first", "second")
    await desk.queue.postpone(first, SOON)
    assert await heads(desk) == []


@pytest.mark.parametrize(("ago", "goes"), [(NOW, []), (ORDER_WAIT + SOON, ["second"])], ids=["fresh", "old"])
async def test_the_next_waits_for_a_while_after_an_acceptance(desk: Desk, ago: timedelta, goes: Sequence[str]) -> None:
    first, attempt = await begun(desk, "first", "second")
    await desk.queue.accepted(first, attempt, wamid())
    await desk.age(first, ago)
    assert await heads(desk) == goes
    assert await desk.state(first) == OutboxState.ACCEPTED


async def test_the_next_goes_once_the_one_before_has_failed(desk: Desk) -> None:
    first, attempt = await begun(desk, "first", "second")
    await desk.queue.failed(first, attempt, 131026, "undeliverable")
    assert await heads(desk) == ["second"]


@pytest.mark.parametrize(("delay", "goes"), [(NOW, ["first"]), (SOON, [])], ids=["at once", "later"])
async def test_what_graph_did_not_take_goes_again_in_its_turn(
    desk: Desk, delay: timedelta, goes: Sequence[str]
) -> None:
    first, attempt = await begun(desk, "first", "second")
    await desk.queue.retry(first, attempt, delay, 131056)
    assert await heads(desk) == goes


async def test_what_was_accepted_is_neither_sent_again_nor_unknown(desk: Desk) -> None:
    key, attempt = await begun(desk, "one")
    await desk.queue.accepted(key, attempt, wamid())
    await desk.queue.retry(key, attempt, NOW, 131000)
    await desk.queue.unknown(key, attempt)
    assert await desk.state(key) == OutboxState.ACCEPTED


async def test_an_unknown_outcome_that_was_told_after_all_is_accepted(desk: Desk) -> None:
    key, attempt = await begun(desk, "one")
    await desk.queue.unknown(key, attempt)
    await desk.queue.accepted(key, attempt, wamid())
    assert await desk.state(key) == OutboxState.ACCEPTED


@pytest.mark.parametrize(("early", "again", "goes"), [(True, 0, []), (False, 1, ["first"])], ids=["waits", "again"])
async def test_an_unknown_outcome_waits_for_a_status_and_is_sent_once_more(
    desk: Desk, early: bool, again: int, goes: Sequence[str]
) -> None:
    first, attempt = await begun(desk, "first", "second")
    await desk.queue.unknown(first, attempt, 131000)
    await desk.age(first, UNKNOWN_WAIT + (-SOON / 2 if early else SOON))
    assert await desk.queue.settle_unknown(desk.number) == again
    assert await heads(desk) == goes


@pytest.mark.parametrize(("late", "state"), [(False, OutboxState.SENDING), (True, OutboxState.UNKNOWN)])
async def test_what_a_sender_left_under_way_becomes_unknown(desk: Desk, late: bool, state: OutboxState) -> None:
    key, _ = await begun(desk, "one")
    await desk.age(key, ORPHANED_AFTER + timedelta(seconds=5) if late else NOW)
    assert await desk.queue.settle_unknown(desk.number) == 0
    assert await desk.state(key) == state


async def test_what_must_not_go_out_is_ended_before_it_begins_and_not_after(desk: Desk) -> None:
    first, second = await desk.put("first", "second")
    await desk.queue.withhold(first, "opted_out")
    assert await desk.state(first) == OutboxState.FAILED
    assert await heads(desk) == ["second"]
    await begun_again(desk, second)
    await desk.queue.withhold(second, "opted_out")
    assert await desk.state(second) == OutboxState.SENDING


async def test_an_answer_that_comes_too_late_ends_and_a_person_is_asked(desk: Desk) -> None:
    (key,) = await desk.put("one")
    assert await desk.queue.window_closed(key)
    assert await desk.state(key) == OutboxState.FAILED


async def test_a_refusal_of_one_who_wants_no_marketing_ends_the_message(desk: Desk) -> None:
    key, attempt = await begun(desk, "one")
    await desk.queue.opted_out(key, attempt, 131050)
    assert await desk.state(key) == OutboxState.FAILED


@pytest.mark.parametrize("outcome", ["accepted", "retry", "unknown", "failed"])
async def test_the_late_outcome_of_an_attempt_does_not_decide_the_next(desk: Desk, outcome: str) -> None:
    """Its sender was paused while its lease ran out, and another has begun the message again."""
    key, paused = await begun(desk, "one")
    await desk.queue.unknown(key, paused)
    await desk.age(key, UNKNOWN_WAIT + SOON)
    await desk.queue.settle_unknown(desk.number)
    newer = await begun_again(desk, key)
    told = {"accepted": (wamid(),), "retry": (NOW, 130429), "unknown": (131000,), "failed": (131026, "give_up")}
    await getattr(desk.queue, outcome)(key, paused, *told[outcome])
    assert await desk.state(key) == OutboxState.SENDING
    await desk.queue.accepted(key, newer, wamid())
    assert await desk.state(key) == OutboxState.ACCEPTED
