"""Tables and columns of a PDF, told by where their cells stand: the format itself knows neither."""

from collections.abc import Sequence
from itertools import groupby

from knowledge.formats.pdf_lines import PageLine, Span

ROW_STEP = 4.0  # of the font size: rows further apart are not one table
COLUMN_LINES = 6  # so many lines in two long pieces are two columns of text
COLUMN_CHARACTERS = 24

Interval = tuple[float, float]


def table_at(lines: Sequence[PageLine], place: int) -> tuple[list[list[str]], int]:
    """Give the rows of the table that begins here and the place after it; no rows where there is none."""
    first = lines[place]
    if len(first.cells) < 2:
        return [], place
    columns: list[Interval] = [(cell.left, cell.right) for cell in first.cells]
    rows = [[cell.text for cell in first.cells]]
    step = 0.0  # the widest seen between two rows
    end = place + 1
    while end < len(lines) and _is_near(lines[end - 1], lines[end]):
        found = _columns_of(lines[end].cells, columns)
        if found is None:
            break
        gap = lines[end - 1].top - lines[end].top
        if _is_wrapped(found, gap, step, lines[end].size):
            _append(rows[-1], lines[end].cells, found)
        elif len(found) == 1 and not _row_follows(lines, end, columns):
            break
        else:
            rows.append(_row(lines[end].cells, found, len(columns)))
            step = max(step, gap)
        columns = _widened(columns, lines[end].cells, found)
        end += 1
    return (rows, end) if sum(1 for row in rows if sum(map(bool, row)) > 1) >= 2 else ([], place)


def columns_in_turn(lines: Sequence[PageLine]) -> list[PageLine]:
    """Put text set in two columns in reading order: the left one whole, then the right one."""
    ordered: list[PageLine] = []
    for (_, is_double), stretch in groupby(lines, key=lambda line: (line.page, len(line.cells) == 2)):
        pairs = list(stretch)
        if is_double and _are_columns(pairs):
            ordered += [_half(line, 0) for line in pairs] + [_half(line, 1) for line in pairs]
        else:
            ordered += pairs
    return ordered


def _are_columns(pairs: Sequence[PageLine]) -> bool:
    if len(pairs) < COLUMN_LINES:
        return False
    long = [all(len(cell.text) >= COLUMN_CHARACTERS for cell in line.cells) for line in pairs]
    gutter = min(line.cells[1].left for line in pairs) > max(line.cells[0].right for line in pairs)
    return gutter and sum(long) >= 0.7 * len(pairs)


def _half(line: PageLine, side: int) -> PageLine:
    cell = line.cells[side]
    return PageLine(page=line.page, cells=[cell], size=line.size, bold=cell.bold, height=line.height)


def _is_near(before: PageLine, line: PageLine) -> bool:
    return before.page == line.page and 0 < before.top - line.top < ROW_STEP * line.size


def _columns_of(cells: Sequence[Span], columns: Sequence[Interval]) -> list[int] | None:
    """Give the column of each cell; None where a cell lies across two, or two cells share one."""
    found = []
    for cell in cells:
        under = [n for n, (left, right) in enumerate(columns) if cell.left < right and cell.right > left]
        if not under:  # beside the words above it, yet in the same column of the table
            under = [_nearest(cell, columns)]
        if len(under) > 1:
            return None
        found.append(under[0])
    return found if found == sorted(set(found)) else None


def _nearest(cell: Span, columns: Sequence[Interval]) -> int:
    return min(range(len(columns)), key=lambda n: max(columns[n][0] - cell.right, cell.left - columns[n][1]))


def _is_wrapped(found: Sequence[int], gap: float, step: float, size: float) -> bool:
    """Say whether the line goes on with the row above: it lacks the first cell, or it stands closer than rows do."""
    closer = gap < 1.35 * size and (step == 0 or gap < 0.8 * step)
    return (found[0] != 0 and gap < 1.6 * size) or (len(found) == 1 and closer and step > 0)


def _row_follows(lines: Sequence[PageLine], place: int, columns: Sequence[Interval]) -> bool:
    """Say whether a full row comes next, so that a lone cell names a group of rows and not the text after the table."""
    if place + 1 >= len(lines) or not _is_near(lines[place], lines[place + 1]):
        return False
    found = _columns_of(lines[place + 1].cells, columns)
    return found is not None and len(found) > 1


def _row(cells: Sequence[Span], found: Sequence[int], width: int) -> list[str]:
    row = [""] * width
    for cell, column in zip(cells, found, strict=True):
        row[column] = cell.text
    return row


def _append(row: list[str], cells: Sequence[Span], found: Sequence[int]) -> None:
    for cell, column in zip(cells, found, strict=True):
        row[column] = f"{row[column]} {cell.text}".strip()


def _widened(columns: Sequence[Interval], cells: Sequence[Span], found: Sequence[int]) -> list[Interval]:
    wider = list(columns)
    for cell, column in zip(cells, found, strict=True):
        left, right = wider[column]
        wider[column] = (min(left, cell.left), max(right, cell.right))
    return wider
