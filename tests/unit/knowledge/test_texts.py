import pytest

from knowledge.texts import TEXTS, Phrase, say


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_every_language_has_every_phrase(language: str) -> None:
    assert set(TEXTS[language]) == set(Phrase)


def test_a_region_does_not_matter_and_an_unknown_language_is_answered_in_english() -> None:
    assert say(Phrase.ABSTAIN, "es-MX") == say(Phrase.ABSTAIN, "es")
    assert say(Phrase.ABSTAIN, "xx") == say(Phrase.ABSTAIN, "en")
