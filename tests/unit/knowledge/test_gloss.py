import re

import pytest

from knowledge.answering.evidence import bag, coverage, terms
from knowledge.answering.gloss import gloss
from knowledge.answering.lexicon import ENGLISH
from knowledge.answering.words import fold


@pytest.mark.parametrize(
    ("spanish", "english"),
    [
        ("¿Hay ascensor?", "¿there is lift?"),
        ("dos habitaciones, 40 €", "two room, 40 €"),
        ("berenjena", "berenjena"),  # not listed
        ("paño", "paño"),  # its stem is that of "pan", but too short to tell
    ],
)
def test_spanish_is_put_into_english_word_by_word(spanish: str, english: str) -> None:
    assert gloss(spanish, "es") == english


def test_other_languages_stay_as_they_are() -> None:
    assert gloss("a pan of water", "en") == "a pan of water"


def test_a_spanish_question_is_covered_by_an_english_sentence() -> None:
    wanted = terms("¿hay ascensor para sillas de ruedas?", "es", frozenset())
    assert coverage(wanted, bag("A lift takes wheelchair users up.", "es"), "es").share > 0.8


def test_the_glossary_is_written_as_words_are_compared() -> None:
    wrong = [w for w in ENGLISH if w != fold(w) or not re.fullmatch(r"[a-z-]+", w)]
    assert wrong == []
