"""Golden questions: what a business wants answered, and what it knows that its documents do not say.

The file is YAML, `golden.yaml` beside the business's `documents/`:

    business: corner-shop            # optional
    questions:
      - id: en-plain-saturday        # unique, stable
        language: en                 # ISO 639-1 of the question
        kind: plain                  # plain | paraphrase | misspelt | follow_up | near_miss
        half: fit                    # fit: thresholds may be fitted on it; judge: they may not
        ask: "when do you open on saturday?"      # or `turns: [first, …, last]`; the last one is judged
        expect: answer               # answer | abstain
        facts: ["10:00", {all: ["10", "18"]}]     # one is enough; of `all`, each must stand in the reply
        source: opening-hours.md     # the document that holds the fact; optional

A near miss has the right topic and no fact; it expects to be abstained from and has no `facts`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from models.errors import WrongSetting


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenQuestion:
    """One question with what is expected of its reply."""

    id: str
    language: str
    kind: str
    half: str
    turns: tuple[str, ...]  # 1 or more; the last is judged, the ones before are asked first
    is_answerable: bool
    facts: tuple[tuple[str, ...], ...] = ()  # alternatives; of one alternative every piece must be there
    source: str | None = None

    def __post_init__(self) -> None:
        if not self.turns or not all(self.turns):
            raise WrongSetting(f"golden question {self.id}: `ask` or `turns` must hold a text")
        if self.is_answerable != bool(self.facts):
            raise WrongSetting(f"golden question {self.id}: `facts` must stand where an answer is expected, only there")


def read_golden(path: Path) -> tuple[GoldenQuestion, ...]:
    """Read a golden file.

    Raises:
        WrongSetting: names the question and the field that is wrong.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise WrongSetting(f"the golden file {path.name} cannot be read") from error
    entries = content.get("questions") if isinstance(content, Mapping) else content
    if not isinstance(entries, list) or not entries:
        raise WrongSetting(f"the golden file {path.name} must hold a list named `questions`")
    questions = tuple(_question(entry) for entry in entries)
    if len({q.id for q in questions}) < len(questions):
        raise WrongSetting(f"the golden file {path.name} holds the same id twice")
    return questions


def _question(entry: Any) -> GoldenQuestion:
    if not isinstance(entry, Mapping) or "id" not in entry:
        raise WrongSetting("each golden question must be a mapping with an `id`")
    name = str(entry["id"])
    if entry.get("expect") not in ("answer", "abstain"):
        raise WrongSetting(f"golden question {name}: `expect` must be answer or abstain")
    return GoldenQuestion(
        id=name,
        language=str(entry.get("language", "en")),
        kind=str(entry.get("kind", "plain")),
        half=str(entry.get("half", "judge")),
        turns=tuple(str(turn) for turn in entry.get("turns") or [entry.get("ask", "")]),
        is_answerable=entry["expect"] == "answer",
        facts=_facts(entry.get("facts") or []),
        source=entry.get("source"),
    )


def _facts(written: Any) -> tuple[tuple[str, ...], ...]:
    alternatives: Sequence[Any] = written if isinstance(written, list) else [written]
    return tuple(
        tuple(str(piece) for piece in fact["all"]) if isinstance(fact, Mapping) else (str(fact),)
        for fact in alternatives
    )
