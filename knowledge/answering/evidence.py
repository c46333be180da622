"""How much of a question a piece of text covers: every word of the question is weighed and looked for.

What a near miss asks for ("to the *moon*", "for *students*") is a rare word that the evidence does not hold, however
close the topic is; so the words that are *not* covered count as much as those that are.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from knowledge.answering.calendar import is_spanned, spanned
from knowledge.answering.kinds import Kind, holds
from knowledge.answering.lexicon import word_set
from knowledge.answering.words import (
    Word,
    distance,
    generic_stems,
    grammar_words,
    heard_as,
    ideas,
    is_known,
    is_number,
    is_stopword,
    is_unlisted_verb,
    mild_stems,
    nearest,
    split_words,
    table_words,
    typing_errors_allowed,
    word,
)

GENERIC_WEIGHT = 0.15
NUMBER_WEIGHT = 0.3  # an age or a size is seldom repeated: "my son is 15" is answered by "from 16"
MILD_WEIGHT = 0.4
SAME_IDEA = 0.85
TYPED_WRONG = 0.9
COMPOUND = 0.7
SPANNED = 0.9


# After a number these only say what is counted: "2 years", "20 minutes".
_MEASURES = word_set("measures")
_MOST_PUT_RIGHT = 40  # words; in longer questions some will be found anyhow
# What ends like a verb right after one of these names or describes a thing: "the extended warranty", "the building".
_ARTICLES = {"en": frozenset({"the", "a", "an", "your", "my", "any", "some", "this", "that"})}
_LIKE_A_VERB = re.compile(r"\w{3,}(?:ed|ing)")


@dataclass(frozen=True, slots=True)
class Term:
    """One word of the question that may have to be found."""

    word: Word
    weight: float  # 0 to 1: how much it narrows down what is asked for


@dataclass(frozen=True, slots=True)
class Coverage:
    """What became of the question's words in one text."""

    share: float  # 0 to 1, by weight
    missing: float  # weight of the heaviest word, times how little of it was found


class Bag:
    """The words of a text, ready to be looked up."""

    def __init__(self, text: str, language: str) -> None:
        self.words = tuple(dict.fromkeys(_word(w, language) for w in split_words(text)))
        self.texts = frozenset(w.text for w in self.words)
        self.stems = frozenset(w.stem for w in self.words)
        self.sounds = frozenset(w.sound for w in self.words)
        self.ideas = frozenset(i for w in self.words for i in ideas(w, language))
        self.spanned = spanned(text)
        self.kinds = frozenset(k for k in (Kind.MONEY, Kind.TIME, Kind.DURATION, Kind.PLACE) if holds(k, text))


@lru_cache(maxsize=16384)
def _word(text: str, language: str) -> Word:
    return word(text, language)


@lru_cache(maxsize=512)
def bag(text: str, language: str) -> Bag:
    """Give the bag of a text; the same passages are asked about again and again."""
    return Bag(text, language)


def corrected(question: str, language: str, vocabulary: frozenset[str]) -> str:
    """Give the question in folded words, typing errors put right by the evidence's vocabulary and our own tables."""
    return " ".join(_meant(question, language, vocabulary))


def put_right(question: str, language: str, contexts: Iterable[str]) -> str | None:
    """Give the question as it was meant, by the words of the passages that it found; None where nothing was misspelt.

    Takes some 7 ms for each word that neither the passages nor our tables hold, so not on an event loop.
    """
    said = split_words(question)
    if not grammar_words(language) or len(said) > _MOST_PUT_RIGHT:
        return None
    vocabulary = frozenset(text for context in contexts for text in split_words(context))
    meant = _meant(question, language, vocabulary)
    return " ".join(meant) if meant != list(said) else None


def terms(question: str, language: str, vocabulary: frozenset[str]) -> list[Term]:
    """Give the words to look for, typing errors put right."""
    found: dict[str, Term] = {}
    before = ""
    for text in _meant(question, language, vocabulary):
        counted = is_number(before) and text in _MEASURES
        describes = before in _ARTICLES.get(language, ()) and _LIKE_A_VERB.fullmatch(text) is not None
        before = text
        if is_stopword(text, language) or (len(text) < 2 and not text.isdigit()):
            continue
        form = word(text, language)
        found.setdefault(form.stem, Term(form, GENERIC_WEIGHT if counted else _weight(form, language, describes)))
    return list(found.values())


def _meant(question: str, language: str, vocabulary: frozenset[str]) -> list[str]:
    """Put each word right, but never into a word that stands in the question already."""
    said = split_words(question)
    meant = [_right(text, language, vocabulary) for text in said]
    return [text if right in said else right for text, right in zip(said, meant, strict=True)]


def _right(text: str, language: str, vocabulary: frozenset[str]) -> str:
    if text in vocabulary or text.isdigit() or is_known(text, language):
        return text
    return (
        heard_as(text, language)
        or nearest(text, grammar_words(language), swaps_only=True, least=int(len(text) > 2))
        or nearest(text, vocabulary)
        or nearest(text, table_words(language))
        or text
    )


def _weight(form: Word, language: str, describes: bool) -> float:
    if form.stem in generic_stems(language):
        return GENERIC_WEIGHT
    if describes:
        return 1.0
    if form.stem in mild_stems(language):
        return MILD_WEIGHT
    if is_number(form.text):
        return NUMBER_WEIGHT
    return MILD_WEIGHT if is_unlisted_verb(form, language) else 1.0


def found_in(term: Term, held: Bag, language: str) -> float:
    """Tell how surely the text holds the term, 0 to 1."""
    form = term.word
    if form.text in held.texts or form.stem in held.stems or (len(form.sound) > 3 and form.sound in held.sounds):
        return 1.0
    if is_spanned(form.text, held.spanned):
        return SPANNED
    if _is_typed_wrong(form, held.words):
        return TYPED_WRONG
    own = ideas(form, language)
    if own & held.ideas or _asks_for_held_kind(form.text, held, language):
        return SAME_IDEA
    if len(form.text) > 5 and any(len(w) > 4 and (w in form.text or form.text in w) for w in held.texts):
        return COMPOUND
    return 0.0


def _is_typed_wrong(form: Word, candidates: Iterable[Word]) -> bool:
    allowed = typing_errors_allowed(form.text)
    return allowed > 0 and any(
        len(w.text) > 3 and w.text[0] == form.text[0] and distance(form.text, w.text, 1) <= 1 for w in candidates
    )


_WORDS_FOR_KINDS: Mapping[Kind, str] = {
    Kind.MONEY: "price cost precio coste cuesta expensive caro vale fee charge free gratis",
    Kind.TIME: "hours open close time hora horario abrir day schedule",
    Kind.DURATION: "tarda dura tiempo duration take last",
    Kind.PLACE: "located",
}


def names_a_thing(term: Term, language: str) -> bool:
    """Tell whether the term is a topic of its own, not only a kind of answer ("price", "hours") or a mild word."""
    return term.weight == 1 and term.word.stem not in _kinds_by_stem(language)


@lru_cache(maxsize=8)
def _kinds_by_stem(language: str) -> dict[str, Kind]:
    return {word(text, language).stem: kind for kind, texts in _WORDS_FOR_KINDS.items() for text in texts.split()}


def _asks_for_held_kind(text: str, held: Bag, language: str) -> bool:
    kind = _kinds_by_stem(language).get(word(text, language).stem)
    return kind is not None and kind in held.kinds


def coverage(wanted: Sequence[Term], held: Bag, language: str) -> Coverage:
    """Weigh what the text holds of the question; a question without words to look for is half covered."""
    total = sum(t.weight for t in wanted)
    if total == 0:
        return Coverage(share=0.5, missing=0.0)
    hits = [(t.weight, found_in(t, held, language)) for t in wanted]
    return Coverage(share=sum(w * hit for w, hit in hits) / total, missing=max(w * (1 - hit) for w, hit in hits))
