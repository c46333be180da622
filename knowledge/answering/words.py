"""Words as they are compared: folded, stemmed, forgiving of typing errors. Pure; English and Spanish know most."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import snowballstemmer

from knowledge.answering.lexicon import GENERIC, GRAMMAR, IDEAS, MILD, word_set

_WORD = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*")
_STEMMERS = {"de": "german", "en": "english", "es": "spanish", "fr": "french", "it": "italian", "pt": "portuguese"}
# The Spanish stemmer knows these endings by their accents, which people leave out and `fold` takes away.
_ACCENTLESS = re.compile(r"(?<=\w{2})(?:a|e)?is$|(?<=\w{2})cion$")
_SPELLINGS = (("qu", "k"), ("ce", "se"), ("ci", "si"), ("ge", "je"), ("gi", "ji"), ("ll", "y"))
_LETTERS = str.maketrans({"c": "k", "z": "s", "v": "b", "h": None, "ñ": "n"})
_NUMBERS = word_set("numbers")
_VERB_ENDINGS = {
    "en": re.compile(r"\w{4,}ing"),
    "es": re.compile(r"\w{3,}(?:[aei]r(?:[mts]e|l[aeo]s?|nos)?|[ai]?[ae]ndo)"),
}
_ANY_LANGUAGE_GRAMMAR = frozenset().union(*GRAMMAR.values())


@dataclass(frozen=True, slots=True)
class Word:
    """One word in the forms in which it is compared."""

    text: str  # folded: lower case, no accents
    stem: str
    sound: str  # of the stem, by Spanish spelling: "abitacion" and "habitación" are one


@lru_cache(maxsize=8192)
def fold(text: str) -> str:
    """Give lower case without accents, with one kind of apostrophe and dash."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return plain.replace("\u2019", "'").replace("\u2013", "-").replace("\u2014", "-").replace("\u2011", "-")


def split_words(text: str) -> list[str]:
    """Give the words in order, folded; numbers are words, punctuation is not."""
    return [w.removesuffix("'s") for w in _WORD.findall(fold(text))]


@lru_cache(maxsize=16384)
def word(text: str, language: str) -> Word:
    """Give the forms of one folded word."""
    stem = text
    algorithm = _STEMMERS.get(language)
    if algorithm and not text.isdigit():
        written = _ACCENTLESS.sub(_accented, text) if language == "es" else text
        stem = fold(_stemmer(algorithm).stemWord(written)) or text
    return Word(text=text, stem=stem, sound=_sound(stem))


def _accented(ending: re.Match[str]) -> str:
    return {"ais": "áis", "eis": "éis", "is": "ís", "cion": "ción"}[ending.group()]


@lru_cache(maxsize=8)
def _stemmer(algorithm: str) -> snowballstemmer.stemmer:
    return snowballstemmer.stemmer(algorithm)


def _sound(text: str) -> str:
    for written, heard in _SPELLINGS:
        text = text.replace(written, heard)
    return text.translate(_LETTERS)


def is_stopword(text: str, language: str) -> bool:
    """Tell whether a folded word is grammar; in languages without a table, both tables count."""
    return text in GRAMMAR.get(language, _ANY_LANGUAGE_GRAMMAR)


@lru_cache(maxsize=8)
def generic_stems(language: str) -> frozenset[str]:
    """Give the stems of words that any customer may use about anything."""
    return frozenset(word(w, language).stem for w in GENERIC.get(language, ()))


@lru_cache(maxsize=8)
def mild_stems(language: str) -> frozenset[str]:
    """Give the stems of words that narrow a question down a little."""
    return frozenset(word(w, language).stem for w in MILD.get(language, ()))


@lru_cache(maxsize=8)
def grammar_words(language: str) -> tuple[str, ...]:
    """Give the words of grammar, and what else anybody says, that are long enough to be misspelt."""
    words = frozenset().union(*(table.get(language, frozenset()) for table in (GRAMMAR, GENERIC, MILD)))
    return tuple(sorted(w for w in words if len(w) > 3))


@lru_cache(maxsize=8)
def table_words(language: str) -> tuple[str, ...]:
    """Give the words that customers ask about, whatever their language."""
    return tuple(sorted({w for idea in IDEAS for w in idea if len(w) > 4}))


@lru_cache(maxsize=8)
def by_sound(language: str) -> dict[str, str]:
    """Give our tables' words by their sound, for Spanish as it is heard ("balen" for "valen")."""
    if language != "es":
        return {}
    listed = sorted({w for idea in IDEAS for w in idea if len(w) > 3})
    return {_sound(w): w for w in (*listed, *grammar_words(language), "hora", "hasta", "hay")}


def heard_as(text: str, language: str) -> str | None:
    """Give the word of our tables that sounds the same, if there is one."""
    return by_sound(language).get(_sound(text))


@lru_cache(maxsize=8)
def _ideas_by_stem(language: str) -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for number, idea in enumerate(IDEAS):
        for text in idea:
            found.setdefault(word(text, language).stem, set()).add(number)
    return {stem: frozenset(numbers) for stem, numbers in found.items()}


def ideas(of: Word, language: str) -> frozenset[int]:
    """Give the numbers of the lexicon's ideas that the word may stand for."""
    return _ideas_by_stem(language).get(of.stem, frozenset())


def is_known(text: str, language: str) -> bool:
    """Tell whether our own tables hold the folded word, so that it is no typing error."""
    stem = word(text, language).stem
    tables = (generic_stems(language), mild_stems(language), _ideas_by_stem(language))
    return is_stopword(text, language) or any(stem in table for table in tables)


def is_number(text: str) -> bool:
    """Tell whether a folded word is a number, in digits or as a word."""
    return text.isdigit() or text in _NUMBERS


def is_unlisted_verb(of: Word, language: str) -> bool:
    """Tell whether the word ends like a verb and no table of ours holds it: answers seldom repeat such a word."""
    ending = _VERB_ENDINGS.get(language)
    return bool(ending and ending.fullmatch(of.text)) and not ideas(of, language)


def distance(left: str, right: str, limit: int) -> int:
    """Give the edits between two words (a swap of neighbours is one), or limit + 1 if there are more."""
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        previous, row, oldest = row, [i] + [0] * len(right), before
        before = previous
        for j, b in enumerate(right, 1):
            row[j] = min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                row[j] = min(row[j], oldest[j - 2] + 1)
        if min(row) > limit:
            return limit + 1
    return row[-1]


def typing_errors_allowed(text: str) -> int:
    """Give how many edits still count as the same word; short words and numbers must be right."""
    if any(c.isdigit() for c in text) or len(text) < 4:
        return 0
    return 1 if len(text) < 8 else 2


def nearest(text: str, vocabulary: Iterable[str], swaps_only: bool = False, least: int = 0) -> str | None:
    """Give the word of the vocabulary that was probably meant by a misspelt one, or None.

    Args:
        swaps_only: letters may be lost, doubled or swapped but not replaced: "parque" is no slip for "porque".
        least: edits that are allowed in a short word, too: "wht" is "what".
    """
    allowed = max(typing_errors_allowed(text), least)
    best, best_distance = None, allowed + 1
    for candidate in vocabulary:
        if len(candidate) < 4 or (candidate[0] != text[0] and _sound(candidate)[:2] != _sound(text)[:2]):
            continue
        if swaps_only and len(candidate) == len(text) and sorted(candidate) != sorted(text):
            continue
        edits = distance(text, candidate, allowed)
        if edits < best_distance:
            best, best_distance = candidate, edits
    return best
