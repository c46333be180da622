"""Table rows as a customer can read them: `Espresso cup — Price: €12; Colour: white`. Each row keeps its headings."""

import re
from collections.abc import Iterator, Sequence

from knowledge.formats.blocks import QUESTION_LEVEL, Block, Heading, Line, Paragraph, one_line

Rows = Sequence[Sequence[str]]

_UNITS = "eur|usd|gbp|chf|mxn|ars|cop|clp|pen|brl|kg|g|mg|l|ml|cm|mm|m|km|days|hours|minutes|min|pct|percent"
_UNIT = re.compile(rf"^(.+)[_ ]({_UNITS})$", re.I)
_CODE = re.compile(r"^\S*\d\S*$")  # an article number: one word with a digit in it


def table_blocks(rows: Rows, *, has_header: bool | None = None, questions_as_headings: bool = False) -> Iterator[Block]:
    """Give one line a row, with the headings of its columns.

    Args:
        has_header: whether the first row names the columns; None: told by its looks.
        questions_as_headings: a column of questions becomes headings; for files that are nothing but this table.
    """
    full = [row for row in ([one_line(cell) for cell in row] for row in rows) if any(row)]
    if not full:
        return
    width = max(len(row) for row in full)
    table = [[*row, *[""] * (width - len(row))] for row in full]
    if has_header is None:
        has_header = looks_like_header(table)
    header, body = (_names(table[0]), table[1:]) if has_header and len(table) > 1 else ([""] * width, table)
    subject = _subject_column(body)
    if questions_as_headings and subject is not None and _are_questions([row[subject] for row in body]):
        yield from _questions(header, body, subject)
    else:
        yield from (Line(text=text) for text in _lines(header, body, subject))


def looks_like_header(table: Rows) -> bool:
    """Say whether the first row names the columns: all filled, all different, no numbers, and rows below."""
    first = table[0]
    named = all(cell and len(cell) <= 60 and not re.match(r"^[\W\d]", cell) for cell in first)
    if len(table) < 2 or len(first) < 2 or not named or len(set(first)) < len(first):
        return False
    if sum(bool(re.search(r"\d", cell)) for cell in first) > len(first) / 2:
        return False
    # Two columns without a digit anywhere are more often "name, value" all the way down, unless the text is longer.
    return len(first) > 2 or any(re.search(r"\d", row[1]) or len(row[1]) > 2 * len(first[1]) for row in table[1:])


def _names(header: Sequence[str]) -> list[str]:
    return [_humanised(cell) for cell in header]


def _humanised(name: str) -> str:
    """Make `price_eur` read `Price (EUR)`."""
    if "_" not in name and not name.islower():
        return name.rstrip(":")
    unit = _UNIT.match(name)
    words = (unit[1] if unit else name).replace("_", " ").strip()
    shown = "" if not unit else f" ({unit[2].upper() if len(unit[2]) == 3 and unit[2] != 'min' else unit[2]})"
    return words[:1].upper() + words[1:].rstrip(":") + shown


def _subject_column(body: Rows) -> int | None:
    """Give the column that says what each row is about: the first with different, worded values."""
    for column in range(min(4, len(body[0]) - 1 if body else 0)):
        values = [row[column] for row in body if sum(map(bool, row)) > 1]
        worded = [value for value in values if re.search(r"[^\W\d_]{2}", value) and not _CODE.match(value)]
        if values and len(worded) >= 0.8 * len(values) and len(set(worded)) >= 0.8 * len(worded):
            return column
    return None


def _lines(header: Sequence[str], body: Rows, subject: int | None) -> Iterator[str]:
    """Give the rows; one with its first cell alone names the group of those below it."""
    group = ""
    for place, row in enumerate(body):
        alone = bool(row[0]) and not any(row[1:]) and len(row) > 1
        if alone and place + 1 < len(body) and len(row[0]) <= 60:
            group = row[0].rstrip(":")
        else:
            text = row[0] if alone else _row_line(header, row, subject)
            yield f"{group}: {text}" if group and not alone else text


def _row_line(header: Sequence[str], row: Sequence[str], subject: int | None) -> str:
    rest = _cells(header, row, subject)
    if subject is None or not row[subject]:
        return rest
    if not rest:
        return row[subject]
    return f"{row[subject]}{' — ' if any(header) else ': '}{rest}"


def _cells(header: Sequence[str], row: Sequence[str], subject: int | None) -> str:
    text = ""
    for column, value in enumerate(row):
        if not value or column == subject:
            continue
        joint = "" if not text else " " if text[-1] in ".!?" else "; "
        text += joint + (f"{header[column]}: {value}" if header[column] else value)
    return text


def _are_questions(values: Sequence[str]) -> bool:
    return sum(value.endswith("?") for value in values) > len(values) / 2


def _questions(header: Sequence[str], body: Rows, subject: int) -> Iterator[Block]:
    for row in body:
        others = [value for column, value in enumerate(row) if value and column != subject]
        yield Heading(text=row[subject], level=QUESTION_LEVEL)
        yield Paragraph(text=others[0] if len(others) == 1 else _cells(header, row, subject))
