"""The visual lines of a PDF page, from the places of its characters; PDFium is asked through its C interface."""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pypdfium2.raw as pdfium

CELL_GAP = 1.2  # of the font size: a wider gap parts two cells; justified words stay closer
WORD_GAP = 0.2  # of the font size
BOLD_WEIGHT = 600
_HYPHEN = 0x02  # PDFium's mark for a hyphen at a line's end


@dataclass(slots=True, kw_only=True)
class Span:
    """Neighbouring characters in one font."""

    text: str
    left: float
    right: float
    bottom: float
    top: float
    size: float  # points, as shown
    bold: bool


@dataclass(slots=True, kw_only=True)
class PageLine:
    """Spans on one height, gathered into cells that wide gaps part."""

    page: int
    cells: list[Span]
    size: float
    bold: bool
    height: float = field(default=0)  # of the page

    @property
    def text(self) -> str:
        return " ".join(cell.text for cell in self.cells)

    @property
    def left(self) -> float:
        return self.cells[0].left

    @property
    def right(self) -> float:
        return max(cell.right for cell in self.cells)

    @property
    def top(self) -> float:
        return max(cell.top for cell in self.cells)

    @property
    def bottom(self) -> float:
        return min(cell.bottom for cell in self.cells)


def page_lines(page: Any, number: int) -> list[PageLine]:
    """Give the lines of a page from top to bottom; text that stands at an angle, such as a watermark, is left out."""
    text_page = page.get_textpage()
    try:
        spans = [span for span in _spans(text_page.raw) if span.text.strip()]
    finally:
        text_page.close()
    rows: list[list[Span]] = []
    for span in sorted(spans, key=lambda span: (-(span.top + span.bottom), span.left)):
        if rows and _same_row(rows[-1], span):
            rows[-1].append(span)
        else:
            rows.append([span])
    return [_line(sorted(row, key=lambda span: span.left), number, page.get_height()) for row in rows]


def _same_row(row: list[Span], span: Span) -> bool:
    bottom, top = min(s.bottom for s in row), max(s.top for s in row)
    shared = min(top, span.top) - max(bottom, span.bottom)
    return shared > 0.6 * min(top - bottom, span.top - span.bottom)


def _line(row: list[Span], number: int, height: float) -> PageLine:
    longest = max(row, key=lambda span: len(span.text))
    cells = [row[0]]
    for span in row[1:]:
        gap = span.left - cells[-1].right
        if gap > CELL_GAP * longest.size:
            cells.append(span)
        elif not (span.text.strip() == cells[-1].text.strip() and gap < -0.5 * (span.right - span.left)):
            # The same words once more in the same place are a way to print bold.
            cells[-1] = _joined(cells[-1], span, " " if gap > WORD_GAP * longest.size else "")
    for cell in cells:
        cell.text = " ".join(cell.text.split())
    bold = all(span.bold for span in row)
    return PageLine(page=number, cells=cells, size=round(longest.size * 2) / 2, bold=bold, height=height)


def _joined(left: Span, right: Span, joint: str) -> Span:
    return Span(
        text=left.text + joint + right.text,
        left=left.left,
        right=max(left.right, right.right),
        bottom=min(left.bottom, right.bottom),
        top=max(left.top, right.top),
        size=left.size,
        bold=left.bold and right.bold,
    )


def _spans(text_page: Any) -> Iterator[Span]:
    """Cut the characters where the font, the line or the column changes. Two calls a character: 1 s for 300 pages."""
    box = pdfium.FS_RECTF()
    owner: Any = None
    span: Span | None = None
    upright = True
    for index in range(pdfium.FPDFText_CountChars(text_page)):
        code = pdfium.FPDFText_GetUnicode(text_page, index)
        if code in (0, 0xFFFE, 0xFFFF, 10, 13):
            continue
        character = "-" if code == _HYPHEN else chr(code)
        if character.isspace():
            if span:
                span.text += " "
            continue
        pdfium.FPDFText_GetLooseCharBox(text_page, index, box)
        drawn_by = ctypes.cast(pdfium.FPDFText_GetTextObject(text_page, index), ctypes.c_void_p).value
        if span is None or drawn_by != owner or not _continues(span, box):
            if span and upright:
                yield span
            owner = drawn_by
            size, upright = _size_and_angle(text_page, index)
            span = _opened(character, box, size, _is_bold(text_page, index))
        else:
            span.text += character
            span.right = max(span.right, box.right)
    if span and upright:
        yield span


def _opened(character: str, box: Any, size: float, bold: bool) -> Span:
    return Span(text=character, left=box.left, right=box.right, bottom=box.bottom, top=box.top, size=size, bold=bold)


def _continues(span: Span, box: Any) -> bool:
    middle = (box.top + box.bottom) / 2
    return bool(span.bottom < middle < span.top and -span.size < box.left - span.right < CELL_GAP * span.size)


def _size_and_angle(text_page: Any, index: int) -> tuple[float, bool]:
    matrix = pdfium.FS_MATRIX()
    pdfium.FPDFText_GetMatrix(text_page, index, matrix)
    size = pdfium.FPDFText_GetFontSize(text_page, index) * (matrix.c**2 + matrix.d**2) ** 0.5
    return size or 1.0, abs(matrix.b) <= 0.1 * abs(matrix.a)


def _is_bold(text_page: Any, index: int) -> bool:
    """Say so by the font's weight or, where the file does not state it, by its name."""
    if pdfium.FPDFText_GetFontWeight(text_page, index) >= BOLD_WEIGHT:
        return True
    buffer, flags = ctypes.create_string_buffer(128), ctypes.c_int()
    pdfium.FPDFText_GetFontInfo(text_page, index, buffer, 128, flags)
    return any(mark in buffer.value.lower() for mark in (b"bold", b"black", b"heavy"))
