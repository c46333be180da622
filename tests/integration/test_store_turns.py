"""Conversations as work and turns as commits, on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import select, update
from sqlalchemy.engine import make_url

from models.answer import Answer, Rung, Source, Speaker
from models.conversation import OpenTurn
from models.errors import LeaseLost
from models.message import MessageKind, OutboundMessage, Sender, WebhookUpdates
from models.tables import conversations, inbox, outbox, turns
from security.keyring import Keyring
from store.codec import OUTBOUND
from store.conversations import MOST_EXPIRIES, MOST_TRIES, ClaimedConversation, Conversations
from store.database import Database
from store.dead import Dead
from store.routing import Router
from store.turns import Turns
from tests.factories import Business, closed_turn, inbound, phone
from tests.integration.locks import lock_at_once, until_waiting

pytestmark = pytest.mark.postgres


async def opened(business: Business, claimed: ClaimedConversation) -> OpenTurn:
    turn = await business.turns.open(claimed)
    assert turn is not None
    return turn


async def conversation(business: Business, claimed: ClaimedConversation) -> object:
    async with business.database.read() as connection:
        statement = select(conversations).where(conversations.c.id == claimed.id)
        return (await connection.execute(statement)).one()


async def expire(business: Business) -> None:
    await business.execute(
        "UPDATE conversations SET lease_until = now() - interval '1 s' WHERE phone_number_id = :number"
    )


async def test_a_turn_holds_all_that_was_written_in_the_order_of_sending(business: Business) -> None:
    turn = await opened(business, await business.ask("Hi", "do you open", "on Sunday?"))
    assert [message.message.text for message in turn.messages] == ["Hi", "do you open", "on Sunday?"]
    assert turn.tenant == business.tenant
    assert not turn.is_with_person


async def test_a_closed_turn_is_the_history_of_the_next(business: Business) -> None:
    sender = Sender(phone=phone())
    first = await opened(business, await business.ask("When?", sender=sender))
    await business.turns.close(closed_turn(first, "At nine.", language="es"))
    second = await opened(business, await business.ask("And on Sunday?", sender=sender))
    assert [(line.speaker, line.text) for line in second.history] == [
        (Speaker.USER, "When?"),
        (Speaker.BUSINESS, "At nine."),
    ]
    assert second.language == "es"


async def test_a_turn_answers_its_messages_and_queues_its_replies_in_order(business: Business) -> None:
    claimed = await business.ask("When?")
    await business.turns.close(closed_turn(await opened(business, claimed), "one", "two"))
    assert await business.states() == ["answered"]
    async with business.database.read() as connection:
        statement = select(outbox.c.body).where(outbox.c.conversation_id == claimed.id).order_by(outbox.c.id)
        queued = [OUTBOUND.open(business.keyring, body).body for (body,) in await connection.execute(statement)]
    assert queued == ["one", "two"]
    row = await conversation(business, claimed)
    assert (row.ready_at, row.lease_until, row.lease_owner) == (None, None, None)  # type: ignore[attr-defined]


async def test_a_turn_of_a_lost_claim_changes_nothing(business: Business) -> None:
    slow = await business.ask("When?")
    turn = await opened(business, slow)
    await expire(business)
    await business.claim("another worker")
    with pytest.raises(LeaseLost):
        await business.turns.close(closed_turn(turn, "late"))
    assert await business.states() == ["received"]
    async with business.database.read() as connection:
        assert (await connection.execute(select(outbox).where(outbox.c.conversation_id == slow.id))).all() == []
        assert (await connection.execute(select(turns).where(turns.c.conversation_id == slow.id))).all() == []


@pytest.mark.parametrize("act", ["give_back", "fail"])
async def test_a_lost_claim_can_neither_be_given_back_nor_fail(business: Business, act: str) -> None:
    slow = await business.ask("When?")
    await expire(business)
    await business.claim("another worker")
    with pytest.raises(LeaseLost):
        await getattr(business.conversations, act)(slow)


async def test_two_workers_never_hold_the_same_conversation(business: Business) -> None:
    for _ in range(20):
        await business.inbox.receive([_one(business)])
    await business.route()
    claims = await asyncio.gather(*(business.claim_all(f"worker {place}") for place in range(4)))
    taken = [claimed.id for batch in claims for claimed in batch]
    assert len(taken) == len(set(taken))


def _one(business: Business, said: str = "Hello?", sender: Sender | None = None) -> WebhookUpdates:
    who = sender or Sender(phone=phone())
    return WebhookUpdates(messages=(inbound(said, phone_number_id=business.number, sender=who),))


async def test_a_claim_while_a_row_is_locked_takes_the_others(business: Business) -> None:
    locked = (await business.ask("one")).id
    await business.ask("two")
    await expire(business)
    async with business.database.engine.connect() as holder:
        await holder.execute(select(conversations).where(conversations.c.id == locked).with_for_update())
        (other,) = await business.claim_all("another")
        await holder.rollback()
    assert other.id != locked


async def test_the_longest_waiting_is_claimed_first(business: Business) -> None:
    first = (await business.ask("one")).id
    second = (await business.ask("two")).id
    await expire(business)
    await business.set_conversation(first, ready_at=inbound().sent_at)
    (claimed,) = await business.conversations.claim("worker", 1)
    assert claimed.id == first
    assert second != first


async def test_a_given_back_conversation_is_free_at_once_and_has_not_failed(business: Business) -> None:
    claimed = await business.ask("When?")
    await business.conversations.give_back(claimed)
    again = await business.claim("another")
    assert (again.id, again.fence > claimed.fence, again.is_worn_out) == (claimed.id, True, False)
    assert (await conversation(business, claimed)).tries == 0  # type: ignore[attr-defined]


async def test_a_failed_conversation_waits_before_it_is_tried_again(business: Business) -> None:
    await business.conversations.fail(await business.ask("When?"))
    assert await business.claim_all() == []
    await business.make_due()
    assert len(await business.claim_all()) == 1


async def test_failures_wear_a_conversation_out(business: Business) -> None:
    claimed = await business.ask("When?")
    for _ in range(MOST_TRIES):
        assert not claimed.is_worn_out
        await business.conversations.fail(claimed)
        await business.make_due()
        claimed = await business.claim()
    assert claimed.is_worn_out


async def test_expired_leases_wear_a_conversation_out_much_later(business: Business) -> None:
    claimed = await business.ask("When?")
    for _ in range(MOST_EXPIRIES):
        assert not claimed.is_worn_out
        await expire(business)
        claimed = await business.claim()
    assert claimed.is_worn_out
    assert (await conversation(business, claimed)).tries == 0  # type: ignore[attr-defined]


async def test_a_turn_that_succeeds_forgets_earlier_failures(business: Business) -> None:
    claimed = await business.ask("When?")
    await business.conversations.fail(claimed)
    await business.make_due()
    claimed = await business.claim()
    await business.turns.close(closed_turn(await opened(business, claimed), "At nine."))
    assert (await conversation(business, claimed)).tries == 0  # type: ignore[attr-defined]


async def test_only_the_owner_renews_a_conversation_and_only_before_it_ran_out(business: Business) -> None:
    claimed = await business.ask("When?")
    assert await business.conversations.renew("worker", {claimed.id}) == {claimed.id}
    assert await business.conversations.renew("another", {claimed.id}) == set()
    await expire(business)
    assert await business.conversations.renew("worker", {claimed.id}) == set()


async def test_leases_are_renewed_in_the_order_of_their_keys(business: Business, without_indexes: Database) -> None:
    """A router locks several, too: in another order that would be a deadlock."""
    highest = lowest = (await business.ask("Hello?")).id
    while lowest >= highest:
        lowest = (await business.ask("Hello?")).id
    worker = Conversations(without_indexes, business.keyring)
    async with business.database.engine.connect() as blocker:
        await blocker.execute(select(conversations).where(conversations.c.id == lowest).with_for_update(key_share=True))
        renewing = asyncio.create_task(worker.renew("worker", {highest, lowest}))
        await until_waiting(business.database)
        await lock_at_once(business.database, highest)
        await blocker.rollback()
    assert await renewing == {highest, lowest}


@pytest.fixture
async def without_indexes(database: Database, database_url: str) -> AsyncIterator[Database]:
    """A pool whose plans find rows in the order in which they lie in the table, as any plan may."""
    name = make_url(database_url).database
    async with database.engine.begin() as connection:
        for kind in ("indexscan", "bitmapscan"):
            await connection.exec_driver_sql(f"ALTER DATABASE {name} SET enable_{kind} = off")
    other = Database(database_url, name="tests")
    yield other
    await other.close()
    async with database.engine.begin() as connection:
        await connection.exec_driver_sql(f"ALTER DATABASE {name} RESET ALL")


async def test_a_message_during_the_turn_makes_the_conversation_due_again(business: Business) -> None:
    """The router was first: the commit of the turn sees the message."""
    sender = Sender(phone=phone())
    claimed = await business.ask("When?", sender=sender)
    turn = await opened(business, claimed)
    await business.inbox.receive([_one(business, "And on Sunday?", sender)])
    await Router(business.database, business.keyring).route()
    await business.turns.close(closed_turn(turn, "At nine."))
    next_turn = await opened(business, await business.claim())
    assert [message.message.text for message in next_turn.messages] == ["And on Sunday?"]


async def test_a_message_while_the_turn_commits_makes_the_conversation_due_again(business: Business) -> None:
    """The turn was first: the router waits for its lock, and then writes its own time."""
    sender = Sender(phone=phone())
    claimed = await business.ask("When?", sender=sender)
    turn = await opened(business, claimed)
    await business.inbox.receive([_one(business, "And on Sunday?", sender)])
    async with business.database.engine.connect() as blocker:
        await blocker.execute(select(conversations).where(conversations.c.id == claimed.id).with_for_update())
        closing = asyncio.create_task(business.turns.close(closed_turn(turn, "At nine.")))
        await until_waiting(business.database, 1)
        routing = asyncio.create_task(Router(business.database, business.keyring).route())
        await until_waiting(business.database, 2)
        await blocker.rollback()
    await asyncio.gather(closing, routing)
    await business.make_due()
    next_turn = await opened(business, await business.claim())
    assert [message.message.text for message in next_turn.messages] == ["And on Sunday?"]


async def test_a_turn_finishes_exactly_the_messages_it_contained(business: Business) -> None:
    sender = Sender(phone=phone())
    turn = await opened(business, await business.ask("one", sender=sender))
    await business.receive(inbound("two", phone_number_id=business.number, sender=sender))
    await business.turns.close(closed_turn(turn, "1"))
    assert await business.states() == ["answered", "received"]


async def test_a_conversation_with_nothing_left_is_let_go(business: Business) -> None:
    claimed = await business.ask("When?")
    await business.execute("UPDATE inbox SET state = 'answered' WHERE phone_number_id = :number")
    assert await business.turns.open(claimed) is None
    await business.turns.nothing_left(claimed)
    assert (await conversation(business, claimed)).ready_at is None  # type: ignore[attr-defined]


async def test_burying_puts_the_messages_away_and_asks_for_a_person(business: Business) -> None:
    claimed = await business.ask("When?", "Hello?")
    await business.conversations.bury(claimed, "failed too often", OutboundMessage(body="A colleague will write."))
    assert await business.states() == ["buried", "buried"]
    row = await conversation(business, claimed)
    assert row.wants_person_since is not None  # type: ignore[attr-defined]
    assert row.ready_at is None  # type: ignore[attr-defined]
    async with business.database.read() as connection:
        statement = select(outbox.c.body).where(outbox.c.conversation_id == claimed.id)
        (body,) = (await connection.execute(statement)).scalars()
    assert OUTBOUND.open(business.keyring, body).body == "A colleague will write."


async def test_a_lost_claim_buries_nothing(business: Business) -> None:
    claimed = await business.ask("When?")
    await expire(business)
    await business.claim("another")
    with pytest.raises(LeaseLost):
        await business.conversations.bury(claimed, "failed too often", OutboundMessage(body="x"))
    assert await business.states() == ["received"]


async def test_buried_messages_are_listed_and_answered_on_demand(business: Business) -> None:
    claimed = await business.ask("When?")
    await business.conversations.bury(claimed, "failed too often", OutboundMessage(body="x"))
    dead = Dead(business.database)
    async with business.database.read() as connection:
        statement = select(inbox.c.id).where(inbox.c.phone_number_id == business.number)
        (key,) = (await connection.execute(statement)).scalars()
    assert (key, "failed too often") in [(row.id, row.reason) for row in await dead.rows(1000) if row.queue == "inbox"]
    assert key in await dead.all_ids("inbox")
    assert await dead.replay_inbox([key]) == 1
    assert await dead.replay_inbox([key]) == 0  # not twice
    turn = await opened(business, await business.claim())
    assert [message.message.text for message in turn.messages] == ["When?"]


async def test_failed_messages_are_listed_and_sent_on_demand(business: Business) -> None:
    (key,) = await business.answer("At nine.")
    await business.execute(
        "UPDATE outbox SET state = 'failed', reason = 'give_up', error_code = 131026 WHERE id = :key", key=key
    )
    dead = Dead(business.database)
    assert (key, "give_up (code 131026)") in [(row.id, row.reason) for row in await dead.rows(1000)]
    assert await dead.replay_outbox([key]) == 1
    assert await dead.replay_outbox([key]) == 0
    assert key not in await dead.all_ids("outbox")


async def test_a_turn_remembers_where_its_answer_was_found(business: Business) -> None:
    message = inbound("When?", phone_number_id=business.number)
    await business.receive(message)
    turn = await opened(business, await business.claim())
    answer = Answer(
        text="At nine.",
        rung=Rung.EXTRACT,
        model="extract",
        sources=(Source(passage_id="p", title="Hours", page=2),),
        confidence=0.75,
        prompt_version="1",
    )
    closed = closed_turn(turn, "At nine.", step_ms={"embed": 4.5})
    assert await business.turns.of_message(business.number, message.wamid) is None
    await business.turns.close(replace(closed, answer=answer, wants_person=True))
    record = await business.turns.of_message(business.number, message.wamid)
    assert record is not None
    assert (record.asked, record.answer, record.rung, record.confidence) == ("When?", "At nine.", "extract", 0.75)
    assert record.prompt_version == "1"
    assert (record.sources, record.step_ms, record.wants_person) == (answer.sources, {"embed": 4.5}, True)


async def test_a_turn_is_found_while_a_key_is_rotated(business: Business) -> None:
    message = inbound("When?", phone_number_id=business.number)
    await business.receive(message)
    await business.turns.close(closed_turn(await opened(business, await business.claim()), "At nine."))
    rotated = Keyring({"new": b"n" * 32, "test": b"k" * 32})
    record = await Turns(business.database, rotated).of_message(business.number, message.wamid)
    assert record is not None
    assert record.answer == "At nine."


async def test_a_conversation_with_a_person_says_so(business: Business) -> None:
    claimed = await business.ask("When?")
    await business.set_conversation(claimed.id, taken_by="Marta")
    assert (await opened(business, claimed)).is_with_person


async def test_a_reply_is_not_sent_once_a_person_has_taken_over(business: Business) -> None:
    """They took it while the model wrote: the messages are theirs now, and are not answered twice."""
    claimed = await business.ask("When?")
    turn = await opened(business, claimed)
    await business.set_conversation(claimed.id, taken_by="Marta")
    committed = await business.turns.close(closed_turn(turn, "At nine.", wants_person=True))
    assert (committed.replies, committed.answer, committed.wants_person) == ((), None, False)
    assert await business.states() == ["answered"]
    async with business.database.read() as connection:
        assert (await connection.execute(select(outbox).where(outbox.c.conversation_id == claimed.id))).all() == []
        kept = (await connection.execute(select(turns).where(turns.c.conversation_id == claimed.id))).one()
    assert (kept.answer, kept.wants_person) == (None, False)


async def test_no_farewell_is_sent_where_a_person_has_taken_over(business: Business) -> None:
    claimed = await business.ask("When?")
    await business.set_conversation(claimed.id, taken_by="Marta")
    await business.conversations.bury(claimed, "failed too often", OutboundMessage(body="A colleague will write."))
    assert await business.states() == ["buried"]
    async with business.database.read() as connection:
        assert (await connection.execute(select(outbox).where(outbox.c.conversation_id == claimed.id))).all() == []


async def test_a_reaction_opens_a_turn_like_anything_else(business: Business) -> None:
    await business.receive(inbound("👍", phone_number_id=business.number, kind=MessageKind.REACTION))
    turn = await opened(business, await business.claim())
    assert turn.messages[0].message.kind is MessageKind.REACTION


async def test_one_who_asked_for_a_person_twice_waits_since_the_first_time(business: Business) -> None:
    sender = Sender(phone=phone())
    for _ in range(2):
        claimed = await business.ask("A person, please", sender=sender)
        turn = await opened(business, claimed)
        await business.turns.close(closed_turn(turn, "Yes.", wants_person=True))
    async with business.database.write() as connection:
        await connection.execute(
            update(conversations).where(conversations.c.id == claimed.id).values(wants_person_since=inbound().sent_at)
        )
    turn = await opened(business, await business.ask("Hello?", sender=sender))
    await business.turns.close(closed_turn(turn, "Yes.", wants_person=True))
    assert (await conversation(business, claimed)).wants_person_since == inbound().sent_at  # type: ignore[attr-defined]
