"""What a turn makes of STOP and START."""

from datetime import UTC, datetime

import pytest

from actors.turn import TurnTaker
from knowledge.texts import Phrase, say
from models.conversation import ClosedTurn, OpenTurn
from models.message import Consent
from tests.factories import open_turn
from tests.twins.neighbours import TwinAnswerer, TwinEmbedder, TwinPassages


async def taken(turn: OpenTurn) -> ClosedTurn:
    taker = TurnTaker(TwinEmbedder(), TwinPassages(), [TwinAnswerer("At nine.")])
    return await taker.take(turn, datetime.now(UTC))


@pytest.mark.parametrize(
    ("said", "consent", "phrase"),
    [("STOP", Consent.OPTED_OUT, Phrase.OPTED_OUT), ("Start", Consent.OPTED_IN, Phrase.OPTED_IN)],
)
async def test_a_wish_is_kept_and_confirmed(said: str, consent: Consent, phrase: Phrase) -> None:
    closed = await taken(open_turn(said))
    assert closed.consent is consent
    assert [reply.body for reply in closed.replies] == [say(phrase, "en")]


async def test_it_is_confirmed_in_the_language_of_the_conversation() -> None:
    closed = await taken(open_turn("BAJA", language="es"))
    assert [reply.body for reply in closed.replies] == [say(Phrase.OPTED_OUT, "es")]


async def test_a_question_beside_it_is_answered() -> None:
    closed = await taken(open_turn("When do you open?", "STOP"))
    assert closed.consent is Consent.OPTED_OUT
    assert [reply.body for reply in closed.replies] == ["At nine."]


async def test_it_is_kept_where_a_person_answers_and_the_bot_is_silent() -> None:
    closed = await taken(open_turn("STOP", is_with_person=True))
    assert (closed.consent, closed.replies) == (Consent.OPTED_OUT, ())


async def test_a_question_says_nothing_of_consent() -> None:
    assert (await taken(open_turn("When do you open?"))).consent is None
