"""DOCX: paragraphs, headings, lists and tables, content controls and accepted changes included."""

import re
from collections import defaultdict
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from docx import Document
from docx.oxml.ns import qn

from knowledge.formats.blocks import Block, Content, Heading, Line, Paragraph
from knowledge.formats.links import shown_address
from knowledge.formats.tables import table_blocks

_TITLE_LEVEL, _BOLD_LEVEL = 0, 10
_SKIPPED = {qn(name) for name in ("w:del", "w:moveFrom", "w:pPr", "w:rPr", "w:instrText")} | {
    "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
}
_BREAKS = {qn("w:tab"): " ", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}


def read(content: bytes) -> Content:
    """Read the body in order; headers and footers of the pages, notes and comments are left out."""
    document = Document(BytesIO(content))
    return Content(blocks=list(_Walk(document).blocks(document.element.body)), title=document.core_properties.title)


class _Walk:
    """One pass over the body, with the numbers of its lists in hand."""

    def __init__(self, document: Any) -> None:
        self._links = {rid: rel.target_ref for rid, rel in document.part.rels.items() if rel.is_external}
        self._styles = {style.style_id: style for style in document.styles}
        self._numbering = _formats(document)
        self._counts: dict[tuple[str, int], int] = defaultdict(int)

    def blocks(self, parent: Any) -> Iterator[Block]:
        for element in parent:
            if element.tag == qn("w:p"):
                yield from self._paragraph(element)
            elif element.tag == qn("w:tbl"):
                yield from table_blocks(self._rows(element), has_header=_marks_header(element))
            elif element.tag in (qn("w:sdt"), qn("w:sdtContent"), qn("w:ins"), qn("w:moveTo"), qn("w:customXml")):
                yield from self.blocks(element)

    def _paragraph(self, element: Any) -> Iterator[Block]:
        text = self._text(element).strip()
        style = self._styles.get(_value(element, "w:pPr/w:pStyle") or "")
        name = (style.name or "").lower() if style is not None else ""
        if not text or name.startswith(("toc ", "toc heading")):
            return
        level = _heading_level(element, style, name)
        if level is None and _is_bold_line(element, text):
            level = _BOLD_LEVEL
        marker = self._marker(element, style, name)
        if level is not None and (level != _BOLD_LEVEL or not marker):
            yield Heading(text=text, level=level)
        elif marker:
            yield Line(text=f"{marker} {' '.join(text.split())}")
        else:
            lines = [line.strip() for line in text.split("\n") if line.strip()]
            yield from (Line(text=line) for line in lines) if len(lines) > 1 else [Paragraph(text=text)]

    def _text(self, element: Any) -> str:
        """Give the words, deletions left out, an address kept that the words of its link do not show."""
        if element.tag in _SKIPPED:
            return ""
        if element.tag == qn("w:t"):
            return element.text or ""
        if element.tag in _BREAKS:
            return _BREAKS[element.tag]
        words = "".join(self._text(child) for child in element)
        if element.tag == qn("w:hyperlink"):
            return words + shown_address(self._links.get(element.get(qn("r:id")), ""), words)
        return words + "\n" if element.tag == qn("w:p") and element.getparent().tag != qn("w:body") else words

    def _rows(self, table: Any) -> list[list[str]]:
        rows: list[list[str]] = []
        for row in table.iter(qn("w:tr")):
            cells: list[str] = []
            for cell in row.iter(qn("w:tc")):
                merged = cell.find(qn("w:tcPr") + "/" + qn("w:vMerge"))
                follows = merged is not None and merged.get(qn("w:val")) != "restart" and rows
                above = rows[-1][len(cells)] if follows and len(cells) < len(rows[-1]) else ""
                cells.append(above or self._text(cell))
                cells.extend([""] * (int(_value(cell, "w:tcPr/w:gridSpan") or 1) - 1))
            rows.append(cells)
        return rows

    def _marker(self, element: Any, style: Any, name: str) -> str:
        """Give `-`, `3.` or nothing: from the paragraph's own numbering, else from its style."""
        numbered = element.find(f"{qn('w:pPr')}/{qn('w:numPr')}")
        source = element if numbered is not None else (style.element if style is not None else element)
        number_id = _value(source, "w:pPr/w:numPr/w:numId")
        depth = int(_value(source, "w:pPr/w:numPr/w:ilvl") or 0)
        if number_id == "0" or (number_id is None and not name.startswith("list ")):
            return ""
        indent = "  " * depth
        key = (number_id or name, depth)
        is_bullet = self._numbering.get(key, "decimal" if name.startswith("list number") else "bullet") == "bullet"
        if is_bullet:
            return f"{indent}-"
        self._counts[key] += 1
        for deeper in [other for other in self._counts if other[0] == key[0] and other[1] > depth]:
            del self._counts[deeper]
        return f"{indent}{self._counts[key]}."


def _formats(document: Any) -> dict[tuple[str, int], str]:
    """Give the format of each level of each list, by the list's number."""
    try:
        numbering = document.part.numbering_part.element
    except (KeyError, NotImplementedError):
        return {}
    abstract = {
        (entry.get(qn("w:abstractNumId")), int(level.get(qn("w:ilvl")))): _value(level, "w:numFmt") or "decimal"
        for entry in numbering.iter(qn("w:abstractNum"))
        for level in entry.iter(qn("w:lvl"))
    }
    return {
        (entry.get(qn("w:numId")), level): how
        for entry in numbering.iter(qn("w:num"))
        for (number, level), how in abstract.items()
        if number == _value(entry, "w:abstractNumId")
    }


def _value(element: Any, path: str) -> str | None:
    found = element.find("/".join(qn(step) for step in path.split("/")))
    return found.get(qn("w:val")) if found is not None else None


def _heading_level(element: Any, style: Any, name: str) -> int | None:
    """Give the level by the style, by a style it is based on, or by the outline level; Word's names are English."""
    while style is not None:
        if style.name == "Title":
            return _TITLE_LEVEL
        if numbered := re.match(r"heading (\d)", style.name or "", re.I):
            return int(numbered[1])
        outline = _value(style.element, "w:pPr/w:outlineLvl")
        if outline is not None and int(outline) < 9:
            return int(outline) + 1
        style = style.base_style if hasattr(style, "base_style") else None
    outline = _value(element, "w:pPr/w:outlineLvl")
    return int(outline) + 1 if outline is not None and int(outline) < 9 else None


def _is_bold_line(element: Any, text: str) -> bool:
    """Say whether this is a heading made by hand: short, bold throughout, no sentence."""
    if len(text) > 80 or "\n" in text or text.endswith((".", ",", ";", "!")):
        return False
    runs = [run for run in element.iter(qn("w:r")) if "".join(t.text or "" for t in run.iter(qn("w:t"))).strip()]
    bold = [run.find(f"{qn('w:rPr')}/{qn('w:b')}") for run in runs]
    return bool(runs) and all(mark is not None and mark.get(qn("w:val")) not in ("0", "false") for mark in bold)


def _marks_header(table: Any) -> bool | None:
    """Say yes where the first row is marked as heading or bold throughout; None: unknown."""
    row = table.find(qn("w:tr"))
    if row is None:
        return None
    if row.find(f"{qn('w:trPr')}/{qn('w:tblHeader')}") is not None:
        return True
    cells = [cell for cell in row.iter(qn("w:p"))]
    return True if cells and all(_is_bold_line(cell, "x") for cell in cells) else None
