"""What the documents name exists: files, commands, settings, rows."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[2]
ROOMS = "benchmarks|models|security|telemetry|store|whatsapp|knowledge|actors|deployments|ops|samples|tests|docs"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
README = (ROOT / "README.md").read_text()


def named_files(text: str) -> Iterator[str]:
    for code in re.findall(r"`([^`\n]+)`", text):
        yield from re.findall(rf"(?<![\w./-])(?:{ROOMS})/[\w./-]*", code)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    links = [link.partition("#")[0] for link in re.findall(r"\]\(((?!https?:|#)[^)\s]+)\)", text)]
    missing = [name for name in named_files(text) if not (ROOT / name).exists()]
    assert missing + [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_test_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page.read_text())
    assert [f"{file}::{test}" for file, test in named if f"def {test}(" not in (ROOT / file).read_text()] == []


def test_a_link_to_a_heading_finds_it() -> None:
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / "architecture.md").read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    wanted = {anchor for page in PAGES for anchor in re.findall(r"architecture\.md#([\w-]+)", page.read_text())}
    assert wanted
    assert wanted <= anchors


def test_the_readme_tells_every_setting_and_marks_the_secret_ones() -> None:
    told = dict(re.findall(rf"^\| `({PREFIX}[A-Z_]+)`( \*)? \|", README, re.MULTILINE))
    secret = {name: "SecretStr" in str(field.annotation) for name, field in Settings.model_fields.items()}
    assert told == {PREFIX + name.upper(): " *" if hidden else "" for name, hidden in secret.items()}


def test_decisions_are_numbered_without_a_gap_and_can_be_quoted() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [page.name[:4] for page in decisions] == [f"{number:04}" for number in range(1, len(decisions) + 1)]
    for page in decisions:
        sections = re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE)
        assert sections == ["Context", "Decision", "Consequences", "Alternatives", "Where it is held"], page.name
        assert re.search(r"^## Decision\n\n> \*\*.+\*\*$", page.read_text(), re.MULTILINE), page.name


def test_a_row_of_readiness_that_is_done_can_be_proven() -> None:
    rows = [
        line.split(" | ") for line in (ROOT / "docs" / "readiness.md").read_text().splitlines() if "| **done**" in line
    ]
    assert rows
    assert all("`" in row[-2] for row in rows)
