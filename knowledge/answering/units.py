"""Passages cut into what may be quoted: sentences, list items and table rows, each with its heading beside it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from models.passage import FoundPassage

_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”»)*_]*\s+(?=[\"'“«(¿¡*_]*[A-ZÁÉÍÓÚÑÜÇÀ-Þ0-9])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|approx|no|nr|tel|dr|mr|mrs|ms|st|sr|sra|dra|avda|av|c|p\. ej|ej|núm|pág|vs)|\b[A-Z])\.$",
    re.I,
)
_CELL_LINE = re.compile(r"^[^\s:\u2014][^:.!?\u2014]{0,60}: \S")  # "Heading: value", one cell a line
# "Item — Heading: value; Heading: value", the item may be missing; no sentence ends before the second heading.
_ROW_LINE = re.compile(r" \u2014 [^:]{1,60}: \S|^[^:.!?]{1,60}: (?:(?![.!?] )[^;])+; [^:;.!?]{1,60}: \S")
_LIST_MARK = re.compile(r"^\s*(?:[-*•\u2013]|\d{1,2}[.)])\s+")
_MARKUP = re.compile(r"[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}")
_WRAPPED_LINE = 50  # characters
_LONGEST_ROW = 380  # characters: a row is quoted whole, so it must fit into a reply
_SHORTEST_SENTENCE = 25  # characters: "No." and "Laundry." say nothing without the sentence after them


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One sentence or row that can be quoted by itself."""

    text: str
    context: str  # headings and, in a list of questions and answers, the question above
    found: FoundPassage
    rank: int  # of its passage in the search result, from 0
    place: int  # order within the passage
    is_row: bool = False  # stands on a line of its own: a list item or a table row
    is_record: bool = False  # a table row: what stands in its neighbours is not said of it

    @property
    def in_context(self) -> str:
        """What is embedded: the nearest heading, then the sentence."""
        return f"{self.context}: {self.text}" if self.context else self.text


def cut(passages: Sequence[FoundPassage]) -> list[Unit]:
    """Give the quotable pieces of all passages, best passage first, in reading order within each."""
    return [unit for rank, found in enumerate(passages) for unit in _cut_passage(found, rank)]


def _cut_passage(found: FoundPassage, rank: int) -> list[Unit]:
    heading = found.passage.headings[-1] if found.passage.headings else found.passage.title
    units: list[Unit] = []
    seen: set[str] = set()
    for block in re.split(r"\n\s*\n", found.passage.text):
        above = heading
        for text, is_row in _pieces(block):
            if not is_row and text.rstrip("*_ ").endswith("?"):
                above = text  # a question of the business's own is the heading of its answer, never an answer
                continue
            if _is_heading(text, found) or text in seen:
                continue
            seen.add(text)
            units.append(
                Unit(
                    text=text,
                    context=above,
                    found=found,
                    rank=rank,
                    place=len(units),
                    is_row=is_row,
                    is_record=is_row and _is_record(text),
                )
            )
    return units


def _pieces(block: str) -> list[tuple[str, bool]]:
    lines = [line.strip() for line in block.splitlines() if line.strip()]
    if not lines:
        return []
    if len(lines) > 1 and all(_CELL_LINE.match(line) and not _LIST_MARK.match(line) for line in lines):
        row = "; ".join(_clean(line).rstrip(";") for line in lines)
        return [(row, True)] if len(row) <= _LONGEST_ROW else [(_clean(line), True) for line in lines]
    pieces: list[tuple[str, bool]] = []
    for line in _joined(lines):
        if _LIST_MARK.match(line) or _ROW_LINE.search(line):
            pieces.append((_clean(_LIST_MARK.sub("", line)), True))
        else:
            pieces += [(sentence, False) for sentence in _led(sentences(_clean(line)))]
    return pieces


def _led(parts: Sequence[str]) -> list[str]:
    """Put a very short sentence ("No.", "Laundry.") before the one that follows it; questions stay by themselves."""
    led: list[str] = []
    for part in parts:
        if led and len(led[-1]) < _SHORTEST_SENTENCE and not led[-1].endswith("?") and not part.endswith("?"):
            led[-1] = f"{led[-1]} {part}"
        else:
            led.append(part)
    return led


def _joined(lines: Sequence[str]) -> list[str]:
    """Undo line wraps: after an unfinished line, lower case or a long line before tells that it goes on."""
    joined: list[str] = []
    for line in lines:
        wrapped = joined and not _starts_anew(line, joined[-1]) and not re.search(r"[.!?:;]\W*$", joined[-1])
        if wrapped and (line[0].islower() or len(joined[-1]) > _WRAPPED_LINE):
            joined[-1] = f"{joined[-1]} {line}"
        else:
            joined.append(line)
    return joined


def _is_record(text: str) -> bool:
    return bool(_ROW_LINE.search(text) or _CELL_LINE.match(text))


def _starts_anew(line: str, before: str) -> bool:
    return bool(_LIST_MARK.match(line) or _ROW_LINE.search(line) or _ROW_LINE.search(before))


def sentences(text: str) -> list[str]:
    """Give the sentences of a paragraph; an abbreviation does not end one."""
    done: list[str] = []
    for part in _SENTENCE_END.split(text):
        part = part.strip()
        if done and _ABBREVIATION.search(done[-1]):
            done[-1] = f"{done[-1]} {part}"
        elif part:
            done.append(part)
    return done


def _clean(text: str) -> str:
    return re.sub(r"\s+", " ", _MARKUP.sub("", text)).strip()


def _is_heading(text: str, found: FoundPassage) -> bool:
    named = {h.casefold() for h in (*found.passage.headings, found.passage.title)}
    return text.strip("# ").casefold() in named or len(text) < 3
