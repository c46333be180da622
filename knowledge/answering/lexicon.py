"""Hand-written words of customer service in English and Spanish; no word of any one business belongs among them.

They lie as plain lists in `words_of_service/`, lower case and without accents, as `words.fold` leaves them.
Inflections are found by stem, so one form of a verb is mostly enough.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

_FOLDER = Path(__file__).parent / "words_of_service"
_LANGUAGES = ("en", "es")


def word_lists(name: str) -> tuple[frozenset[str], ...]:
    """Give the lines of one file as sets of words."""
    return tuple(frozenset(line.split()) for line in _lines(name))


def _lines(name: str) -> list[str]:
    lines = (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def word_set(name: str) -> frozenset[str]:
    """Give all words of one file."""
    return frozenset().union(*word_lists(name))


def _by_language(name: str) -> Mapping[str, frozenset[str]]:
    return {language: word_set(f"{name}.{language}") for language in _LANGUAGES}


def _glossary(lines: Iterable[str]) -> dict[str, str]:
    """Give the English of each Spanish word; where two lines hold one, the first counts."""
    found: dict[str, str] = {}
    for line in lines:
        english, _, spanish = line.partition(":")
        for one in spanish.split():
            found.setdefault(one, english)
    return found


def _glossary_ideas(glossary: Mapping[str, str]) -> tuple[frozenset[str], ...]:
    """Give each English word with its Spanish ones; grammar and phrases are no ideas."""
    spanish: dict[str, set[str]] = {}
    for one, english in glossary.items():
        if " " not in english and english not in GRAMMAR["en"] and one not in GRAMMAR["es"]:
            spanish.setdefault(english, set()).add(one)
    return tuple(frozenset({english, *ones}) for english, ones in spanish.items())


GRAMMAR = _by_language("grammar")
GENERIC = _by_language("generic")
MILD = _by_language("mild")
LANGUAGE_HINTS = _by_language("hints")
ENGLISH = _glossary(_lines("english.es"))
IDEAS = (*word_lists("ideas"), *_glossary_ideas(ENGLISH))
