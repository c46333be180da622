"""The samples as plain text, read here without the splitting and the search that answers go through."""

import csv
import re
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import docx
import pypdfium2
import yaml
from selectolax.lexbor import LexborHTMLParser

from knowledge.evaluate import normalised
from knowledge.golden import GoldenQuestion, read_golden

SAMPLES = Path(__file__).parents[3] / "samples"
BUSINESSES = ("faro-y-ruta", "clock-museum")


def questions(business: str) -> tuple[GoldenQuestion, ...]:
    """The golden questions of a business, as the evaluation reads them."""
    return read_golden(SAMPLES / business / "golden.yaml")


def written(business: str) -> list[dict[str, Any]]:
    """The same as they stand in the file, with the fields that the evaluation does not read."""
    return list(yaml.safe_load((SAMPLES / business / "golden.yaml").read_text(encoding="utf-8"))["questions"])


@cache
def documents(business: str) -> dict[str, str]:
    """Every document's normalised text, by file name."""
    return {path.name: normalised(text_of(path)) for path in sorted((SAMPLES / business / "documents").iterdir())}


def text_of(path: Path) -> str:
    """What a person would read in the file."""
    match path.suffix:
        case ".pdf":
            with pypdfium2.PdfDocument(path) as pdf:
                return "\n".join(page.get_textpage().get_text_bounded() for page in pdf)
        case ".docx":
            return _docx_text(path)
        case ".html":
            body = LexborHTMLParser(path.read_text(encoding="utf-8")).body
            assert body is not None
            return body.text(separator=" ")
        case ".csv":
            return _csv_text(path.read_text(encoding="utf-8"))
        case _:
            return path.read_text(encoding="utf-8").replace("**", "")


def mentions(text: str, phrase: str) -> bool:
    """Whether the phrase stands in a normalised text as whole words."""
    return re.search(rf"(?<!\w){re.escape(normalised(phrase))}(?!\w)", text) is not None


def _docx_text(path: Path) -> str:
    document = docx.Document(str(path))
    cells = (cell.text for table in document.tables for row in table.rows for cell in row.cells)
    return "\n".join([*(paragraph.text for paragraph in document.paragraphs), *cells])


def _csv_text(content: str) -> str:
    dialect = csv.Sniffer().sniff(content.splitlines()[0], delimiters=",;")
    return "\n".join(" ".join(row) for row in csv.reader(StringIO(content), delimiter=dialect.delimiter))
