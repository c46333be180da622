"""What is read out of a PDF."""

import pytest

from knowledge.extract import extract
from models.errors import DocumentRejected
from models.passage import ExtractedDocument
from tests.fixtures.documents.tiny_pdf import Text, pdf, running

LONG = "We repair what broke because of a fault in material or in making, and if it cannot"


async def read(pages: list[list[Text]], **options: str) -> ExtractedDocument:
    return await extract(pdf(pages, **options), "handbook.pdf")


async def test_large_lines_are_headings_and_pages_are_kept() -> None:
    first = [Text("Returns", y=760, size=20), *running([LONG, "be repaired we replace it."], y=700)]
    second = [Text("Money back", y=700, size=15), Text("Within five days.", y=660)]
    document = await read([first, second])
    assert document.title == "Returns"
    assert [(s.headings, s.page) for s in document.sections] == [((), 1), (("Money back",), 2)]
    assert document.sections[0].text == f"{LONG} be repaired we replace it."


async def test_a_bold_line_that_stands_apart_is_a_heading() -> None:
    page = [*running([LONG, LONG], y=760), Text("What is covered", y=690, bold=True), *running([LONG, LONG], y=676)]
    document = await read([page])
    assert [section.headings for section in document.sections] == [(), ("What is covered",)]


async def test_numbered_headings_lie_under_each_other() -> None:
    page = [
        *[Text("1. Bikes", y=780, size=14), Text("1.1 City", y=750, size=14), *running([LONG], y=720)],
        *[Text("2. Boats", y=680, size=14), *running([LONG, LONG], y=650)],
    ]
    document = await read([page])
    assert [section.headings for section in document.sections] == [("1. Bikes", "1.1 City"), ("2. Boats",)]


async def test_words_cut_at_the_end_of_a_line_are_whole_again() -> None:
    lines = ["Please read the full war-", "ranty terms, and mind that second-", "hand bikes differ from new ones; a"]
    document = await read([running([*lines, "second-hand bike has one year."])])
    assert document.sections[0].text == (
        "Please read the full warranty terms, and mind that second-hand bikes differ from new ones;"
        " a second-hand bike has one year."
    )


async def test_headers_footers_and_page_numbers_are_dropped() -> None:
    pages = [
        [Text("Harbour Shop, terms 2026", y=810, size=8), *running([LONG + f" {n}."]), Text(f"Page {n} of 3", y=30)]
        for n in (1, 2, 3)
    ]
    document = await read(pages)
    assert [section.text for section in document.sections] == [f"{LONG} {n}." for n in (1, 2, 3)]


async def test_a_sentence_that_runs_over_the_page_is_one_paragraph() -> None:
    document = await read([running([LONG], y=80), running(["be repaired we replace it."], y=780)])
    assert [section.text for section in document.sections] == [f"{LONG} be repaired we replace it."]


async def test_table_rows_keep_their_headings() -> None:
    rows = [("Boat", "Half day", "Day"), ("Single kayak", "€20", "€32"), ("Double kayak", "€30", "€48")]
    cells = [
        Text(cell, x=72 + 150 * column, y=700 - 20 * row, bold=row == 0)
        for row, line in enumerate(rows)
        for column, cell in enumerate(line)
    ]
    document = await read([[*cells, *running([LONG, LONG], y=600)]])
    assert document.sections[0].text.split("\n\n")[0].split("\n") == [
        "Single kayak — Half day: €20; Day: €32",
        "Double kayak — Half day: €30; Day: €48",
    ]


async def test_two_columns_are_read_one_after_the_other() -> None:
    left = [f"left column line number {n} goes on" for n in range(8)]
    right = [f"right column line number {n} goes on" for n in range(8)]
    document = await read([[*running(left, x=60), *running(right, x=320)]])
    text = document.sections[0].text
    assert text.index("left column line number 7") < text.index("right column line number 0")


async def test_bullets_stay_lines() -> None:
    page = [*running([LONG, LONG], y=760), *running(["• Wear and tear", "• Paint that has faded"], y=700)]
    document = await read([page])
    assert document.sections[0].text.endswith("- Wear and tear\n- Paint that has faded")


async def test_a_title_in_the_properties_is_used_where_no_heading_names_the_document() -> None:
    assert (await read([running([LONG])], title="Warranty booklet")).title == "Warranty booklet"
    assert (await read([running([LONG])], title="Microsoft Word - draft7.docx")).title == "Handbook"


async def test_a_scan_is_refused() -> None:
    with pytest.raises(DocumentRejected, match="pictures of pages"):
        await read([[], [Text("3", y=30)]])


async def test_a_pdf_with_a_password_is_refused() -> None:
    lock = b"/Encrypt << /Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P -4 >> /ID [<00> <00>]" % (
        b"ab" * 32,
        b"cd" * 32,
    )
    with pytest.raises(DocumentRejected, match="password"):
        await extract(pdf([running([LONG])], extra_trailer=lock), "x.pdf")


async def test_a_damaged_pdf_is_refused() -> None:
    with pytest.raises(DocumentRejected, match="damaged"):
        await extract(b"%PDF-1.7\n" + bytes(range(256)) * 20, "x.pdf")
