"""The pictures in docs/architecture.md are those of the tables in models/lifecycle.py, step by step."""

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import pytest

from models import lifecycle

PAGE = Path(__file__).resolve().parents[3] / "docs" / "architecture.md"
FIRST = {"INBOX_STEPS": "received", "OUTBOX_STEPS": "queued", "DOCUMENT_STEPS": "received"}


def picture(steps: Mapping[StrEnum, frozenset[StrEnum]], first: str) -> str:
    """The state diagram of a table, in the order of its states."""
    order = list(steps)
    arrows = [f"    {old} --> {new}" for old in order for new in order if new in steps[old]]
    ends = [f"    {state} --> [*]" for state in order if not steps[state]]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {first}", *arrows, *ends])


@pytest.mark.parametrize("table", FIRST)
def test_the_picture_shows_exactly_the_legal_steps(table: str) -> None:
    drawn = re.search(rf"<!-- {table} -->\n```mermaid\n(.*?)\n```", PAGE.read_text(), re.DOTALL)
    assert drawn, f"docs/architecture.md has no picture under <!-- {table} -->"
    assert drawn.group(1) == picture(getattr(lifecycle, table), FIRST[table])
