from pathlib import Path

import pytest

from knowledge.golden import read_golden
from models.errors import WrongSetting

GOOD = """
business: corner
questions:
  - {id: a, language: en, kind: plain, half: fit, ask: "open?", expect: answer, facts: ["10:00", {all: [10, 18]}]}
  - {id: b, language: es, kind: follow_up, half: judge, turns: ["¿abrís?", "¿y el lunes?"], expect: abstain}
"""


def _file(folder: Path, text: str) -> Path:
    path = folder / "golden.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_questions_are_read_with_their_turns_and_facts(tmp_path: Path) -> None:
    first, second = read_golden(_file(tmp_path, GOOD))
    assert first.facts == (("10:00",), ("10", "18"))
    assert second.turns == ("¿abrís?", "¿y el lunes?")
    assert not second.is_answerable


@pytest.mark.parametrize(
    "text",
    [
        "",
        "questions: []",
        "questions: [1]",
        "questions: [{id: a, ask: x, expect: maybe}]",
        "questions: [{id: a, ask: x, expect: answer}]",
        "questions: [{id: a, expect: abstain}]",
        "questions: [{id: a, ask: x, expect: abstain}, {id: a, ask: y, expect: abstain}]",
        "a: [",
    ],
)
def test_a_wrong_file_is_refused_with_a_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(WrongSetting, match="golden"):
        read_golden(_file(tmp_path, text))
