"""From the lines of a PDF to blocks: what is a heading, a table, a list item, and where a paragraph ends."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from knowledge.formats.blocks import HEADING_CHARACTERS, Block, Heading, Line, Paragraph, clean
from knowledge.formats.pdf_lines import PageLine
from knowledge.formats.pdf_tables import columns_in_turn, table_at
from knowledge.formats.tables import table_blocks

LARGER = 1.12  # of the body's size: a heading
_NUMBERED = re.compile(r"^(\d+(?:\.\d+)*)\.?\s+[^\W\d_]")
_ITEM = re.compile(r"^([•◦▪●‣·*\u2013■□➢✓\ue000-\uf8ff-]|o(?= [A-Z])|\d{1,2}[.)]|[a-z]\))\s+(?=\S)")
_BULLET = re.compile(r"^[•◦▪●‣·*\u2013■□➢✓\ue000-\uf8ff]|^o(?= [A-Z])")
_ENDS = (".", "!", "?", ":", ";", "…")


@dataclass(frozen=True, slots=True)
class Layout:
    """How this document is set."""

    size: float  # of the body
    bold: bool  # whether the body is
    pitch: float  # from one line's top to the next in a paragraph, points
    words: frozenset[str]  # all that stand whole in a line, to tell hyphens from hyphenation


def page_blocks(lines: Sequence[PageLine]) -> Iterator[Block]:
    """Give the blocks of all pages in reading order."""
    lines = columns_in_turn(lines)
    layout = _layout(lines)
    levels = _levels([line for place, line in enumerate(lines) if _is_heading(lines, place, layout)])
    place = 0
    while place < len(lines):
        table, after = table_at(lines, place)
        if table:
            blocks = table_blocks(table, has_header=True if _bold_first(lines, place) else None)
            yield from (replace(block, page=lines[place].page) for block in blocks)
        elif _is_heading(lines, place, layout):
            after = _end_of_heading(lines, place, layout)
            text = " ".join(line.text for line in lines[place:after])
            yield Heading(text=text, level=_level(lines[place], levels), page=lines[place].page)
        else:
            after = _end_of_paragraph(lines, place, layout)
            yield _paragraph(lines[place:after], layout)
        place = after


def _layout(lines: Sequence[PageLine]) -> Layout:
    styles: Counter[tuple[float, bool]] = Counter()
    for line in lines:
        styles[line.size, line.bold] += len(line.text)
    size, bold = styles.most_common(1)[0][0]
    steps = Counter(
        round(before.top - line.top, 1)
        for before, line in pairwise(lines)
        if before.page == line.page and before.size == line.size == size and 0 < before.top - line.top < 2.2 * size
    )
    # The closest of the usual steps: gaps between short paragraphs may be more frequent than wrapped lines.
    usual = [step for step, count in steps.items() if count >= 0.2 * max(steps.values())]
    words = frozenset(word.lower() for line in lines for word in re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", line.text))
    return Layout(size, bold, min(usual, default=1.2 * size), words)


def _is_heading(lines: Sequence[PageLine], place: int, layout: Layout) -> bool:
    line = lines[place]
    text = line.text
    if len(line.cells) > 1 or len(text) > HEADING_CHARACTERS or not re.search(r"[^\W\d_]{2}", text):
        return False
    if line.size >= LARGER * layout.size:
        return not (text.endswith(".") and len(text) > 70)
    if line.size < 0.95 * layout.size or text.endswith((".", ",", ";")) or len(text) > 90 or _BULLET.match(text):
        return False
    apart = place == 0 or _gap(lines[place - 1], line) > 1.3 * layout.pitch
    if line.bold and not layout.bold:
        return apart or _is_heading(lines, place - 1, layout)
    section = _NUMBERED.match(text)
    return apart and (text.isupper() or bool(section and "." in section[1]))


def _gap(before: PageLine, line: PageLine) -> float:
    """Give the step down from line to line, points; a new page counts as a wide one."""
    return before.top - line.top if before.page == line.page and before.top > line.top else 1000.0


def _levels(headings: Sequence[PageLine]) -> dict[tuple[float, bool], int]:
    styles = sorted({(line.size, line.bold) for line in headings}, key=lambda style: (-style[0], not style[1]))
    return {style: 10 * rank for rank, style in enumerate(styles, start=1)}


def _level(line: PageLine, levels: dict[tuple[float, bool], int]) -> int:
    """Give the rank of the style, and within one style the depth of the number: 3.2 lies under 3."""
    number = _NUMBERED.match(line.text)
    return levels[line.size, line.bold] + (number[1].count(".") if number else 0)


def _end_of_heading(lines: Sequence[PageLine], place: int, layout: Layout) -> int:
    """Take in the following lines of a heading that is wrapped."""
    first, end = lines[place], place + 1
    while (
        end < len(lines)
        and (lines[end].size, lines[end].bold, lines[end].page) == (first.size, first.bold, first.page)
        and _is_heading(lines, end, layout)
        and _gap(lines[end - 1], lines[end]) < 1.45 * first.size
        and not _NUMBERED.match(lines[end].text)
        and end - place < 3
    ):
        end += 1
    return end


def _end_of_paragraph(lines: Sequence[PageLine], place: int, layout: Layout) -> int:
    end = place + 1
    while end < len(lines) and _continues(lines, place, end, layout):
        end += 1
    return end


def _continues(lines: Sequence[PageLine], start: int, place: int, layout: Layout) -> bool:
    """Say whether the line goes on with the paragraph that began at `start`."""
    before, line = lines[place - 1], lines[place]
    if _ITEM.match(line.text) or abs(before.size - line.size) > 0.6 or _is_heading(lines, place, layout):
        return False
    if len(line.cells) > 1 and table_at(lines, place)[0]:
        return False
    if before.page != line.page or line.top > before.top:  # the next page or column
        return not before.text.endswith(_ENDS) and (line.text[:1].islower() or before.text.endswith(("-", ",")))
    if _gap(before, line) > 1.3 * max(layout.pitch, 1.1 * line.size):
        return False
    width = max(other.right for other in lines[start : place + 1]) - lines[start].left
    page_right = max(other.right for other in lines if other.page == line.page and other.left <= line.right)
    first_word = len(line.text.split()[0]) * 0.5 * line.size
    was_ended_early = before.right + first_word < page_right - 0.04 * width - 2 * line.size
    return not (was_ended_early and (before.text.endswith(_ENDS) or line.text[:1].isupper() or line.text[:1].isdigit()))


def _paragraph(lines: Sequence[PageLine], layout: Layout) -> Block:
    text = lines[0].text
    for line in lines[1:]:
        text = _dehyphenated(text, line.text, layout.words)
    if _ITEM.match(text):
        return Line(text=clean(_BULLET.sub("-", text)), page=lines[0].page)
    return Paragraph(text=clean(text), page=lines[0].page)


def _dehyphenated(text: str, following: str, words: frozenset[str]) -> str:
    """Join two lines; a hyphen at the end goes unless the document writes the word with it elsewhere."""
    left = re.search(r"([^\W\d_]{2,})[-\u00ad\u2010]$", text)
    right = re.match(r"[^\W\d_]+", following)
    if not left or not right or not following[0].islower():
        return text + ("" if re.search(r"\w-$", text) else " ") + following
    whole, hyphened = (left[1] + right[0]).lower(), f"{left[1]}-{right[0]}".lower()
    keep = hyphened in words and whole not in words
    return (text[:-1] + "-" if keep else text[:-1]) + following


def _bold_first(lines: Sequence[PageLine], place: int) -> bool:
    return lines[place].bold and place + 1 < len(lines) and not lines[place + 1].bold
