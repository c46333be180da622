from datetime import UTC, datetime

import pytest

from knowledge.question import is_small_talk, small_talk_reply, standalone
from models.answer import Line, Speaker

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _said(*texts: str, speaker: Speaker = Speaker.USER) -> tuple[Line, ...]:
    return tuple(Line(speaker=speaker, text=text, at=NOW) for text in texts)


@pytest.mark.parametrize(
    ("before", "text", "language", "must_hold"),
    [
        ("Do you open on Saturdays?", "and on Sundays?", "en", "open"),
        ("Do you have parking?", "how much does it cost?", "en", "parking"),
        ("How much is the family suite?", "how much is that one?", "en", "suite"),
        ("¿Cuánto cuesta el alquiler de kayaks?", "y para dos días?", "es", "kayaks"),
        ("¿Tenéis taquillas?", "¿cuánto cuesta?", "es", "taquillas"),
        ("¿Abrís los sábados?", "¿y los domingos?", "es", "Abrís"),
    ],
)
def test_a_follow_up_carries_the_earlier_topic(before: str, text: str, language: str, must_hold: str) -> None:
    question = standalone(text, _said(before), language)
    assert must_hold in question
    assert question.endswith(text)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Do you repair espresso machines from other shops?", "en"),
        ("what are your opening hours", "en"),
        ("I bought a lamp last week, can I return it without the box?", "en"),
        ("¿Cuánto cuesta el envío a Canarias?", "es"),
        ("¿A qué hora abrís?", "es"),
        ("thanks!", "en"),
    ],
)
def test_what_stands_by_itself_is_left_to_the_letter(text: str, language: str) -> None:
    assert standalone(text, _said("Do you sell gift cards?"), language) == text


def test_a_day_takes_the_place_of_the_earlier_day() -> None:
    question = standalone("and on Sundays?", _said("Do you open on Saturdays?"), "en")
    assert "Saturdays" not in question


def test_a_chain_of_follow_ups_reaches_the_first_topic() -> None:
    question = standalone("and in winter?", _said("When does the pool open?", "and on Sundays?"), "en")
    assert "pool" in question


def test_greetings_and_our_own_lines_are_no_topic() -> None:
    history = (*_said("hello"), *_said("Hello! Ask me about parking.", speaker=Speaker.BUSINESS))
    assert standalone("how much is it?", history, "en") == "how much is it?"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("hi", "en"),
        ("Thank you so much!", "en"),
        ("bye", "en"),
        ("¡Hola, buenas tardes!", "es"),
        ("muchas gracias", "es"),
    ],
)
def test_small_talk_gets_a_friendly_word(text: str, language: str) -> None:
    assert is_small_talk(text, language)
    assert small_talk_reply(text, language)


@pytest.mark.parametrize("text", ["hi, when do you open?", "thanks, and on Sunday?", "hola, hacéis envíos?", "", "?"])
def test_a_question_behind_a_greeting_is_no_small_talk(text: str) -> None:
    assert not is_small_talk(text, "en")
    assert not is_small_talk(text, "es")
