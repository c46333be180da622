"""Which format a file has, told by its content; its name decides only between kinds of plain text."""

import re
from enum import StrEnum
from pathlib import PurePath

from knowledge.formats.archive import members
from knowledge.formats.decode import decode
from models.errors import DocumentRejected


class Format(StrEnum):
    """The value is the module in `knowledge.formats` that reads it."""

    PDF = "pdf"
    DOCX = "word"
    XLSX = "workbook"
    HTML = "html"
    MARKDOWN = "markdown"
    CSV = "delimited"
    TEXT = "plain"


_OLE = (
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # Microsoft's compound file: the Office formats before 2007, and encrypted ones
)
_FOREIGN = {
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"RIFF": "a picture or a recording",
    b"{\\rtf": "an RTF file",
    b"\x1f\x8b": "a compressed archive",
    b"Rar!": "a compressed archive",
    b"7z\xbc\xaf": "a compressed archive",
    b"%!PS": "a PostScript file",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"SQLite format 3": "a database",
}
# Both are linear, whatever a stranger writes: what was matched is not tried in another way (atomic groups, `++`, `*+`).
_HTML = re.compile(
    r"\s*+(?:<\?xml[^>]*+>\s*+)?+(?:(?><!--.*?-->)\s*+)*+<(?:!doctype\s++html|html|head|body)\b", re.I | re.S
)
_MARKDOWN = re.compile(r"^(#{1,6} \S|[-*+] \S|> \S|\|.+\||```|\[[^\]\n]++\]\([^)\n]++\))|\*\*\S", re.M)
_MARKDOWN_HEADING = re.compile(r"^#{1,6} \S", re.M)


def detect(content: bytes, name: str) -> Format:
    """Say how the file is to be read.

    Raises:
        DocumentRejected: empty, protected, or a format that is not read here.
    """
    if not content.strip():
        raise DocumentRejected("The file is empty.")
    if b"%PDF-" in content[:1024]:  # PDF 1.7, appendix H: viewers accept the mark within the first 1,024 bytes
        return Format.PDF
    if content.startswith(b"PK\x03\x04"):
        return _in_archive(content)
    _refuse_foreign(content)
    return _kind_of_text(decode(content), PurePath(name).suffix.lower())


def _in_archive(content: bytes) -> Format:
    names = members(content)
    if "word/document.xml" in names:
        return Format.DOCX
    if "xl/workbook.xml" in names:
        return Format.XLSX
    if "ppt/presentation.xml" in names:
        raise DocumentRejected("This is a presentation; save it as PDF and upload that.")
    if "content.xml" in names and "mimetype" in names:
        raise DocumentRejected("This is an OpenDocument file; save it as PDF or DOCX and upload that.")
    raise DocumentRejected("This is a ZIP archive; upload the documents in it one by one.")


def _refuse_foreign(content: bytes) -> None:
    if content.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in content:
            raise DocumentRejected("The file is protected with a password; save it without one and upload it again.")
        raise DocumentRejected("The file is in an old Office format; save it as DOCX, XLSX or PDF and upload that.")
    for mark, what in _FOREIGN.items():
        if content.startswith(mark):
            raise DocumentRejected(f"This is {what}; upload a PDF, DOCX, XLSX, HTML, Markdown, CSV or text file.")


def _kind_of_text(text: str, suffix: str) -> Format:
    if _HTML.match(text) or (suffix in {".html", ".htm", ".xhtml"} and text.lstrip().startswith("<")):
        return Format.HTML
    if suffix in {".md", ".markdown"}:
        return Format.MARKDOWN
    if suffix in {".csv", ".tsv"}:
        return Format.CSV
    if suffix == ".txt":
        return Format.MARKDOWN if _MARKDOWN_HEADING.search(text) else Format.TEXT
    if _looks_delimited(text):
        return Format.CSV
    return Format.MARKDOWN if len(_MARKDOWN.findall(text)) >= 2 else Format.TEXT


def _looks_delimited(text: str) -> bool:
    """Say whether the first lines have the same delimiter the same number of times."""
    lines = [line for line in text.splitlines()[:20] if line.strip()]
    counts = [{line.count(mark) for line in lines} for mark in ",;\t"]
    return len(lines) >= 2 and any(len(found) == 1 and min(found) >= 1 for found in counts)
