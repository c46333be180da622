"""What counts as a wish to get no marketing, or to get it again."""

import pytest

from knowledge.consent import Wish, consent_wish
from models.message import Consent

OUT = Wish(consent=Consent.OPTED_OUT, is_all=True)
IN = Wish(consent=Consent.OPTED_IN, is_all=True)


@pytest.mark.parametrize(
    ("said", "languages", "wish"),
    [
        ("STOP", ["es"], OUT),  # known everywhere
        (" Stop! ", ["en"], OUT),
        ("Baja", ["es"], OUT),
        ("BAJA", ["de"], None),  # no word of this business's languages
        ("Darme de baja, por favor", ["es"], None),  # a sentence is a question, and gets an answer
        ("Désabonner", ["fr"], OUT),
        ("Stop promotions", ["en"], OUT),
        ("START", ["en"], IN),
        ("Alta.", ["en", "es"], IN),
        ("Where does bus 12 stop?", ["en"], None),
        ("", ["en"], None),
        ("😀", ["en"], None),
    ],
)
def test_a_word_that_stands_alone_is_a_wish(said: str, languages: list[str], wish: Wish | None) -> None:
    assert consent_wish(said, languages) == wish


def test_the_last_wish_counts() -> None:
    assert consent_wish("STOP\nsorry\nSTART", ["en"]) == Wish(consent=Consent.OPTED_IN, is_all=False)


def test_a_wish_beside_a_question_leaves_the_question_to_be_answered() -> None:
    assert consent_wish("When do you open?\nSTOP", ["en"]) == Wish(consent=Consent.OPTED_OUT, is_all=False)
