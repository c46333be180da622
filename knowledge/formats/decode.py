"""Bytes to text: by the mark at the front, as UTF-8, and as Windows' Western encoding where that is plausible."""

import codecs

from models.errors import DocumentRejected

_MARKS = [  # UTF-32 before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]
_UNKNOWN = "The file's text encoding is not known; save it as UTF-8 and upload it again."
# Western text has a few accents a line; a third of all characters says that it is another alphabet, misread.
FOREIGN_SHARE = 0.3


def decode(content: bytes) -> str:
    """Give the text of the bytes.

    Raises:
        DocumentRejected: not text, or in an encoding that cannot be told.
    """
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    try:
        text = content.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding:
            raise DocumentRejected(_UNKNOWN) from error
        text = _western(content)
    if _control_characters(text) > len(text) / 1000:
        raise DocumentRejected("The file is not a text document; upload a PDF, DOCX, XLSX, HTML, Markdown or CSV file.")
    return text


def _western(content: bytes) -> str:
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError as error:
        raise DocumentRejected(_UNKNOWN) from error
    foreign = sum(1 for character in text if character > "\x7f")
    if foreign > FOREIGN_SHARE * sum(1 for character in text if not character.isspace()):
        raise DocumentRejected(_UNKNOWN)
    return text


def _control_characters(text: str) -> int:
    return sum(1 for character in text if character < " " and character not in "\t\n\r\x0c\x0b")
