import pytest

from knowledge.language import detect


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("hola", "es"),
        ("hi", "en"),
        ("buenas tardes", "es"),
        ("cuanto cuesta el envio", "es"),
        ("do you deliver on saturdays?", "en"),
        ("asta que ora puedo ir", "es"),
        ("y para bicis?", "es"),
        ("how mutch is it", "en"),
        ("¿Hacéis descuentos a grupos grandes?", "es"),
    ],
)
def test_short_lines_are_told_apart(text: str, language: str) -> None:
    other = "en" if language == "es" else "es"
    assert detect(text, ["en", "es"], other) == language


@pytest.mark.parametrize("text", ["ok", "👍", "", "42", "?!"])
def test_what_says_nothing_keeps_the_language_of_the_conversation(text: str) -> None:
    assert detect(text, ["en", "es"], "es") == "es"
    assert detect(text, ["en", "es"], "en") == "en"


def test_only_allowed_languages_are_given() -> None:
    assert detect("Guten Tag, wann haben Sie am Samstag geöffnet?", ["en", "es"], "en") in ("en", "es")
    assert detect("Guten Tag, wann haben Sie am Samstag geöffnet?", ["en", "de"], "en") == "de"


def test_one_language_needs_no_guess() -> None:
    assert detect("¿Cuánto cuesta?", ["en"], "en") == "en"
