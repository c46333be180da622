"""PDF: lines back to headings, paragraphs, lists and tables, without the headers and footers of the pages."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

import pypdfium2
from pypdfium2.raw import FPDF_ERR_PASSWORD

from knowledge.formats.blocks import Block, Content, clean
from knowledge.formats.pdf_blocks import page_blocks
from knowledge.formats.pdf_lines import PageLine, page_lines
from models.errors import DocumentRejected

MARGIN = 0.12  # of the page's height, at the top and at the bottom: where headers and footers stand
SCAN_CHARACTERS = 5  # a page, on average: less is a stamp or a page number on a picture

_PAGE_NUMBER = re.compile(
    r"^\W*(page|página|pagina|pág\.?|seite|p\.)?\s*\d{1,4}(\s*(/|of|de|von|di|sur)\s*\d{1,4})?\W*$", re.I
)
# What browsers print around a page: the address with "1/3" below, the date with the title above.
_PRINT_MARK = re.compile(r"^(https?|file)://\S+( \d+/\d+)?$|^\d{1,2}[/.]\d{1,2}[/.]\d{2,4},? \d{1,2}:\d{2}\b")
_PROGRAMS_TITLE = re.compile(
    r"^(microsoft \w+ - |untitled|anonymous|document\d*$|\(anonymous\))|\.(docx?|pdf|odt|indd)$", re.I
)


def read(content: bytes) -> Content:
    """Read all pages.

    Raises:
        DocumentRejected: protected with a password, damaged, or pictures of text only.
    """
    pdf = _opened(content)
    pages = [page_lines(pdf[index], index + 1) for index in range(len(pdf))]
    characters = sum(len(line.text) for lines in pages for line in lines)
    if characters < SCAN_CHARACTERS * len(pages):
        raise DocumentRejected(
            "This PDF holds pictures of pages and no text; scan it with text recognition (OCR) first."
        )
    lines = [line for line in _without_margins(pages) if not re.search(r"(\. ?){4,}\s*\d+$", line.text)]
    title = clean(pdf.get_metadata_value("Title") or "")
    blocks: list[Block] = list(page_blocks(lines))
    return Content(blocks=blocks, title=None if _PROGRAMS_TITLE.search(title) else title)


def _opened(content: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == FPDF_ERR_PASSWORD:
            raise DocumentRejected(
                "The PDF is protected with a password; save it without one and upload it again."
            ) from error
        raise DocumentRejected("The PDF is damaged; save it again and upload it once more.") from error


def _without_margins(pages: Sequence[Sequence[PageLine]]) -> Iterator[PageLine]:
    """Drop what stands at the edge of most pages in the same size, its numbers aside, and page numbers."""
    seen: dict[tuple[str, float], set[int]] = defaultdict(set)
    for lines in pages:
        for line in filter(_at_edge, lines):
            seen[_likeness(line)].add(line.page)
    needed = max(2, 0.4 * len(pages))  # not half: left and right pages may differ
    repeated = {likeness for likeness, where in seen.items() if len(where) >= needed}
    for lines in pages:
        for line in lines:
            is_margin = _likeness(line) in repeated or _PAGE_NUMBER.match(line.text) or _PRINT_MARK.match(line.text)
            if not (_at_edge(line) and is_margin):
                yield line


def _at_edge(line: PageLine) -> bool:
    return line.bottom > (1 - MARGIN) * line.height or line.top < MARGIN * line.height


def _likeness(line: PageLine) -> tuple[str, float]:
    return re.sub(r"\d+", "#", line.text.lower()), line.size
