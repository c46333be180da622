"""A PDF of headings, paragraphs and bullets in Helvetica: enough for a booklet, small enough to read.

Texts must fit Windows-1252 (PDF's WinAnsiEncoding), which holds the letters of English and Spanish and the euro sign.
The bytes depend on nothing but the text, so that a document that did not change does not change in git.
Source: ISO 32000-1, sections 7.5 (file structure) and 9.6.2.2 (the standard fonts, which need no embedding).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

PAGE_WIDTH, PAGE_HEIGHT = 420, 595  # A5 in points
MARGIN = 48
# Advance widths of Helvetica for the characters 32 to 126, in thousandths of the font size (Adobe's Core 14 metrics)
WIDTHS = (
    "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 "
    "556 556 278 278 584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 "
    "667 778 722 667 611 722 667 944 667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 "
    "556 222 222 500 222 833 556 556 556 556 333 500 278 556 500 722 500 500 500 334 260 334 584"
)
WIDTH_OF = dict(enumerate(map(int, WIDTHS.split()), start=32))
BOLD_FACTOR = 1.07  # Helvetica-Bold is never wider than this for running text; a line may end a little early


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How one kind of block is set; sizes in points."""

    font: str  # "F1" regular, "F2" bold
    size: float
    before: float  # space above
    indent: float = 0


STYLES = {
    "title": Style(font="F2", size=20, before=0),
    "heading": Style(font="F2", size=14, before=16),
    "subheading": Style(font="F2", size=11.5, before=11),
    "paragraph": Style(font="F1", size=10, before=6),
    "bullet": Style(font="F1", size=10, before=3, indent=12),
}


@dataclass(slots=True)
class Pages:
    """The pages being set, and how far down the last one is written."""

    contents: list[list[str]] = field(default_factory=lambda: [[]])
    y: float = PAGE_HEIGHT - MARGIN

    def turn(self) -> None:
        self.contents.append([])
        self.y = PAGE_HEIGHT - MARGIN

    def put(self, text: str, style: Style, x: float) -> None:
        self.contents[-1].append(f"BT /{style.font} {style.size} Tf {x:.1f} {self.y:.1f} Td ({_escaped(text)}) Tj ET")


def write_pdf(title: str, blocks: list[tuple[str, str]], running_head: str) -> bytes:
    """Set blocks of (kind of STYLES, text) on A5 pages with a running head and a page number."""
    pages = Pages()
    for kind, text in blocks:
        _set_block(pages, kind, text)
    for number, page in enumerate(pages.contents, start=1):
        page.append(_small(running_head, PAGE_HEIGHT - 28))
        page.append(_small(str(number), 24))
    return _assemble(title, ["\n".join(page).encode("cp1252") for page in pages.contents])


def _set_block(pages: Pages, kind: str, text: str) -> None:
    style = STYLES[kind]
    leading = style.size * 1.35
    is_heading = kind.endswith("heading")
    lines = list(_lines(text, style))
    # A heading keeps two lines of its text beneath it on the page
    needed = style.before + leading * (len(lines) + 2 if is_heading else 1)
    if pages.y - needed < MARGIN:
        pages.turn()
    pages.y -= style.before
    for number, line in enumerate(lines):
        if pages.y - leading < MARGIN:
            pages.turn()
        pages.y -= leading
        if kind == "bullet" and number == 0:
            pages.put("\u2022", style, MARGIN)
        pages.put(line, style, MARGIN + style.indent)


def _lines(text: str, style: Style) -> Iterator[str]:
    """Break a text into lines that fit between the margins."""
    room = PAGE_WIDTH - 2 * MARGIN - style.indent
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and _width(longer, style) > room:
            yield line
            longer = word
        line = longer
    yield line


def _width(text: str, style: Style) -> float:
    factor = BOLD_FACTOR if style.font == "F2" else 1
    return sum(WIDTH_OF.get(ord(letter), 556) for letter in text) * style.size / 1000 * factor


def _small(text: str, y: float) -> str:
    return f"BT /F1 8 Tf {MARGIN} {y} Td ({_escaped(text)}) Tj ET"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _assemble(title: str, contents: list[bytes]) -> bytes:
    """Objects 1 to 5 are catalogue, pages, fonts and information; then a page and its content, in turn."""
    kids = " ".join(f"{6 + 2 * place} 0 R" for place in range(len(contents)))
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /{} /Encoding /WinAnsiEncoding >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(contents)} >>".encode(),
        font.format("Helvetica").encode(),
        font.format("Helvetica-Bold").encode(),
        b"<< /Title (" + _escaped(title).encode("cp1252") + b") >>",
    ]
    for place, content in enumerate(contents):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {PAGE_WIDTH} {PAGE_HEIGHT}] /Contents {7 + 2 * place} 0 R "
            "/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>".encode()
        )
        objects.append(f"<< /Length {len(content)} >>\nstream\n".encode() + content + b"\nendstream")
    return _file(objects)


def _file(objects: list[bytes]) -> bytes:
    body = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    tail = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R /Info 5 0 R >>\n"
    return body + f"{tail}startxref\n{len(body)}\n%%EOF\n".encode()
