"""A document cut into passages small enough to be embedded whole, along its own structure.

First the headings, then paragraphs, lists and tables, then sentences. A table row or a list item is never cut while it
fits into one passage; the line that introduces a list comes again with each part of it, since "we do not take back:"
changes the meaning of all that follows.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from uuid import UUID

from models.passage import ExtractedDocument, Passage, Section

SPLITTER_VERSION = "1"  # part of the collection's name: a change of the rules below needs a new one
MIN_TOKENS = 32
# A word of any length may be one token (base64, Thai, an unknown script): what keeps a passage needs a bound in bytes.
MOST_BYTES = 4096  # of a passage's context, in UTF-8; 180 tokens of running text take some 1,000

_LINE = re.compile(r"^\s*(-|\d{1,3}\.)\s|.+ — .+: ")
_SENTENCE_END = re.compile(r"(?<=[.!?…。\uff01\uff1f])[\"'»”\u2019)\]]*\s+(?=[\"'«“\u2018(\[¿¡]*[^\W_a-z])")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:[A-Z]|e\.g|i\.e|etc|vs|approx|aprox|no|nos|núm|nº|mr|mrs|ms|dr|dra|sr|sra|st|tel|art|p\.ej|p|pág|"
    r"max|min|máx|mín|ud|uds|av|avda|inc|ltd|co|fig|ext)\.$",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """The smallest unit that stays whole, and how it is joined to what stands before it."""

    text: str
    joint: str  # " " inside a paragraph, a line break inside a list, a blank line between blocks
    lead: str = ""  # the line that introduces the list it belongs to
    page: int | None = None


def split(
    document: ExtractedDocument, *, document_id: UUID, count_tokens: Callable[[str], int], max_tokens: int = 180
) -> list[Passage]:
    """Cut the document into passages, in reading order; the same document gives the same passages and ids.

    Costs one or two calls of `count_tokens` a sentence: half a second for 60 pages, so call it off the event loop.

    Args:
        count_tokens: of the embedding model; it counts what is embedded, `Passage.context`.
        max_tokens: of a passage's context, its path of headings included; at least 32. It has no more than
            4,096 bytes either.
    """
    if max_tokens < MIN_TOKENS:
        raise ValueError(f"max_tokens must be at least {MIN_TOKENS}")
    passages: list[Passage] = []
    for headings, sections in groupby(document.sections, key=lambda section: section.headings):
        blank = Passage(id="", document_id=document_id, title=document.title, ordinal=0, text="", headings=headings)
        cutter = _Cutter(count_tokens, max_tokens, blank)
        passages += cutter.passages(list(sections))
    return [
        replace(passage, ordinal=ordinal, id=f"{document_id}:{ordinal:05d}") for ordinal, passage in enumerate(passages)
    ]


class _Cutter:
    """Fills passages under one path of headings."""

    def __init__(self, count_tokens: Callable[[str], int], max_tokens: int, blank: Passage) -> None:
        self._count = count_tokens
        self._most = max_tokens
        self._blank = self._with_short_path(blank)

    def passages(self, sections: Sequence[Section]) -> Iterator[Passage]:
        """Give the passages of sections that follow each other under the same headings."""
        text, page = "", None
        for group in _groups(sections):
            whole = _join(group)
            if self._fits(_appended(text, whole, "\n\n")):
                pieces = [Piece(whole, "\n\n", page=group[0].page)]
            else:
                pieces = [part for piece in group for part in self._parts(piece)]
                if self._fits(whole):  # better a new passage than a paragraph in two
                    pieces = [Piece(whole, "", page=group[0].page)]
            for piece in pieces:
                longer = _appended(text, piece.text, piece.joint)
                if text and not self._fits(longer):
                    yield replace(self._blank, text=text, page=page)
                    text = ""
                    longer = self._led(piece)
                page = page if text else piece.page
                text = longer
        if text:
            yield replace(self._blank, text=text, page=page)

    def _fits(self, text: str) -> bool:
        context = replace(self._blank, text=text).context
        return len(context.encode()) <= MOST_BYTES and self._count(context) <= self._most

    def _with_short_path(self, blank: Passage) -> Passage:
        """Drop outer headings, then the innermost, while the path takes more than half of a passage."""

        def is_long(path: str) -> bool:
            return len(path.encode()) > MOST_BYTES / 2 or self._count(path) > self._most / 2

        while blank.headings and is_long(blank.context):
            blank = replace(blank, headings=blank.headings[1:])
        return blank

    def _led(self, piece: Piece) -> str:
        """Begin a passage with a later item of a list by the line that introduces the list, where both fit."""
        led = f"{piece.lead}\n{piece.text}" if piece.lead else piece.text
        return led if self._fits(led) else piece.text

    def _parts(self, piece: Piece) -> Iterator[Piece]:
        """Cut a piece that no passage can hold: a row between its cells, all else between words."""
        if self._fits(piece.text):
            yield piece
            return
        name = re.match(r"(.{1,80}? — )", piece.text)
        prefix = name[1] if name else ""
        text, joint = prefix, piece.joint
        for word in re.findall(r"[^;]+;?\s*" if prefix else r"\S+\s*", piece.text[len(prefix) :]):
            for part in [word] if self._fits(prefix + word.rstrip()) else self._hard(word, prefix):
                if text != prefix and not self._fits((text + part).rstrip()):
                    yield replace(piece, text=text.rstrip(" ;"), joint=joint)
                    text, joint = prefix, "\n" if prefix else " "
                text += part
        yield replace(piece, text=text.rstrip(), joint=joint)

    def _hard(self, text: str, prefix: str) -> Iterator[str]:
        """Halve what has no better place to be cut, at a space where there is one, until each part fits."""
        if len(text) < 2 or self._fits(prefix + text.rstrip()):
            yield text
            return
        middle = text.rfind(" ", 1, len(text) // 2 + 1) + 1 or len(text) // 2
        yield from self._hard(text[:middle], prefix)
        yield from self._hard(text[middle:], prefix)


def sentences(text: str) -> list[str]:
    """Cut running text after its sentences; abbreviations and initials end none."""
    found: list[str] = []
    start = 0
    for end in _SENTENCE_END.finditer(text):
        if not _ABBREVIATION.search(text[: end.start()][-12:]):
            found.append(text[start : end.end()].strip())
            start = end.end()
    return [*found, text[start:].strip()] if text[start:].strip() else found


def _groups(sections: Sequence[Section]) -> Iterator[list[Piece]]:
    """Give one group of pieces for each paragraph, and for each list together with the line that introduces it."""
    for section in sections:
        lead: Piece | None = None
        for block in filter(str.strip, re.split(r"\n{2,}", section.text)):
            introduced = _pieces(block, section.page, lead.text if lead else "")
            is_list = (len(introduced) > 1 and introduced[1].joint == "\n") or bool(_LINE.match(block))
            if lead and not is_list:
                yield [lead]
                introduced = [replace(piece, lead="") for piece in introduced]
            if not is_list and block.rstrip().endswith(":") and len(introduced) == 1:
                lead = introduced[0]
                continue
            yield [lead, replace(introduced[0], joint="\n"), *introduced[1:]] if lead and is_list else introduced
            lead = None
        if lead:
            yield [lead]


def _pieces(block: str, page: int | None, lead: str) -> list[Piece]:
    lines = [line for line in block.split("\n") if line.strip()]
    if len(lines) > 1 or _LINE.match(block):
        own_lead = lines[0] if not lead and lines[0].rstrip().endswith(":") else lead
        return [
            Piece(line, "\n" if place else "\n\n", own_lead if line != own_lead else "", page)
            for place, line in enumerate(lines)
        ]
    return [Piece(text, " " if place else "\n\n", "", page) for place, text in enumerate(sentences(block))]


def _join(pieces: Sequence[Piece]) -> str:
    text = ""
    for piece in pieces:
        text = _appended(text, piece.text, piece.joint)
    return text


def _appended(text: str, more: str, joint: str) -> str:
    return f"{text}{joint}{more}" if text else more
