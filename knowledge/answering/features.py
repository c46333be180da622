"""What is known of a possible reply before it is trusted: a short row of numbers for `confidence.py`."""

from collections.abc import Sequence
from dataclasses import dataclass

from knowledge.answering.evidence import Coverage, Term, bag, coverage
from knowledge.answering.kinds import MEASURABLE, Kind, holds
from knowledge.answering.units import Unit

_KIND_WEIGHT = 0.7
_HELD_KINDS = MEASURABLE | {Kind.WAY}
_FRAGMENT = 25  # characters; what is shorter mostly says nothing by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question, taken apart."""

    language: str
    kind: Kind
    terms: tuple[Term, ...]  # of the line itself
    carried: tuple[Term, ...]  # of earlier questions, where the line leans on them


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A unit and how well it fits the question."""

    unit: Unit
    cosine: float  # of the question and the unit under its heading
    share: float  # of the question's words that the unit and its heading hold
    missing: float  # heaviest word that neither holds
    passage_share: float  # the same of its whole passage: a fact is often told in the sentence after its topic
    has_kind: bool
    same_language: bool

    @property
    def fit(self) -> float:
        """Order units of one question; says nothing across questions."""
        worth = self.cosine + 0.45 * self.share + 0.1 * self.has_kind
        return worth + 0.1 * self.same_language - 0.015 * self.unit.rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What the decision to speak or to abstain is made of; every value is near 0 to 1."""

    cosine: float
    nearest: float  # cosine of the question and the nearest passage: what a cosine is worth differs by language
    unit_missing: float  # in the unit of the reply that holds most, with its headings
    passage_share: float  # in the whole passage of that unit
    all_missing: float  # in all passages that were found
    has_kind: float  # asks for a price, a time, ... and the unit that covers most holds one
    yes_no: float


def score(asked: Asked, unit: Unit, cosine: float, same_language: bool) -> Scored:
    """Look at one unit."""
    wanted, language = (*asked.terms, *asked.carried), asked.language
    has_kind = asked.kind in _HELD_KINDS and holds(asked.kind, unit.text)
    held = coverage(wanted, bag(_with_headings(unit), language), language)
    if asked.kind in MEASURABLE:
        held = _with_kind(held, wanted, has_kind)
    return Scored(
        unit=unit,
        cosine=cosine,
        share=held.share,
        missing=held.missing,
        passage_share=coverage(wanted, bag(_surroundings(unit), language), language).share,
        has_kind=has_kind,
        same_language=same_language,
    )


def _with_kind(held: Coverage, wanted: Sequence[Term], has_kind: bool) -> Coverage:
    """Count the kind that is asked for as one more word to be found: no price, no answer to "how much?"."""
    total = sum(t.weight for t in wanted)
    share = (total * held.share + _KIND_WEIGHT * has_kind) / (total + _KIND_WEIGHT)
    return Coverage(share=share, missing=max(held.missing, _KIND_WEIGHT * (not has_kind)))


def _with_headings(unit: Unit) -> str:
    return " ".join((unit.found.passage.title, *unit.found.passage.headings, unit.context, unit.text))


def _surroundings(unit: Unit) -> str:
    return _with_headings(unit) if unit.is_record else unit.found.passage.context


def describe(asked: Asked, reply: Sequence[Scored], units: Sequence[Unit]) -> Features:
    """Give the features of a reply made of these units, best first, out of all the units that were found."""
    best, language = reply[0], asked.language
    wanted = (*asked.terms, *asked.carried)
    fullest = max(reply, key=lambda s: s.share)
    everywhere = " ".join(dict.fromkeys(u.found.passage.context for u in units))
    is_measurable = asked.kind in MEASURABLE
    return Features(
        cosine=best.cosine,
        nearest=max(u.found.similarity or 0.0 for u in units),
        unit_missing=fullest.missing,
        passage_share=fullest.passage_share,
        all_missing=coverage(wanted, bag(everywhere, language), language).missing,
        has_kind=float(is_measurable and fullest.has_kind),
        yes_no=float(asked.kind is Kind.YES_NO),
    )
