"""XLSX: each sheet a section, each row a line."""

import sys
from collections.abc import Iterator
from datetime import date, datetime, time
from io import BytesIO
from itertools import groupby
from typing import Any

sys.modules.setdefault("numpy", None)  # type: ignore[arg-type]  # openpyxl would load it: 0.4 s and 0.5 GB of address space

from openpyxl import load_workbook  # noqa: E402

from knowledge.formats.blocks import Block, Content, Heading, Paragraph  # noqa: E402
from knowledge.formats.tables import table_blocks  # noqa: E402

_UNNAMED = ("sheet", "hoja", "tabelle", "feuil", "foglio", "planilha")
_CURRENCIES = "€$£¥"


def read(content: bytes) -> Content:
    """Read the values as they were last calculated; hidden sheets are left out."""
    book = load_workbook(BytesIO(content), read_only=True, data_only=True, keep_links=False)
    blocks: list[Block] = []
    for sheet in book.worksheets:
        if sheet.sheet_state == "visible":
            if not sheet.title.lower().startswith(_UNNAMED):
                blocks.append(Heading(text=sheet.title, level=1))
            blocks.extend(_sheet(sheet))
    return Content(blocks=blocks, title=book.properties.title)


def _sheet(sheet: Any) -> Iterator[Block]:
    """Give the tables of a sheet, which empty rows part; a row of one cell before a table is its title."""
    sheet.reset_dimensions()  # some programs state a wrong size, which would hide cells
    rows = [[_shown(cell) for cell in row] for row in sheet.iter_rows()]
    for filled, stretch in groupby(rows, key=any):
        table = list(stretch)
        while filled and table and sum(map(bool, table[0])) == 1:
            yield Paragraph(text=next(filter(None, table.pop(0))))
        if filled and table:
            used = [
                column for column in range(max(map(len, table))) if any(column < len(r) and r[column] for r in table)
            ]
            trimmed = [[row[column] if column < len(row) else "" for column in used] for row in table]
            yield from table_blocks(trimmed, questions_as_headings=True)


def _shown(cell: Any) -> str:
    """Give the value as the sheet shows it, as far as it matters to a customer: money, percent, dates, hours."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _number(value, str(cell.number_format or ""))
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}" if value.time() == time() else f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, time):
        return f"{value:%H:%M}"
    return value.isoformat() if isinstance(value, date) else str(value)


def _number(value: float, layout: str) -> str:
    layout = layout.split(";")[0]
    decimals = len(layout.split(".")[1].replace("#", "").rstrip('%€$£ "_-)')) if "." in layout else 0
    if "%" in layout:
        return f"{value * 100:.{decimals}f}%"
    sign = next((sign for sign in _CURRENCIES if sign in layout), "")
    if not sign and "0.0" not in layout:
        return f"{value:.10g}"
    text = f"{value:.{max(decimals, 2) if sign and decimals else min(decimals, 6)}f}"
    if not sign:
        return text
    return f"{text} {sign}" if layout.find(sign) > layout.find("0") else f"{sign}{text}"
