"""The answerer that needs no generative model: it quotes the business's best sentences, or says that it does not know.

Rule: nothing is said that does not stand in a passage, word for word.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from knowledge.answering.confidence import THRESHOLD, confidence
from knowledge.answering.evidence import Term, corrected, names_a_thing, terms
from knowledge.answering.features import Asked, Features, Scored, describe, score
from knowledge.answering.gloss import gloss
from knowledge.answering.kinds import UNMISTAKABLE, Kind, asked_kind
from knowledge.answering.units import Unit, cut
from knowledge.answering.words import fold, split_words
from knowledge.language import detect
from knowledge.question import small_talk_reply
from knowledge.texts import TEXTS, Phrase, say
from models.answer import Answer, Question, Rung, Source
from models.passage import Vector

MODEL_NAME = "extract"
LONGEST_REPLY = 395  # characters; a chat reply stays under 400
MOST_UNITS = 3
MOST_EMBEDDED = 16  # short sentences a question: some 40 ms on one core; more changed no reply of the golden questions
_LEANS = re.compile(
    r"(?:after that|afterwards|otherwise|later|then|if not|but|however|despues|luego|si no|pero|entonces|en ese caso)\b"
)
_CARRIED_WEIGHT = 0.3  # of an earlier question's words, where the line has words of its own
_CACHED_VECTORS = 4096  # of 384 float32 each: 6 MB
_MARGIN = 0.35  # how far a further sentence may fall behind the best


class Embeds(Protocol):
    """The little that is needed of an embedder; raises errors of `models.errors` within its own time limit."""

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Give one unit vector a text, in order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A reply before it is trusted."""

    text: str
    units: tuple[Unit, ...]
    features: Features
    confidence: float


class ExtractiveAnswerer:
    """Answers from the passages alone; safe for concurrent use, keeps only a bounded cache of sentence vectors."""

    def __init__(self, embedder: Embeds) -> None:
        """Reads all word tables at once (about a second), so that no user waits for it."""
        self._embedder = embedder
        _warm_up()
        self._vectors: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

    async def answer(self, question: Question) -> Answer:
        """Quote one to three sentences in under 400 characters, or abstain.

        Raises:
            EmbedderUnavailable: retryable.
        """
        friendly = small_talk_reply(question.text, question.language)
        if friendly is not None:
            return Answer(text=friendly, rung=Rung.EXTRACT, model=MODEL_NAME, confidence=1.0)
        draft = await self.draft(question)
        if draft is None or draft.confidence < THRESHOLD:
            return _abstained(question, draft)
        sources = dict.fromkeys(
            Source(passage_id=u.found.passage.id, title=u.found.passage.title, page=u.found.passage.page)
            for u in draft.units
        )
        return Answer(
            text=draft.text, rung=Rung.EXTRACT, model=MODEL_NAME, sources=tuple(sources), confidence=draft.confidence
        )

    async def draft(self, question: Question) -> Draft | None:
        """Give the best reply there is and how far it can be trusted; None where there is nothing to quote."""
        units = cut(question.passages)
        if not units:
            return None
        asked = await asyncio.to_thread(take_apart, question, units)
        candidates = await asyncio.to_thread(_preselect, asked, units)
        query = corrected(question.standalone, question.language, _vocabulary(units))
        texts = [gloss(query, question.language)]
        texts += [gloss(u.in_context, _language_of(u, question.language)) for u in candidates]
        vectors = await self._embed(texts)
        return await asyncio.to_thread(_compose, asked, units, candidates, vectors)

    async def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        new = [t for t in dict.fromkeys(texts) if t not in self._vectors]
        fresh = dict(zip(new, await self._embedder.embed(new), strict=True)) if new else {}
        rows = [np.asarray(fresh[t] if t in fresh else self._vectors[t], dtype=np.float32) for t in texts]
        self._remember(texts[1:], rows[1:])
        return np.stack(rows)

    def _remember(self, texts: Sequence[str], rows: Sequence[NDArray[np.float32]]) -> None:
        for text, row in zip(texts, rows, strict=True):
            self._vectors[text] = row
            self._vectors.move_to_end(text)
        while len(self._vectors) > _CACHED_VECTORS:
            self._vectors.popitem(last=False)


def _warm_up() -> None:
    for language in ("en", "es"):
        terms("a sentence with a word nobody knows: xyzzyx", language, frozenset())
        detect("one two three four", tuple(TEXTS), language)


def _abstained(question: Question, draft: Draft | None) -> Answer:
    return Answer(
        text=say(Phrase.ABSTAIN, question.language),
        rung=Rung.EXTRACT,
        model=MODEL_NAME,
        abstained=True,
        confidence=draft.confidence if draft else 0.0,
    )


def take_apart(question: Question, units: Sequence[Unit]) -> Asked:
    """Give the words and the kind of the question, typing errors put right by what the passages say."""
    vocabulary = _vocabulary(units)
    own = terms(question.text, question.language, vocabulary)
    known = {t.word.stem for t in own}
    before = [t for t in terms(question.standalone, question.language, vocabulary) if t.word.stem not in known]
    weight = _CARRIED_WEIGHT if any(names_a_thing(t, question.language) for t in own) else 1.0
    kind = asked_kind(question.text)
    if kind is Kind.OPEN and question.standalone != question.text:
        kind = asked_kind(question.standalone)
    return Asked(
        language=question.language,
        kind=kind,
        terms=tuple(own),
        carried=tuple(Term(t.word, t.weight * weight) for t in before),
    )


def _vocabulary(units: Sequence[Unit]) -> frozenset[str]:
    return frozenset(w for context in {u.found.passage.context for u in units} for w in split_words(context))


def _language_of(unit: Unit, default: str) -> str:
    return detect(unit.found.passage.context, tuple(TEXTS), default)


def _preselect(asked: Asked, units: Sequence[Unit]) -> list[Unit]:
    if len(units) <= MOST_EMBEDDED:
        return list(units)
    scored = [score(asked, u, 0.0, _language_of(u, asked.language) == asked.language) for u in units]
    scored.sort(key=lambda s: s.fit, reverse=True)
    return [s.unit for s in scored[:MOST_EMBEDDED]]


def _compose(asked: Asked, units: Sequence[Unit], candidates: Sequence[Unit], vectors: NDArray[np.float32]) -> Draft:
    cosines = vectors[1:] @ vectors[0]
    scored = [
        score(asked, u, float(c), _language_of(u, asked.language) == asked.language)
        for u, c in zip(candidates, cosines, strict=True)
    ]
    scored.sort(key=lambda s: s.fit, reverse=True)
    draft = _drafted(asked, units, scored)
    holding = [s for s in scored if s.has_kind]
    return draft if draft.confidence or not holding else _drafted(asked, units, holding)


def _drafted(asked: Asked, units: Sequence[Unit], scored: Sequence[Scored]) -> Draft:
    chosen = _choose(scored)
    beside = _beside(chosen[0].unit, scored)
    if beside and (len(chosen) < MOST_UNITS or _LEANS.match(fold(chosen[0].unit.text))):
        chosen = _choose([chosen[0], *beside, *(s for s in scored[1:] if s not in beside)], keep=2)
    features = describe(asked, chosen, units)
    is_beside_the_point = asked.kind in UNMISTAKABLE and not any(s.has_kind for s in chosen)
    return Draft(
        text=_join(chosen),
        units=tuple(s.unit for s in chosen),
        features=features,
        confidence=0.0 if is_beside_the_point else confidence(features),
    )


def _choose(scored: Sequence[Scored], keep: int = 1) -> list[Scored]:
    """Take the best unit and what nearly equals it, as long as the reply stays short; never two of one wording.

    Args:
        keep: how many of the first are taken however well they fit.
    """
    chosen: list[Scored] = []
    for place, candidate in enumerate(scored):
        if len(chosen) == MOST_UNITS or (place >= keep and candidate.fit < scored[0].fit - _MARGIN):
            break
        if any(candidate.unit.text == s.unit.text for s in chosen):
            continue
        if len(_join([*chosen, candidate])) <= LONGEST_REPLY or not chosen:
            chosen.append(candidate)
    return chosen


def _beside(best: Unit, scored: Sequence[Scored]) -> list[Scored]:
    """Give the sentence after the best one, since the figure often follows its topic; the one before it where it leans.

    "Afterwards we charge half" says nothing without "Free until 24 hours before".
    """
    if best.is_record:
        return []
    place = best.place - 1 if _LEANS.match(fold(best.text)) else best.place + 1
    return [
        s for s in scored if s.unit.found is best.found and s.unit.context == best.context and s.unit.place == place
    ]


def _join(chosen: Sequence[Scored]) -> str:
    """Put sentences in the order of their documents, rows on lines of their own."""
    best_rank = {s.unit.found.passage.id: i for i, s in reversed(list(enumerate(chosen)))}
    ordered = sorted(chosen, key=lambda s: (best_rank[s.unit.found.passage.id], s.unit.place))
    text = ""
    for s in ordered:
        text += ("\n" if s.unit.is_row or "\n" in text else " ") * bool(text) + s.unit.text
    return text if len(text) <= LONGEST_REPLY else _shortened(text)


def _shortened(text: str) -> str:
    """Cut a single sentence that is too long, at a word."""
    return text[: LONGEST_REPLY - 1].rsplit(" ", 1)[0].rstrip(",;:") + "…"
