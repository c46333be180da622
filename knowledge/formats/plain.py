"""Plain text: paragraphs by blank lines, headings by how they are set."""

import re
from collections.abc import Iterator

from knowledge.formats.blocks import QUESTION_AND_ANSWER, Block, Content, Heading, Line, Paragraph
from knowledge.formats.decode import decode

WRAPPED_FROM = 55  # characters; a shorter line that ends early was ended on purpose

_UNDERLINE = re.compile(r"^\s*([=\-~_*])\1{2,}\s*$")
_NUMBERED = re.compile(r"^(\d+(?:\.\d+)*)[.)]?\s+[^\W\d_]")
ITEM = re.compile(r"^\s*(?:[-*+•◦▪●‣·\u2013]|\d{1,2}[.)]|[a-z]\))\s+\S")


def read(content: bytes) -> Content:
    """Read paragraphs, list items and headings: underlined, in capitals, or short and numbered."""
    text = decode(content).replace("\r\n", "\n").replace("\r", "\n").replace("\x0c", "\n\n")
    chunks = [chunk.split("\n") for chunk in re.split(r"\n\s*\n", text) if chunk.strip()]
    return Content(blocks=[block for lines in chunks for block in _chunk(lines)])


def _chunk(lines: list[str]) -> Iterator[Block]:
    level = _heading_level(lines)
    if level:
        yield Heading(text=re.sub(r"^[=*\s]+|[=*\s]+$", "", lines[0]), level=level)
        lines = lines[1:]
    lines = [line.strip() for line in lines if not _UNDERLINE.match(line)]
    joined = _unwrapped(lines)
    if QUESTION_AND_ANSWER.match(" ".join(joined)):
        yield Paragraph(text=" ".join(joined))
    elif any(ITEM.match(line) for line in joined) or len(joined) > 1:
        yield from (Line(text=re.sub(r"^[*+•◦▪●‣·\u2013]\s+", "- ", line)) for line in joined)
    elif joined:
        yield Paragraph(text=joined[0])


def _heading_level(lines: list[str]) -> int:
    """Give the level of a heading in the first line, 0 where there is none."""
    first = lines[0].strip()
    if len(lines) > 1 and _UNDERLINE.match(lines[1]) and len(first) <= 80:
        return 1 if "=" in lines[1] else 2
    if len(first) > 70 or first.endswith((".", ",", ";")) or (ITEM.match(first) and len(lines) > 1):
        return 0
    if first.isupper() and len(re.findall(r"[^\W\d_]", first)) >= 3:
        return 2
    numbered = _NUMBERED.match(first)
    return 2 + numbered[1].count(".") if numbered and len(lines) == 1 else 0


def _unwrapped(lines: list[str]) -> list[str]:
    """Join the lines that were only wrapped; addresses, hours and lists keep theirs."""
    joined: list[str] = []
    wrapped = False
    for line in lines:
        if joined and wrapped and not ITEM.match(line):
            joined[-1] += " " + line
        else:
            joined.append(line)
        wrapped = len(line) >= WRAPPED_FROM
    return joined
