"""What routing, claims and turns do together: those on PostgreSQL and the twins of the unit tests alike."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

import pytest
from sqlalchemy import select

from actors.ports import ConversationClaims, Routing, TurnStore
from models.answer import Speaker
from models.conversation import ClosedTurn, OpenTurn
from models.errors import LeaseLost
from models.message import InboundMessage, MessageKind, OutboundMessage, Sender, WebhookUpdates
from models.tables import outbox
from store.codec import OUTBOUND
from store.conversations import MOST_EXPIRIES, MOST_TRIES, ClaimedConversation
from store.routing import Router
from tests.factories import Business, closed_turn, inbound, phone
from tests.twins.conversations import TwinConversations

FAREWELL = OutboundMessage(body="Somebody will write to you.")


class Shop(Protocol):
    """One business's conversations, and what happens around them."""

    routing: Routing
    claims: ConversationClaims
    turns: TurnStore

    async def bring(self, who: str, *messages: InboundMessage) -> None:
        """Let these come from somebody; they wait to be routed."""
        ...

    async def make_due(self) -> None:
        """End every wait before a conversation may be claimed."""
        ...

    async def claim_all(self, owner: str = "worker") -> list[ClaimedConversation]:
        """Claim what is due of this business."""
        ...

    async def expire(self) -> None:
        """Let all leases have run out."""
        ...

    async def take_over(self) -> None:
        """Let a person answer all conversations."""
        ...

    async def said(self) -> list[str]:
        """All that was queued to be sent, in order."""
        ...


class RealShop:
    """On PostgreSQL."""

    def __init__(self, business: Business) -> None:
        self._business = business
        self.routing: Routing = Router(business.database, business.keyring)
        self.claims: ConversationClaims = business.conversations
        self.turns: TurnStore = business.turns

    async def bring(self, who: str, *messages: InboundMessage) -> None:
        number, sender = self._business.number, Sender(phone=who)
        mine = tuple(replace(message, phone_number_id=number, sender=sender) for message in messages)
        await self._business.inbox.receive([WebhookUpdates(messages=mine)])

    async def make_due(self) -> None:
        await self._business.make_due()

    async def claim_all(self, owner: str = "worker") -> list[ClaimedConversation]:
        return await self._business.claim_all(owner)

    async def expire(self) -> None:
        await self._business.execute(
            "UPDATE conversations SET lease_until = now() - interval '1 s' "
            "WHERE phone_number_id = :number AND lease_until IS NOT NULL"
        )

    async def take_over(self) -> None:
        await self._business.execute("UPDATE conversations SET taken_by = 'Ana' WHERE phone_number_id = :number")

    async def said(self) -> list[str]:
        statement = select(outbox.c.body).where(outbox.c.phone_number_id == self._business.number).order_by(outbox.c.id)
        async with self._business.database.read() as connection:
            bodies = (await connection.execute(statement)).scalars()
            return [OUTBOUND.open(self._business.keyring, body).body for body in bodies]


class TwinShop:
    """In memory."""

    def __init__(self) -> None:
        self._twin = TwinConversations()
        self.routing: Routing = self._twin
        self.claims: ConversationClaims = self._twin
        self.turns: TurnStore = self._twin

    async def bring(self, who: str, *messages: InboundMessage) -> None:
        self._twin.receive(*(replace(message, sender=Sender(phone=who)) for message in messages))

    async def make_due(self) -> None:
        for conversation in self._twin.all.values():
            conversation.ready_at = conversation.ready_at and datetime.now(UTC)

    async def claim_all(self, owner: str = "worker") -> list[ClaimedConversation]:
        return await self._twin.claim(owner, 1000)

    async def expire(self) -> None:
        self._twin.expire()

    async def take_over(self) -> None:
        for conversation in self._twin.all.values():
            conversation.is_with_person = True

    async def said(self) -> list[str]:
        return [body for conversation in self._twin.all.values() for body in conversation.said]


@pytest.fixture(params=[pytest.param("postgres", marks=pytest.mark.postgres), "twin"])
def shop(request: pytest.FixtureRequest) -> Shop:
    return RealShop(request.getfixturevalue("business")) if request.param == "postgres" else TwinShop()


async def write(shop: Shop, *said: str, who: str = "") -> str:
    """Let somebody write, by default somebody new, and the business know of it; give who it was."""
    who = who or phone()
    await shop.bring(who, *map(inbound, said))
    while await shop.routing.route():
        pass
    await shop.make_due()
    return who


async def claim(shop: Shop, owner: str = "worker") -> ClaimedConversation:
    (claimed,) = await shop.claim_all(owner)
    return claimed


async def opened(shop: Shop, claimed: ClaimedConversation) -> OpenTurn:
    turn = await shop.turns.open(claimed)
    assert turn is not None
    return turn


async def answer(shop: Shop, *replies: str, language: str = "en") -> ClosedTurn:
    """Claim the one conversation that is due, and answer it."""
    turn = await opened(shop, await claim(shop))
    return await shop.turns.close(closed_turn(turn, *replies, language=language))


def texts(turn: OpenTurn) -> list[str | None]:
    return [message.message.text for message in turn.messages]


async def test_what_arrived_is_routed_once(shop: Shop) -> None:
    await shop.bring(phone(), inbound("Hello?"))
    assert await shop.routing.route() == 1
    assert await shop.routing.route() == 0


async def test_a_conversation_is_held_by_one_worker(shop: Shop) -> None:
    assert await shop.claim_all() == []
    await write(shop, "Hello?")
    assert len(await shop.claim_all()) == 1
    assert await shop.claim_all("another") == []


async def test_people_do_not_wait_for_each_other(shop: Shop) -> None:
    await write(shop, "Hello?")
    await claim(shop)
    await write(shop, "Good morning")
    assert texts(await opened(shop, await claim(shop, "another"))) == ["Good morning"]


async def test_a_conversation_given_back_is_free_at_once_under_a_higher_fence(shop: Shop) -> None:
    await write(shop, "Hello?")
    first = await claim(shop)
    await shop.claims.give_back(first)
    second = await claim(shop, "another")
    assert (second.id, second.fence > first.fence, second.is_worn_out) == (first.id, True, False)


async def test_a_conversation_that_failed_waits_before_it_is_tried_again(shop: Shop) -> None:
    await write(shop, "Hello?")
    await shop.claims.fail(await claim(shop))
    assert await shop.claim_all() == []
    await shop.make_due()
    assert len(await shop.claim_all()) == 1


async def test_failures_wear_a_conversation_out(shop: Shop) -> None:
    await write(shop, "Hello?")
    for _ in range(MOST_TRIES):
        claimed = await claim(shop)
        assert not claimed.is_worn_out
        await shop.claims.fail(claimed)
        await shop.make_due()
    assert (await claim(shop)).is_worn_out


async def test_leases_that_ran_out_wear_a_conversation_out_much_later(shop: Shop) -> None:
    await write(shop, "Hello?")
    for _ in range(MOST_EXPIRIES):
        assert not (await claim(shop)).is_worn_out
        await shop.expire()
    assert (await claim(shop)).is_worn_out


async def test_a_turn_that_succeeds_forgets_earlier_failures(shop: Shop) -> None:
    who = await write(shop, "Hello?")
    for _ in range(MOST_TRIES - 1):
        await shop.claims.fail(await claim(shop))
        await shop.make_due()
    await answer(shop, "Hello!")
    await write(shop, "And now?", who=who)
    await shop.claims.fail(await claim(shop))
    await shop.make_due()
    assert not (await claim(shop)).is_worn_out


async def test_only_its_owner_renews_a_conversation_and_only_before_it_ran_out(shop: Shop) -> None:
    await write(shop, "Hello?")
    claimed = await claim(shop)
    assert await shop.claims.renew("worker", {claimed.id}) == {claimed.id}
    assert await shop.claims.renew("another", {claimed.id}) == set()
    await shop.expire()
    assert await shop.claims.renew("worker", {claimed.id}) == set()


async def test_a_turn_holds_all_that_was_written_since_the_last_answer(shop: Shop) -> None:
    who = await write(shop, "Hi", "do you open", "on Sunday?")
    turn = await opened(shop, await claim(shop))
    assert texts(turn) == ["Hi", "do you open", "on Sunday?"]
    assert (turn.recipient.phone, turn.history, turn.language, turn.is_with_person) == (who, (), None, False)


async def test_a_turn_queues_its_replies_and_leaves_nothing_to_do(shop: Shop) -> None:
    await write(shop, "When do you open?")
    closed = await answer(shop, "At nine.", "On Sunday at ten.")
    assert [reply.body for reply in closed.replies] == ["At nine.", "On Sunday at ten."]
    assert await shop.said() == ["At nine.", "On Sunday at ten."]
    assert await shop.claim_all() == []


async def test_a_closed_turn_is_the_history_of_the_next(shop: Shop) -> None:
    who = await write(shop, "Hi", "¿Cuándo?")
    await answer(shop, "A las nueve.", "Hasta luego.", language="es")
    await write(shop, "¿Y el domingo?", who=who)
    turn = await opened(shop, await claim(shop))
    assert [(line.speaker, line.text) for line in turn.history] == [
        (Speaker.USER, "Hi\n¿Cuándo?"),
        (Speaker.BUSINESS, "A las nueve.\nHasta luego."),
    ]
    assert (texts(turn), turn.language) == (["¿Y el domingo?"], "es")


async def test_a_message_during_a_turn_is_answered_by_the_next(shop: Shop) -> None:
    who = await write(shop, "When do you open?")
    turn = await opened(shop, await claim(shop))
    await write(shop, "And on Sunday?", who=who)
    assert await shop.claim_all("another") == []
    await shop.turns.close(closed_turn(turn, "At nine."))
    assert texts(await opened(shop, await claim(shop))) == ["And on Sunday?"]


async def test_a_message_between_prompt_and_commit_is_answered_next_and_the_reply_shows_what_it_answers(
    shop: Shop,
) -> None:
    who = await write(shop, "When do you open?")
    turn = await opened(shop, await claim(shop))
    await write(shop, "And on Sunday?", who=who)
    closed = await shop.turns.close(closed_turn(turn, "At nine."))
    assert [reply.reply_to for reply in closed.replies] == [turn.messages[-1].message.wamid]
    closed = await answer(shop, "At ten.")
    assert texts(closed.turn) == ["And on Sunday?"]
    assert [reply.reply_to for reply in closed.replies] == [None]


@pytest.mark.parametrize(
    ("kind", "has_gone_on"),
    [(MessageKind.TEXT, True), (MessageKind.EDIT, True), (MessageKind.REVOKE, True), (MessageKind.REACTION, False)],
)
async def test_a_user_who_writes_or_changes_something_has_gone_on(
    shop: Shop, kind: MessageKind, has_gone_on: bool
) -> None:
    who = await write(shop, "When do you open?")
    turn = await opened(shop, await claim(shop))
    assert await shop.turns.gone_on([turn]) == set()
    await shop.bring(who, inbound("And on Sunday?", kind=kind, reply_to=turn.messages[0].message.wamid))
    while await shop.routing.route():
        pass
    assert await shop.turns.gone_on([turn]) == ({turn.conversation_id} if has_gone_on else set())


async def test_a_deleted_line_is_not_remembered(shop: Shop) -> None:
    who = phone()
    regretted = inbound("My secret")
    deletion = inbound(None, kind=MessageKind.REVOKE, reply_to=regretted.wamid)
    await shop.bring(who, regretted, deletion)
    while await shop.routing.route():
        pass
    await shop.make_due()
    assert (await answer(shop)).turn.spoken == ()
    await write(shop, "When do you open?", who=who)
    assert (await opened(shop, await claim(shop))).history == ()


@pytest.mark.parametrize("act", ["give_back", "fail", "bury", "close", "nothing_left"])
async def test_a_worker_whose_lease_was_taken_changes_nothing(shop: Shop, act: str) -> None:
    await write(shop, "When do you open?")
    slow = await claim(shop)
    turn = await opened(shop, slow)
    await shop.expire()
    newer = await claim(shop, "another")
    with pytest.raises(LeaseLost):
        await _do(shop, act, slow, turn)
    assert await shop.said() == []
    assert texts(await opened(shop, newer)) == ["When do you open?"]
    assert await shop.claims.renew("another", {newer.id}) == {newer.id}


async def _do(shop: Shop, act: str, claimed: ClaimedConversation, turn: OpenTurn) -> None:
    if act == "bury":
        await shop.claims.bury(claimed, "failed too often", FAREWELL)
    elif act == "close":
        await shop.turns.close(closed_turn(turn, "late"))
    else:
        await getattr(shop.turns if act == "nothing_left" else shop.claims, act)(claimed)


async def test_a_buried_turn_says_farewell_and_the_conversation_goes_on(shop: Shop) -> None:
    who = await write(shop, "When do you open?")
    claimed = await claim(shop)
    await shop.claims.bury(claimed, "failed too often", FAREWELL)
    assert await shop.said() == [FAREWELL.body]
    assert await shop.claim_all() == []
    assert await shop.turns.open(claimed) is None
    await write(shop, "And on Sunday?", who=who)
    assert texts(await opened(shop, await claim(shop))) == ["And on Sunday?"]


async def test_who_has_nothing_to_answer_lets_go_until_something_comes(shop: Shop) -> None:
    who = await write(shop, "When do you open?")
    await answer(shop, "At nine.")
    await write(shop, "Thanks", who=who)
    await answer(shop)
    assert await shop.claim_all() == []
    assert await shop.said() == ["At nine."]


async def test_what_is_unanswered_is_due_again_though_a_worker_found_nothing(shop: Shop) -> None:
    await write(shop, "When do you open?")
    await shop.turns.nothing_left(await claim(shop))
    assert len(await shop.claim_all()) == 1


@pytest.mark.parametrize("act", ["close", "bury"])
async def test_nothing_is_said_once_a_person_has_taken_over(shop: Shop, act: str) -> None:
    await write(shop, "When do you open?")
    claimed = await claim(shop)
    turn = await opened(shop, claimed)
    await shop.take_over()
    await _do(shop, act, claimed, turn)
    assert await shop.said() == []
    assert await shop.claim_all() == []


async def test_a_turn_says_whether_a_person_answers(shop: Shop) -> None:
    await write(shop, "When do you open?")
    await shop.take_over()
    assert (await opened(shop, await claim(shop))).is_with_person
