"""The samples as plain text, read here independently of `knowledge/`, and facts compared as samples/README.md tells."""

import csv
import re
import unicodedata
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import docx
import pypdfium2
import yaml
from selectolax.lexbor import LexborHTMLParser

SAMPLES = Path(__file__).parents[3] / "samples"
BUSINESSES = ("faro-y-ruta", "clock-museum")


def questions(business: str) -> list[dict[str, Any]]:
    """The golden questions of a business, in the order of the file."""
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


def normalised(text: str) -> str:
    """Capitals, accents, dashes, quotes and spaces made equal."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    bare = re.sub(r"[\u2010-\u2015\u2212]", "-", bare)
    bare = bare.translate({0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"'})
    bare = re.sub(r"\s+", " ", bare)
    bare = re.sub(r" ?- ?", "-", bare)
    return re.sub(r"(?<=\d) (?=[€%](?!\d))|(?<=(?<!\d)€) (?=\d)", "", bare)


def contains(text: str, phrase: str) -> bool:
    """Whether the phrase stands in a normalised text, not as a part of a longer word or number."""
    wanted = re.escape(normalised(phrase))
    return re.search(rf"(?<![\w])(?<!\d[.,:]){wanted}(?!\w)(?![.,:]\d)", text) is not None


def states(text: str, fact: str | dict[str, list[str]]) -> bool:
    """Whether a normalised text holds one alternative of a golden question."""
    return contains(text, fact) if isinstance(fact, str) else all(contains(text, part) for part in fact["all"])


def _docx_text(path: Path) -> str:
    document = docx.Document(str(path))
    cells = (cell.text for table in document.tables for row in table.rows for cell in row.cells)
    return "\n".join([*(paragraph.text for paragraph in document.paragraphs), *cells])


def _csv_text(content: str) -> str:
    dialect = csv.Sniffer().sniff(content.splitlines()[0], delimiters=",;")
    return "\n".join(" ".join(row) for row in csv.reader(StringIO(content), delimiter=dialect.delimiter))
