"""What is known of a possible reply before it is trusted: a short row of numbers for `confidence.py`."""

from collections.abc import Sequence
from dataclasses import dataclass

from knowledge.answering.evidence import Term, bag, coverage
from knowledge.answering.kinds import MEASURABLE, Kind, holds
from knowledge.answering.units import Unit

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
    has_kind: bool
    same_language: bool

    @property
    def fit(self) -> float:
        """Order units of one question; says nothing across questions."""
        return self.cosine + 0.6 * self.share + 0.2 * self.has_kind + 0.3 * self.same_language - 0.02 * self.unit.rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What the decision to speak or to abstain is made of; every value is near 0 to 1."""

    cosine: float
    unit_share: float  # in the best unit with its headings
    unit_missing: float
    passage_share: float  # in the whole passage of the best unit
    passage_missing: float
    all_missing: float  # in all passages that were found
    has_kind: float  # asks for a price, a time, ... and the unit that covers most holds one
    yes_no: float


def score(asked: Asked, unit: Unit, cosine: float, same_language: bool) -> Scored:
    """Look at one unit."""
    wanted = (*asked.terms, *asked.carried)
    held = coverage(wanted, bag(_with_headings(unit), asked.language), asked.language)
    return Scored(
        unit=unit,
        cosine=cosine,
        share=held.share,
        missing=held.missing,
        has_kind=_has_kind(asked.kind, unit.text),
        same_language=same_language,
    )


def _has_kind(kind: Kind, text: str) -> bool:
    return kind in MEASURABLE and holds(kind, text)


def _with_headings(unit: Unit) -> str:
    return " ".join((unit.found.passage.title, *unit.found.passage.headings, unit.context, unit.text))


def describe(asked: Asked, reply: Sequence[Scored], units: Sequence[Unit]) -> Features:
    """Give the features of a reply made of these units, best first, out of all the units that were found."""
    best, language = reply[0], asked.language
    wanted = (*asked.terms, *asked.carried)
    fullest = max(reply, key=lambda s: s.share)
    in_passage = coverage(wanted, bag(fullest.unit.found.passage.context, language), language)
    everywhere = " ".join(dict.fromkeys(u.found.passage.context for u in units))
    is_measurable = asked.kind in MEASURABLE
    return Features(
        cosine=best.cosine,
        unit_share=fullest.share,
        unit_missing=fullest.missing,
        passage_share=in_passage.share,
        passage_missing=in_passage.missing,
        all_missing=coverage(wanted, bag(everywhere, language), language).missing,
        has_kind=float(is_measurable and fullest.has_kind),
        yes_no=float(asked.kind is Kind.YES_NO),
    )
