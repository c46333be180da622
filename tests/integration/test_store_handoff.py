"""A person takes over, replies and hands back, on a real PostgreSQL."""

import asyncio
import logging
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import ClauseElement, select

from models.answer import Answer, Rung, Source
from models.handoff import (
    Act,
    HandoffRefused,
    NotSayable,
    ThreadLine,
    UnknownConversation,
    Which,
    WindowClosed,
    WithSomebodyElse,
)
from models.message import MessageKind, OutboundMessage, Sender
from models.tables import handoff_events, outbox, turns
from store.codec import OUTBOUND
from store.handoff import Handoff
from store.status import queue_depths
from store.summaries import recent, taken, waiting
from store.threads import loose_inbound, loose_outbound, turns_of
from tests.desk import keep_passage, talk
from tests.factories import Business, closed_turn, inbound, phone
from tests.integration.locks import until_waiting

pytestmark = pytest.mark.postgres


@pytest.fixture
def handoff(business: Business) -> Handoff:
    return Handoff(business.database, business.keyring)


async def lines(handoff: Handoff, key: UUID) -> list[tuple[str, str]]:
    return [(line.by, line.text) for line in (await handoff.show(key)).lines]


async def listed(handoff: Handoff, business: Business, which: Which) -> list[UUID]:
    page = await handoff.conversations(which, tenant=business.tenant.slug)
    return [one.id for one in page.conversations]


async def queued(business: Business, key: UUID) -> list[str]:
    async with business.database.read() as connection:
        statement = select(outbox.c.body).where(outbox.c.conversation_id == key).order_by(outbox.c.id)
        return [OUTBOUND.open(business.keyring, body).body for (body,) in await connection.execute(statement)]


# -- who has it --------------------------------------------------------------------------------------------------------


async def test_a_conversation_waits_is_taken_and_is_handed_back(business: Business, handoff: Handoff) -> None:
    key = await talk(business, "A person, please", "One moment.", wants_person=True)
    assert await listed(handoff, business, Which.WAITING) == [key]
    await handoff.take(key, "Ana")
    assert await listed(handoff, business, Which.WAITING) == []
    assert await listed(handoff, business, Which.TAKEN) == [key]
    await handoff.hand_back(key, "Ana")
    assert await listed(handoff, business, Which.TAKEN) == []
    assert await listed(handoff, business, Which.RECENT) == [key]
    assert (await handoff.show(key)).conversation.since is None


async def test_how_many_wait_and_how_long_is_told_to_whoever_watches(business: Business, handoff: Handoff) -> None:
    before = (await queue_depths(business.database)).people_waiting
    key = await talk(business, "A person, please", wants_person=True)
    await business.set_conversation(key, wants_person_since=inbound().sent_at)
    depths = await queue_depths(business.database)
    assert depths.people_waiting == before + 1
    assert depths.people_oldest_wait_s > 24 * 3600
    await handoff.take(key, "Ana")
    assert (await queue_depths(business.database)).people_waiting == before


async def test_of_two_people_exactly_one_takes_it_and_the_other_is_told_who(
    business: Business, handoff: Handoff
) -> None:
    key = await talk(business, "A person, please", wants_person=True)
    people = ["Ana", "Ben", "Cleo", "Dan"]
    outcomes = await asyncio.gather(*(handoff.take(key, one) for one in people), return_exceptions=True)
    winner = (await handoff.show(key)).conversation.taken_by
    refusals = [one for one in outcomes if isinstance(one, WithSomebodyElse)]
    assert len(refusals) == 3
    assert {one.taken_by for one in refusals} == {winner}
    assert {str(one) for one in refusals} == {f"{winner} has this conversation."}
    assert [deed.act for deed in (await handoff.show(key)).deeds] == [Act.TOOK]


async def test_taking_what_is_ones_own_changes_nothing(business: Business, handoff: Handoff) -> None:
    key = await talk(business, "Hello")
    await handoff.take(key, "Ana")
    await handoff.take(key, "Ana")
    assert len((await handoff.show(key)).deeds) == 1


async def test_it_is_taken_from_a_colleague_only_by_the_name_of_who_has_it(
    business: Business, handoff: Handoff
) -> None:
    key = await talk(business, "Hello")
    await handoff.take(key, "Ana")
    with pytest.raises(WithSomebodyElse, match="Ana has"):
        await handoff.take(key, "Ben", instead_of="Cleo")
    await handoff.take(key, "Ben", instead_of="Ana")
    assert (await handoff.show(key)).conversation.taken_by == "Ben"


async def test_only_who_has_it_replies_and_hands_back(business: Business, handoff: Handoff) -> None:
    key = await talk(business, "Hello")
    for taken_by in (None, "Cleo"):
        await business.set_conversation(key, taken_by=taken_by)
        with pytest.raises(WithSomebodyElse):
            await handoff.reply(key, "Ben", "Hi", request_id=uuid4())
        with pytest.raises(WithSomebodyElse):
            await handoff.hand_back(key, "Ben")
    assert await queued(business, key) == []
    assert (await handoff.show(key)).deeds == ()


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\x1b[2Jb", "two\nlines"])
async def test_a_name_that_no_list_could_show_is_refused(business: Business, handoff: Handoff, name: str) -> None:
    key = await talk(business, "Hello")
    with pytest.raises(NotSayable):
        await handoff.take(key, name)


async def test_a_conversation_is_found_by_the_beginning_of_its_id(business: Business, handoff: Handoff) -> None:
    key = await talk(business, "Hello")
    for beginning in (str(key), key.hex, str(key)[:13], str(key)[:8].upper()):
        assert await handoff.find(beginning) == key
    for beginning in ("", "12", "nothing!", "f" * 33):
        with pytest.raises(NotSayable):
            await handoff.find(beginning)
    with pytest.raises(UnknownConversation):
        await handoff.find(uuid4().hex)
    await add_conversation(business, UUID(key.hex[:16] + uuid4().hex[16:]))
    with pytest.raises(NotSayable, match="several"):
        await handoff.find(key.hex[:16])


async def add_conversation(business: Business, key: UUID) -> None:
    """Make a conversation, and a contact, with this id."""
    for statement in (
        "INSERT INTO contacts (id, tenant_id) SELECT :key, tenant_id FROM numbers WHERE phone_number_id = :number",
        "INSERT INTO conversations (id, tenant_id, phone_number_id, contact_id)"
        " SELECT :key, tenant_id, phone_number_id, :key FROM numbers WHERE phone_number_id = :number",
    ):
        await business.execute(statement, key=key)


async def test_what_is_not_there_is_said_so(handoff: Handoff) -> None:
    for act in (
        handoff.show(uuid4()),
        handoff.take(uuid4(), "Ana"),
        handoff.hand_back(uuid4(), "Ana"),
        handoff.reply(uuid4(), "Ana", "Hi", request_id=uuid4()),
        handoff.why(uuid4(), uuid4()),
    ):
        with pytest.raises(UnknownConversation):
            await act


# -- the bot beside the person -----------------------------------------------------------------------------------------


async def test_the_bot_answers_until_it_is_taken_and_again_after_it_is_handed_back(
    business: Business, handoff: Handoff
) -> None:
    who = Sender(phone=phone())
    key = await talk(business, "A person, please", "One moment.", sender=who, wants_person=True)
    await talk(business, "When do you open?", "At nine.", sender=who)
    await handoff.take(key, "Ana")
    await talk(business, "And on Sunday?", "Never said.", sender=who)
    await handoff.hand_back(key, "Ana")
    await talk(business, "Thanks", "You're welcome.", sender=who)
    assert await queued(business, key) == ["One moment.", "At nine.", "You're welcome."]


async def test_a_turn_that_was_under_way_when_it_was_taken_says_nothing(business: Business, handoff: Handoff) -> None:
    claimed = await business.ask("When do you open?")
    turn = await business.turns.open(claimed)
    assert turn is not None
    await handoff.take(claimed.id, "Ana")
    await business.turns.close(closed_turn(turn, "At nine.", wants_person=True))
    assert await queued(business, claimed.id) == []
    assert (await handoff.show(claimed.id)).conversation.taken_by == "Ana"


async def test_taking_waits_for_a_turn_that_is_being_committed(business: Business, handoff: Handoff) -> None:
    key = await talk(business, "Hello")
    async with business.database.write() as connection:
        await connection.exec_driver_sql(f"SELECT FROM conversations WHERE id = '{key}' FOR NO KEY UPDATE")
        taking = asyncio.create_task(handoff.take(key, "Ana"))
        await until_waiting(business.database)
        assert not taking.done()
    await taking


# -- replies -----------------------------------------------------------------------------------------------------------


async def test_a_reply_is_queued_behind_what_the_bot_has_said(business: Business, handoff: Handoff) -> None:
    key = await talk(business, "A person, please", "One moment.", wants_person=True)
    await handoff.take(key, "Ana")
    await handoff.reply(key, "Ana", "  Good morning, I am Ana. ", request_id=uuid4())
    assert await queued(business, key) == ["One moment.", "Good morning, I am Ana."]
    said = (await handoff.show(key)).lines[-1]
    assert (said.by, said.is_person, said.state, said.turn_id) == ("Ana", True, "queued", None)


async def test_a_reply_that_is_asked_for_twice_is_queued_once(business: Business, handoff: Handoff) -> None:
    key = await talk(business, "Hello")
    await handoff.take(key, "Ana")
    request_id = uuid4()
    asked = [handoff.reply(key, "Ana", "Good morning", request_id=request_id) for _ in range(3)]
    assert len(set(await asyncio.gather(*asked))) == 1
    await handoff.hand_back(key, "Ana")
    await handoff.reply(key, "Ana", "Good morning", request_id=request_id)  # its answer was lost, and it is asked again
    assert await queued(business, key) == ["Good morning"]
    other = await talk(business, "Hello")
    with pytest.raises(NotSayable):
        await handoff.reply(other, "Ana", "Good morning", request_id=request_id)


@pytest.mark.parametrize("text", ["", " \n ", "x" * 4097])
async def test_a_reply_that_whatsapp_would_not_take_is_refused(business: Business, handoff: Handoff, text: str) -> None:
    key = await talk(business, "Hello")
    await handoff.take(key, "Ana")
    with pytest.raises(NotSayable):
        await handoff.reply(key, "Ana", text, request_id=uuid4())


async def test_after_24_hours_a_reply_is_refused_with_the_reason(business: Business, handoff: Handoff) -> None:
    key = await talk(business, "Hello")
    await handoff.take(key, "Ana")
    await business.execute(
        "UPDATE conversations SET last_inbound_at = now() - interval '24 h' WHERE phone_number_id = :number"
    )
    with pytest.raises(WindowClosed, match="24 hours"):
        await handoff.reply(key, "Ana", "Good morning", request_id=uuid4())
    shown = (await handoff.show(key)).conversation
    assert shown.last_inbound_at is not None
    assert shown.writable_until == shown.last_inbound_at + timedelta(hours=24)


async def test_every_act_is_on_record_and_no_text_is_in_a_log(
    business: Business, handoff: Handoff, caplog: pytest.LogCaptureFixture
) -> None:
    key = await talk(business, "Hello")
    with caplog.at_level(logging.DEBUG, logger="store"):
        await handoff.take(key, "Ana Canary")
        outbox_id = await handoff.reply(key, "Ana Canary", "canary text", request_id=uuid4())
        await handoff.hand_back(key, "Ana Canary")
    assert "canary" not in caplog.text.lower()
    assert [record.conversation for record in caplog.records] == [str(key)] * 3  # type: ignore[attr-defined]
    async with business.database.read() as connection:
        events = handoff_events.c
        statement = select(events.act, events.person, events.outbox_id).where(events.conversation_id == key)
        rows = [tuple(row) for row in await connection.execute(statement.order_by(events.id))]
    assert rows == [
        ("took", "Ana Canary", None),
        ("replied", "Ana Canary", outbox_id),
        ("handed back", "Ana Canary", None),
    ]
    assert [deed.act for deed in (await handoff.show(key)).deeds] == list(Act)


# -- what is seen ------------------------------------------------------------------------------------------------------


async def test_the_longest_waiting_stand_first_and_pages_join_without_gap_or_repeat(
    business: Business, handoff: Handoff
) -> None:
    keys = [await talk(business, "A person, please", wants_person=True) for _ in range(7)]
    await business.execute(
        "UPDATE conversations SET wants_person_since = date_trunc('day', wants_person_since)"
        " WHERE phone_number_id = :number"
    )
    found: list[UUID] = []
    after = None
    for _ in range(3):
        page = await handoff.conversations(Which.WAITING, tenant=business.tenant.slug, after=after, limit=3)
        found += [one.id for one in page.conversations]
        after = page.next
    assert sorted(found, key=str) == sorted(keys, key=str)
    assert after is None


@pytest.mark.parametrize("place", ["", "x", "1.x", "x.1", "9" * 40])
async def test_a_place_that_we_did_not_give_is_refused(handoff: Handoff, place: str) -> None:
    with pytest.raises(HandoffRefused):
        await handoff.conversations(Which.WAITING, after=place)


async def test_a_contact_is_told_apart_without_the_whole_number(business: Business, handoff: Handoff) -> None:
    named = await talk(business, "Hello", sender=Sender(phone="15550107788", name="Zoë"))
    nameless = await talk(business, "Hello", sender=Sender(user_id="user-1"))
    assert (await handoff.show(named)).conversation.contact == "Zoë (…7788)"
    assert (await handoff.show(nameless)).conversation.contact == "no name"


async def test_a_thread_shows_both_sides_and_what_waits_or_was_buried(business: Business, handoff: Handoff) -> None:
    who = Sender(phone=phone())
    key = await talk(business, "Hi", "Hello!", sender=who)
    photo = inbound(None, phone_number_id=business.number, sender=who, kind=MessageKind.IMAGE)
    await business.receive(photo)
    await business.conversations.bury(await business.claim(), "failed too often", OutboundMessage(body="Sorry."))
    await business.receive(inbound("Anybody?", phone_number_id=business.number, sender=who))
    assert await lines(handoff, key) == [
        ("user", "Hi"),
        ("bot", "Hello!"),
        ("user", ""),
        ("bot", "Sorry."),
        ("user", "Anybody?"),
    ]
    buried: ThreadLine = (await handoff.show(key)).lines[2]
    assert (buried.kind, buried.state, buried.reason) == ("image", "buried", "failed too often")


async def test_older_lines_are_found_page_by_page(business: Business, handoff: Handoff) -> None:
    who = Sender(phone=phone())
    for number in range(5):
        key = await talk(business, f"q{number}", f"a{number}", sender=who)
    newest = await handoff.show(key, limit=2)
    assert [line.text for line in newest.lines] == ["q3", "a3", "q4", "a4"]
    older = await handoff.show(key, before=newest.before, limit=4)
    assert [line.text for line in older.lines] == ["q0", "a0", "q1", "a1", "q2", "a2"]
    assert older.before is None


async def test_why_tells_the_passages_the_model_and_the_rung(business: Business, handoff: Handoff) -> None:
    kept = await keep_passage(business, "We open at nine.")
    sources = (Source(passage_id=kept, title="Hours", page=2), Source(passage_id="gone", title="Old hours"))
    answer = Answer(text="At nine.", rung=Rung.EXTRACT, model="extractive", sources=sources, confidence=0.8)
    key = await talk(business, "When do you open?", "At nine.", answer=answer, step_ms={"search": 12.5})
    said = (await handoff.show(key)).lines[-1]
    assert said.turn_id is not None
    why = await handoff.why(key, said.turn_id)
    assert (why.model, why.rung, why.confidence, why.step_ms) == ("extractive", "extract", 0.8, {"search": 12.5})
    assert [(one.title, one.page, one.text) for one in why.passages] == [
        ("Hours", 2, "We open at nine."),
        ("Old hours", None, None),
    ]
    with pytest.raises(UnknownConversation):
        await handoff.why(uuid4(), said.turn_id)


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (waiting(), "ix_conversations_person"),
        (taken(), "ix_conversations_person"),
        (recent(), "pk_inbox"),
        (turns_of(uuid4()).order_by(turns.c.created_at.desc()), "ix_turns_conversation_id_created_at"),
        (loose_inbound(uuid4()), "ix_inbox_buried"),
        (loose_inbound(uuid4()), "ix_inbox_unfinished"),
        (loose_outbound(uuid4()), "ix_outbox_without_turn"),
    ],
)
async def test_what_a_console_asks_for_again_and_again_has_an_index(
    business: Business, statement: ClauseElement, index: str
) -> None:
    literal = statement.compile(dialect=business.database.engine.dialect, compile_kwargs={"literal_binds": True})
    async with business.database.read() as connection:
        await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # the tables are small here
        plan = "\n".join((await connection.exec_driver_sql(f"EXPLAIN {literal}")).scalars())
    assert index in plan
