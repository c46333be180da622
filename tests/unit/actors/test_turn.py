"""The story of an answer, rung by rung, with twins for its neighbours."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from actors.timing import LADDER_RESERVE
from actors.turn import TurnTaker
from knowledge.texts import Phrase, say
from models.answer import Line, Rung, Speaker
from models.conversation import ANSWER_DEADLINE, ClosedTurn, OpenTurn
from models.errors import ModelUnavailable
from models.message import MessageKind
from tests.factories import inbound, open_turn, passage
from tests.twins.neighbours import TwinAnswerer, TwinEmbedder, TwinPassages

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


class House:
    """A turn taker with a model and the extract below it."""

    def __init__(self) -> None:
        self.embedder, self.index = TwinEmbedder(), TwinPassages()
        self.model = TwinAnswerer("By the model.")
        self.extract = TwinAnswerer("By the extract.", rung=Rung.EXTRACT)

    async def take(self, turn: OpenTurn, now: datetime = NOW) -> ClosedTurn:
        return await TurnTaker(self.embedder, self.index, [self.model, self.extract]).take(turn, now)


@pytest.fixture
def house() -> House:
    return House()


def said(closed: ClosedTurn) -> str:
    (reply,) = closed.replies
    return reply.body


async def test_a_question_is_answered_by_the_model(house: House) -> None:
    closed = await house.take(open_turn("When do you open?", received_at=NOW))
    assert (said(closed), closed.wants_person) == ("By the model.", False)
    assert set(closed.step_ms) == {"claim", "embed", "search", "generate"}
    assert house.extract.asked == []


async def test_a_misspelt_question_is_searched_again_by_the_businesss_own_words(house: House) -> None:
    turn = open_turn("is the zephirion in stock", received_at=NOW)
    document = uuid4()
    known = passage("The Zephyrion lamp is in stock.", document_id=document)
    await house.index.replace(turn.tenant.id, document, [known], [[1.0, 0.0]])
    await house.take(turn)
    assert house.embedder.asked == ["is the zephirion in stock", "is the zephyrion in stock"]


async def test_a_question_without_typing_errors_is_searched_once(house: House) -> None:
    await house.take(open_turn("When do you open?", received_at=NOW))
    assert house.embedder.asked == ["When do you open?"]


async def test_a_model_that_is_away_gives_way_to_the_extract(house: House) -> None:
    house.model.error = ModelUnavailable("away")
    closed = await house.take(open_turn("When do you open?", received_at=NOW))
    assert (said(closed), closed.wants_person) == ("By the extract.", False)


async def test_the_rung_below_the_model_has_time_that_the_model_may_not_take(house: House) -> None:
    house.model.error = ModelUnavailable("too late")
    await house.take(open_turn("When do you open?", received_at=NOW))
    assert house.model.asked[0].deadline == NOW + ANSWER_DEADLINE - LADDER_RESERVE
    assert house.extract.asked[0].deadline == NOW + ANSWER_DEADLINE


@pytest.mark.parametrize("away", ["embedder", "index", "all models"])
async def test_a_person_is_asked_for_where_no_rung_holds(house: House, away: str) -> None:
    house.embedder.is_away = away == "embedder"
    house.index.is_away = away == "index"
    if away == "all models":
        house.model.error = house.extract.error = ModelUnavailable("away")
    closed = await house.take(open_turn("When do you open?", received_at=NOW))
    assert (said(closed), closed.wants_person) == (say(Phrase.HOLDING, "en"), True)
    assert closed.answer is not None
    assert closed.answer.rung is Rung.HOLDING


async def test_a_turn_that_waited_keeps_the_deadline_of_its_first_message(house: House) -> None:
    await house.take(open_turn("When do you open?", received_at=NOW - timedelta(seconds=10)))
    assert house.model.asked[0].deadline == NOW + timedelta(seconds=20 - 10 - 3)


async def test_a_turn_that_waited_too_long_is_still_answered_within_the_promise(house: House) -> None:
    await house.take(open_turn("When do you open?", received_at=NOW - timedelta(seconds=18)))
    assert house.model.asked[0].deadline == NOW + timedelta(seconds=24 - 18 - 3)


async def test_a_turn_from_before_an_outage_has_a_deadline_of_its_own(house: House) -> None:
    closed = await house.take(open_turn("When do you open?", received_at=NOW - timedelta(hours=2)))
    assert said(closed) == "By the model."
    assert house.model.asked[0].deadline == NOW + ANSWER_DEADLINE - LADDER_RESERVE


async def test_a_mistake_of_ours_is_not_taken_for_a_neighbour_that_is_away(house: House) -> None:
    house.model.error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        await house.take(open_turn("When do you open?", received_at=NOW))


@pytest.mark.parametrize("kind", [MessageKind.REACTION, MessageKind.SYSTEM, MessageKind.EDIT, MessageKind.REVOKE])
async def test_what_asks_nothing_gets_no_reply(house: House, kind: MessageKind) -> None:
    closed = await house.take(open_turn(inbound("👍", kind=kind)))
    assert (closed.replies, closed.answer) == ((), None)
    assert house.embedder.asked == []


@pytest.mark.parametrize(
    ("kind", "phrase"),
    [
        (MessageKind.AUDIO, Phrase.VOICE_NOT_UNDERSTOOD),
        (MessageKind.IMAGE, Phrase.IMAGE_NOT_UNDERSTOOD),
        (MessageKind.LOCATION, Phrase.UNSUPPORTED),
    ],
)
async def test_what_cannot_be_read_is_said_so(house: House, kind: MessageKind, phrase: Phrase) -> None:
    closed = await house.take(open_turn(inbound(None, kind=kind)))
    assert said(closed) == say(phrase, "en")
    assert closed.answer is not None
    assert closed.answer.rung is Rung.PHRASE


async def test_the_caption_of_an_image_is_answered(house: House) -> None:
    closed = await house.take(open_turn(inbound("Do you have this helmet?", kind=MessageKind.IMAGE)))
    assert said(closed) == "By the model."


async def test_who_asks_for_a_person_gets_one(house: House) -> None:
    closed = await house.take(open_turn("I want to talk to a person"))
    assert (said(closed), closed.wants_person) == (say(Phrase.HANDOFF_ACCEPTED, "en"), True)


@pytest.mark.parametrize(("before", "wants"), [(say(Phrase.ABSTAIN, "en"), True), ("At nine.", False)])
async def test_yes_means_a_person_only_after_the_offer(house: House, before: str, wants: bool) -> None:
    history = (Line(speaker=Speaker.BUSINESS, text=before, at=NOW),)
    assert (await house.take(open_turn("Yes, please", history=history))).wants_person is wants


async def test_the_bot_is_silent_while_a_person_answers(house: House) -> None:
    closed = await house.take(open_turn("When do you open?", is_with_person=True))
    assert closed.replies == ()
    assert house.embedder.asked == []


async def test_small_talk_needs_no_search(house: House) -> None:
    assert said(await house.take(open_turn("Hello!"))).startswith("Hello")
    assert house.embedder.asked == []


async def test_several_lines_get_one_reply_that_quotes_the_last(house: House) -> None:
    turn = open_turn("Hi there", "do you open", "on Sunday?")
    (reply,) = (await house.take(turn)).replies
    assert reply.reply_to == turn.messages[-1].message.wamid
    assert house.model.asked[0].text == "Hi there\ndo you open\non Sunday?"


async def test_one_line_is_not_quoted(house: House) -> None:
    (reply,) = (await house.take(open_turn("When do you open?"))).replies
    assert reply.reply_to is None


async def test_a_reaction_beside_a_question_is_neither_answered_nor_quoted(house: House) -> None:
    turn = open_turn("When do you open?", inbound("👍", kind=MessageKind.REACTION))
    (reply,) = (await house.take(turn)).replies
    assert reply.reply_to is None
    assert house.model.asked[0].text == "When do you open?"


async def test_an_edited_line_is_answered_by_its_new_words(house: House) -> None:
    line = inbound("When do you opne?")
    edit = inbound("When do you open on Sunday?", kind=MessageKind.EDIT, reply_to=line.wamid)
    (reply,) = (await house.take(open_turn(line, edit))).replies
    assert (house.model.asked[0].text, reply.reply_to) == ("When do you open on Sunday?", None)


async def test_a_deleted_line_is_not_answered(house: House) -> None:
    line = inbound("When do you open?")
    deletion = inbound(None, kind=MessageKind.REVOKE, reply_to=line.wamid)
    closed = await house.take(open_turn(line, deletion))
    assert (closed.replies, closed.question, house.model.asked) == ((), "", [])


async def test_the_reply_is_in_the_language_of_the_question(house: House) -> None:
    house.embedder.is_away = True
    closed = await house.take(open_turn("¿Cuándo abrís los domingos por la mañana?"))
    assert (closed.language, said(closed)) == ("es", say(Phrase.HOLDING, "es"))
