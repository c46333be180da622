"""How good the answers are: replies to golden questions, judged and counted. Pure; somebody else does the asking.

Rule: a threshold fitted on the half `fit` is judged on the half `judge` only.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from knowledge.answering.words import fold
from knowledge.golden import GoldenQuestion

LONGEST_REPLY = 400  # characters; an answer must be shorter
GOAL = 0.9  # share of the answerable answered, and of the unanswerable abstained from
_DASHES = re.compile(r"[\u2010-\u2015\u2212]")
_QUOTES = re.compile(r"[\u2018\u2019\u201c\u201d\u00ab\u00bb\"*_]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One reply, judged."""

    question: GoldenQuestion
    reply: str
    abstained: bool
    source: str = ""  # title of the first source, for the table
    elapsed_ms: float = 0.0

    @property
    def is_right(self) -> bool:
        """An answerable question is answered with its fact in a short reply; any other is abstained from."""
        if not self.question.is_answerable:
            return self.abstained
        return not self.abstained and len(self.reply) < LONGEST_REPLY and contains_fact(self.reply, self.question.facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many of a group were right."""

    group: str
    right: int
    asked: int

    @property
    def share(self) -> float:
        """Give 0 to 1; a group that was not asked has not failed."""
        return self.right / self.asked if self.asked else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All verdicts counted: by half and by what was expected, then finer."""

    answered: Tally  # of the half `judge`
    abstained: Tally  # of the half `judge`
    tallies: tuple[Tally, ...]  # by half, kind and language

    @property
    def is_good(self) -> bool:
        """Tell whether both goals are reached on the half that nothing was fitted on."""
        return self.answered.share >= GOAL and self.abstained.share >= GOAL


def contains_fact(reply: str, facts: Sequence[Sequence[str]]) -> bool:
    """Tell whether the reply holds one of the alternatives; of one alternative, every piece.

    Case, accents, kinds of dash and quote and runs of white space do not matter; no number is a part of a longer one.
    """
    plain = normalised(reply)
    return any(all(_stands_in(normalised(piece), plain) for piece in pieces) for pieces in facts)


def normalised(text: str) -> str:
    """Give the text as it is compared."""
    plain = _QUOTES.sub("", _DASHES.sub("-", fold(text)))
    return re.sub(r"\s+", " ", plain).strip()


def _stands_in(piece: str, text: str) -> bool:
    before = r"(?<![\d])(?<!\d[.,:])" if piece[:1].isdigit() else ""
    after = r"(?![\d]|[.,:]\d)" if piece[-1:].isdigit() else ""
    return bool(re.search(before + re.escape(piece) + after, text))


def summarise(verdicts: Sequence[Verdict]) -> Summary:
    """Count."""
    judged = [v for v in verdicts if v.question.half == "judge"]
    groups: list[Tally] = []
    for half in sorted({v.question.half for v in verdicts}):
        of_half = [v for v in verdicts if v.question.half == half]
        groups += _by(of_half, half, lambda v: "answerable" if v.question.is_answerable else "unanswerable")
        groups += _by(of_half, half, lambda v: v.question.kind)
        groups += _by(of_half, half, lambda v: v.question.language)
    return Summary(
        answered=_tally("judge: answerable", (v for v in judged if v.question.is_answerable)),
        abstained=_tally("judge: unanswerable", (v for v in judged if not v.question.is_answerable)),
        tallies=tuple(groups),
    )


def _by(verdicts: Sequence[Verdict], half: str, key: Callable[[Verdict], str]) -> list[Tally]:
    names = sorted({key(v) for v in verdicts})
    return [_tally(f"{half}: {name}", (v for v in verdicts if key(v) == name)) for name in names]


def _tally(group: str, verdicts: Iterable[Verdict]) -> Tally:
    rights = [v.is_right for v in verdicts]
    return Tally(group=group, right=sum(rights), asked=len(rights))


def table(verdicts: Sequence[Verdict], reply_width: int = 70) -> str:
    """Give one line a question: right or wrong, id, question, reply, source, milliseconds."""
    lines = [f"{'':5} {'id':30} {'question':44} {'reply':{reply_width}} {'source':22} {'ms':>6}"]
    for v in verdicts:
        mark = "ok" if v.is_right else "WRONG"
        cells = (
            _cell(v.question.id, 30),
            _cell(v.question.turns[-1], 44),
            _cell(v.reply, reply_width),
            _cell(v.source, 22),
        )
        lines.append(f"{mark:5} {' '.join(cells)} {v.elapsed_ms:6.0f}")
    return "\n".join(lines)


def summary_table(summary: Summary) -> str:
    """Give one line a group."""
    return "\n".join(f"{t.group:24} {t.right:3} of {t.asked:3}  {t.share:6.1%}" for t in summary.tallies)


def _cell(text: str, width: int) -> str:
    flat = re.sub(r"\s+", " ", text)
    return f"{flat if len(flat) <= width else flat[: width - 1] + '…':{width}}"
