"""Voice notes and pictures: in words where a model hears or sees, and honestly not understood where none does."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from actors.senses import Senses
from actors.turn import TurnTaker
from knowledge.texts import Phrase, say
from models.conversation import ClosedTurn, OpenTurn
from models.errors import ModelUnavailable
from models.message import InboundMessage, Media, MessageKind
from tests.factories import inbound, open_turn
from tests.twins.neighbours import TwinAnswerer, TwinEmbedder, TwinPassages

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
LATE = NOW - timedelta(seconds=20.95)  # the senses have some hundredths of a second then


class TwinModel:
    """Hears and sees the same in everything, fails, or never ends."""

    def __init__(self, words: str = "", *, error: Exception | None = None, is_stuck: bool = False) -> None:
        self._words, self._error, self._is_stuck = words, error, is_stuck
        self.asked: list[tuple[str, str, str]] = []

    async def transcribe(self, phone_number_id: str, media: Media, language: str) -> str:
        self.asked.append((phone_number_id, media.id, language))
        if self._is_stuck:
            await asyncio.Event().wait()
        if self._error:
            raise self._error
        return self._words

    describe = transcribe


def voice_note(**fields: object) -> InboundMessage:
    return inbound(None, kind=MessageKind.AUDIO, media=Media(id="m1", mime_type="audio/ogg", is_voice=True), **fields)


def picture(caption: str | None = None) -> InboundMessage:
    return inbound(caption, kind=MessageKind.IMAGE, media=Media(id="m2", mime_type="image/jpeg"))


async def take(turn: OpenTurn, model: TwinModel | None = None) -> tuple[ClosedTurn, list[str]]:
    """Give the closed turn, and what the answerer was asked."""
    answerer, senses = TwinAnswerer(), Senses(model, model) if model else Senses()
    closed = await TurnTaker(TwinEmbedder(), TwinPassages(), [answerer], senses=senses).take(turn, NOW)
    return closed, [question.text for question in answerer.asked]


async def test_a_voice_note_is_answered_by_its_words_which_are_kept() -> None:
    model = TwinModel("When do you open?")
    closed, asked = await take(open_turn(voice_note(), received_at=NOW), model)
    assert asked == ["When do you open?"]
    assert model.asked == [("n", "m1", "en")]
    assert closed.turn.messages[0].message.text == "When do you open?"
    assert closed.replies[0].body == "At nine."


async def test_a_picture_is_described_beside_its_caption() -> None:
    _, asked = await take(open_turn(picture("Do you have this one?"), received_at=NOW), TwinModel("A red helmet."))
    assert asked == ["Do you have this one?\nA red helmet."]


@pytest.mark.parametrize(
    "model",
    [None, TwinModel(""), TwinModel(error=ModelUnavailable("away")), TwinModel(is_stuck=True)],
    ids=["no model", "nothing heard", "away", "stuck"],
)
async def test_what_no_model_hears_is_said_so(model: TwinModel | None) -> None:
    closed, asked = await take(open_turn(voice_note(), received_at=LATE), model)
    assert asked == []
    assert closed.replies[0].body == say(Phrase.VOICE_NOT_UNDERSTOOD, "en")


async def test_a_question_is_answered_and_the_voice_note_beside_it_is_not_passed_over() -> None:
    turn = open_turn("When do you open?", voice_note(), picture(), received_at=NOW)
    closed, _ = await take(turn)
    heard, seen = say(Phrase.VOICE_NOT_UNDERSTOOD, "en"), say(Phrase.IMAGE_NOT_UNDERSTOOD, "en")
    assert closed.replies[0].body == f"At nine.\n\n{heard}\n\n{seen}"


async def test_a_sticker_beside_a_question_is_not_worth_a_word() -> None:
    turn = open_turn("When do you open?", inbound(None, kind=MessageKind.STICKER), received_at=NOW)
    closed, _ = await take(turn)
    assert closed.replies[0].body == "At nine."


async def test_a_deleted_voice_note_is_not_heard() -> None:
    note, model = voice_note(), TwinModel("My secret")
    deletion = inbound(None, kind=MessageKind.REVOKE, reply_to=note.wamid)
    closed, _ = await take(open_turn("When do you open?", note, deletion, received_at=NOW), model)
    assert (model.asked, closed.replies[0].body) == ([], "At nine.")
