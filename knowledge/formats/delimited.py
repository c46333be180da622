"""CSV and TSV, whatever the delimiter."""

import csv
from io import StringIO

from knowledge.formats.blocks import Content
from knowledge.formats.decode import decode
from knowledge.formats.tables import table_blocks

FIELD_CHARACTERS = 2**20  # a longer field is an open quote that swallows the file


def read(content: bytes) -> Content:
    """Read one table; its first row names the columns where it looks like it."""
    csv.field_size_limit(FIELD_CHARACTERS)
    text = decode(content)
    rows = list(csv.reader(StringIO(text, newline=""), delimiter=_delimiter(text), skipinitialspace=True))
    rows = [row for row in rows if not (row and row[0].startswith("sep="))]  # Excel's hint to itself
    return Content(blocks=list(table_blocks(rows, has_header=_has_header(rows), questions_as_headings=True)))


def _delimiter(text: str) -> str:
    """Take the mark that cuts most of the first lines into equally many fields; a comma also stands inside text."""
    sample = [line for line in text.splitlines()[:30] if line.strip()]

    def evenness(mark: str) -> tuple[int, int]:
        widths = [len(row) for row in csv.reader(sample, delimiter=mark)]
        usual = max(set(widths), key=widths.count)
        return (widths.count(usual) if usual > 1 else 0, usual)

    return max(",;\t|", key=evenness)


def _has_header(rows: list[list[str]]) -> bool:
    """Say yes unless the first row holds numbers or holes: nearly all such files name their columns."""
    filled = [row for row in rows if any(row)]
    return bool(filled) and all(cell.strip() and not cell.strip()[0].isdigit() for cell in filled[0])
