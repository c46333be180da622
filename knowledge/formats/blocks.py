"""What every format is read into (headings, paragraphs, lines) and how a document is made of it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import PurePath

from models.errors import DocumentRejected
from models.passage import ExtractedDocument, Section

HEADING_CHARACTERS = 150  # a longer one is a sentence that somebody has made large
TITLE_CHARACTERS = 120
QUESTION_LEVEL = 99  # under any other heading

_LIGATURES = {"\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl"}
_SPACES = dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u200a\u202f\t\x0b\x0c", " ")
_NOTHING = dict.fromkeys("\u00ad\u200b\u200c\u2060\ufeff\ufffd", "")
_CHARACTERS = str.maketrans(_LIGATURES | _SPACES | _NOTHING)
# NUL is refused by PostgreSQL, half a surrogate pair by UTF-8; private-use characters are glyphs of symbol fonts.
_UNWANTED = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ue000-\uf8ff]")
QUESTION_AND_ANSWER = re.compile(
    r"\A(?:Q|P|Question|Pregunta)[.:]\s*(.{3,140}?\?)\s+(?:A|R|Answer|Respuesta)[.:]\s+(.+)\Z", re.S
)
_EMPTY_HEADINGS = {"contents", "table of contents", "índice", "contenido", "sommaire", "inhalt", "inhaltsverzeichnis"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """Opens a section; a lower level lies further out."""

    text: str
    level: int
    page: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """Running text, its line wraps joined."""

    text: str
    page: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A list item or a table row: stays a line of its own, next to its neighbours."""

    text: str
    page: int | None = None


Block = Heading | Paragraph | Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A file as its format tells it."""

    blocks: Sequence[Block]
    title: str | None = None  # from the file's own properties


def clean(text: str) -> str:
    """Give the text without what no reader sees or no store takes; newlines stay."""
    text = _UNWANTED.sub("", text.replace("\r\n", "\n").replace("\r", "\n").translate(_CHARACTERS))
    return "\n".join(re.sub(r"(?<=\S) {2,}", " ", line).rstrip() for line in text.split("\n")).strip("\n")


def one_line(text: str) -> str:
    """Give the text cleaned and without line breaks."""
    return " ".join(clean(text).split())


def assemble(content: Content, name: str) -> ExtractedDocument:
    """Make the document: sections under their path of headings, and a title.

    Raises:
        DocumentRejected: there is no text in it.
    """
    blocks = [block for raw in content.blocks for block in _answered(_cleaned(raw)) if block.text.strip()]
    top = _only_top_heading(blocks)
    title = top.text if top else one_line(content.title or "") or readable(name)
    sections = tuple(_sections(_no_lost_headings(block for block in blocks if block is not top)))
    if not sections:
        raise DocumentRejected("The file holds no text that could be read.")
    return ExtractedDocument(title=title[:TITLE_CHARACTERS], sections=sections)


def readable(name: str) -> str:
    """Make a title of a file's name: `return_policy-2026.pdf` gives `Return policy 2026`."""
    stem = re.sub(r"[\s_\-]+", " ", PurePath(one_line(name).replace("\\", "/")).stem).strip()
    return (stem[:1].upper() + stem[1:]) or "Document"


def _cleaned(block: Block) -> Block:
    text = one_line(block.text).rstrip(":") if isinstance(block, Heading) else clean(block.text)
    if isinstance(block, Heading) and len(text) > HEADING_CHARACTERS:
        return Paragraph(text=text, page=block.page)
    return replace(block, text=text)


def _answered(block: Block) -> Iterator[Block]:
    """Make the question of "Q: …? A: …" the heading of its answer, under whatever is open."""
    pair = QUESTION_AND_ANSWER.match(block.text) if isinstance(block, Paragraph) else None
    if pair:
        yield Heading(text=pair[1], level=QUESTION_LEVEL, page=block.page)
        yield Paragraph(text=pair[2], page=block.page)
    else:
        yield block


def _only_top_heading(blocks: Sequence[Block]) -> Heading | None:
    """Give the heading that names the whole document: the outermost, if it stands alone and before the others."""
    headings = [block for block in blocks if isinstance(block, Heading)]
    outermost = [heading for heading in headings if heading.level == min(h.level for h in headings)]
    if len(outermost) != 1 or outermost[0] is not headings[0] or outermost[0].level == QUESTION_LEVEL:
        return None
    before = sum(len(block.text) for block in blocks[: blocks.index(outermost[0])])
    return outermost[0] if before < TITLE_CHARACTERS else None  # a date or the name of the shop may stand above it


def _no_lost_headings(blocks: Iterable[Block]) -> Iterator[Block]:
    """Turn a heading with nothing under it into text: "Closed on 1 May" in large letters is still a fact."""
    waiting: Heading | None = None
    for block in blocks:
        if waiting:
            followed = not isinstance(block, Heading) or block.level > waiting.level
            yield from [waiting] if followed else _as_text(waiting)
        waiting = block if isinstance(block, Heading) else None
        if not waiting:
            yield block
    if waiting:
        yield from _as_text(waiting)


def _as_text(heading: Heading) -> Iterator[Block]:
    if heading.text.lower() not in _EMPTY_HEADINGS:
        # An empty heading closes the sections that its level would have closed.
        yield Heading(text="", level=heading.level, page=heading.page)
        yield Paragraph(text=heading.text, page=heading.page)


def _sections(blocks: Iterable[Block]) -> Iterator[Section]:
    """Give one section for each stretch of text under the same headings on the same page."""
    for (headings, page), stretch in groupby(_placed(blocks), key=lambda placed: placed[:2]):
        yield Section(text=_joined([block for _, _, block in stretch]), headings=headings, page=page)


def _placed(blocks: Iterable[Block]) -> Iterator[tuple[tuple[str, ...], int | None, Block]]:
    open_headings: list[Heading] = []
    for block in blocks:
        if isinstance(block, Heading):
            open_headings = [heading for heading in open_headings if heading.level < block.level]
            open_headings.append(block)
        else:
            yield tuple(heading.text for heading in open_headings if heading.text), block.page, block


def _joined(blocks: Sequence[Block]) -> str:
    """Join lines by a line break, all else by a blank line."""
    text = blocks[0].text
    for before, block in pairwise(blocks):
        both_lines = isinstance(before, Line) and isinstance(block, Line)
        text += ("\n" if both_lines else "\n\n") + block.text
    return text
