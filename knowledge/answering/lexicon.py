"""Hand-written words of customer service in English and Spanish; no word of any one business belongs among them.

They lie as plain lists in `words_of_service/`, lower case and without accents, as `words.fold` leaves them.
Inflections are found by stem, so one form of a verb is mostly enough.
"""

from collections.abc import Mapping
from pathlib import Path

_FOLDER = Path(__file__).parent / "words_of_service"
_LANGUAGES = ("en", "es")


def word_lists(name: str) -> tuple[frozenset[str], ...]:
    """Give the lines of one file as sets of words."""
    lines = (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return tuple(frozenset(line.split()) for line in lines if line and not line.startswith("#"))


def word_set(name: str) -> frozenset[str]:
    """Give all words of one file."""
    return frozenset().union(*word_lists(name))


def _by_language(name: str) -> Mapping[str, frozenset[str]]:
    return {language: word_set(f"{name}.{language}") for language in _LANGUAGES}


GRAMMAR = _by_language("grammar")
GENERIC = _by_language("generic")
MILD = _by_language("mild")
LANGUAGE_HINTS = _by_language("hints")
IDEAS = word_lists("ideas")
