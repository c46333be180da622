"""What is read out of each kind of file but PDF."""

import datetime
from io import BytesIO
from typing import Any

import docx
import pytest
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from openpyxl import Workbook

from knowledge.extract import extract
from models.passage import ExtractedDocument


def told(document: ExtractedDocument) -> list[tuple[tuple[str, ...], str]]:
    return [(section.headings, section.text) for section in document.sections]


async def read(text: str, name: str = "notes.md") -> list[tuple[tuple[str, ...], str]]:
    return told(await extract(text.encode(), name))


async def read_docx(document: Any) -> ExtractedDocument:
    file = BytesIO()
    document.save(file)
    return await extract(file.getvalue(), "returns_policy.docx")


async def test_markdown_keeps_the_path_of_headings_and_drops_the_marks() -> None:
    document = await extract(
        b"# Hours\n\nWe *care*.\n\n## Shop\n\n**Open** `daily`\nfrom 9.\n\n### Quay\n\nYes.", "a.md"
    )
    assert document.title == "Hours"
    assert told(document) == [((), "We care."), (("Shop",), "Open daily from 9."), (("Shop", "Quay"), "Yes.")]


async def test_markdown_tables_become_lines_that_name_their_headings() -> None:
    assert await read("| Bike | Day | Week |\n|--|--|--|\n| City | €15 | €60 |\n| Electric | €35 | |") == [
        ((), "City — Day: €15; Week: €60\nElectric — Day: €35")
    ]


async def test_lists_keep_their_numbers_and_their_depth() -> None:
    assert await read("To return:\n\n3. Ask for a label\n4. Pack\n   - tape\n   - paper\n5. Send") == [
        ((), "To return:\n\n3. Ask for a label\n4. Pack\n  - tape\n  - paper\n5. Send")
    ]


async def test_a_question_in_bold_is_the_heading_of_its_answer() -> None:
    assert await read("## Paying\n\n**How can I pay?** In cash.\n\n**And by card?**\nYes.") == [
        (("How can I pay?",), "In cash."),
        (("And by card?",), "Yes."),
    ]


async def test_question_and_answer_by_their_letters_are_heading_and_text() -> None:
    expected = [(("Paying", "Do you take cards?"), "Yes, all."), (("Paying", "And cheques?"), "No.")]
    source = "# Shop\n\n## Paying\n\nQ: Do you take cards?\nA: Yes, all.\n\nQ: And cheques?\nA: No.\n"
    assert await read(source) == expected
    assert await read("Q: Do you take\ncards?\nA: Yes, all.", "faq.txt") == [(("Do you take cards?",), "Yes, all.")]


async def test_short_lines_of_markdown_stay_lines() -> None:
    assert await read("Monday: 9 to 18\n**Sunday**: closed") == [((), "Monday: 9 to 18\nSunday: closed")]
    assert await read("This line was\nwrapped early.") == [((), "This line was wrapped early.")]


async def test_an_address_is_kept_that_the_words_of_its_link_hide() -> None:
    assert await read("See [our page](https://shop.example/x) or [a@b.example](mailto:a@b.example), [top](#top).") == [
        ((), "See our page (https://shop.example/x) or a@b.example, top.")
    ]


async def test_front_matter_gives_the_title_and_is_not_text() -> None:
    document = await extract(b"---\ntitle: Gift cards\ndraft: no\n---\nValid for two years.\n", "x.md")
    assert (document.title, told(document)) == ("Gift cards", [((), "Valid for two years.")])


async def test_a_heading_with_nothing_under_it_is_still_told() -> None:
    assert await read("# Shop\n\n## Hours\n\nFrom 9.\n\n## Closed on 1 May") == [
        (("Hours",), "From 9."),
        ((), "Closed on 1 May"),
    ]


async def test_a_file_name_is_made_a_title_where_there_is_no_other() -> None:
    assert (await extract(b"Some text.", "C:\\docs\\return_policy-2026.txt")).title == "Return policy 2026"


async def test_plain_text_joins_wrapped_lines_and_keeps_short_ones() -> None:
    wrapped = "This line is long enough to have been wrapped by an editor at\nsome column, so it goes on."
    assert await read(f"OPENING HOURS\n\nMonday: 9-18\nTuesday: 9-12\n\n{wrapped}", "a.txt") == [
        ((), f"Monday: 9-18\nTuesday: 9-12\n\n{wrapped.replace(chr(10), ' ')}")
    ]


async def test_csv_rows_name_their_headings_whatever_the_delimiter() -> None:
    expected = [((), "City bike — SKU: KB-1; Price (EUR): 549\nTouring bike, red — SKU: KB-2; Price (EUR): 1190")]
    assert await read('sku,name,price_eur\nKB-1,City bike,549\nKB-2,"Touring bike, red",1190\n', "p.csv") == [
        ((), expected[0][1].replace("SKU", "Sku"))
    ]
    assert await read("SKU;name;price_eur\nKB-1;City bike;549\nKB-2;Touring bike, red;1190\n", "p") == expected


async def test_a_csv_of_questions_gives_each_answer_its_question_as_heading() -> None:
    assert await read('Question,Answer\nDo you deliver?,"Yes, daily."\nAnd on Sunday?,No.\n', "faq.csv") == [
        (("Do you deliver?",), "Yes, daily."),
        (("And on Sunday?",), "No."),
    ]


async def test_a_lone_cell_names_the_group_of_the_rows_below() -> None:
    assert await read("| Drink | Price |\n|--|--|\n| Hot | |\n| Tea | €2 |\n| Cold | |\n| Cola | €3 |") == [
        ((), "Hot: Tea — Price: €2\nCold: Cola — Price: €3")
    ]


async def test_html_is_read_without_menus_scripts_and_notices() -> None:
    page = """<!doctype html><html><head><title>Shop</title><script>track()</script></head><body>
    <nav><a href=/>Home</a></nav><div class="cookie-bar">We use cookies</div><h1>Visit</h1>
    <p>Open <b>daily</b>,<br>from 9.</p><ul><li>By bus: <i>line 2</i>.</li><li>By boat</li></ul>
    <table><tr><th>Who</th><th>Price</th></tr><tr><td>Adults</td><td>9 €</td></tr></table>
    <dl><dt>Dogs?</dt><dd>Yes.</dd></dl><p hidden>Old</p><footer>© 2026 Shop</footer></body></html>"""
    document = await extract(page.encode(), "noname")
    assert document.title == "Visit"
    assert told(document) == [
        ((), "Open daily,\nfrom 9.\n- By bus: line 2.\n- By boat\nAdults — Price: 9 €"),
        (("Dogs?",), "Yes."),
    ]


async def test_html_says_its_own_encoding() -> None:
    page = '<html><head><meta charset="iso-8859-15"></head><body><p>Precio: 9 €</p></body></html>'
    assert told(await extract(page.encode("iso-8859-15"), "x.html")) == [((), "Precio: 9 €")]


async def test_docx_keeps_headings_lists_and_tables_in_order() -> None:
    document = docx.Document()
    document.add_heading("Returns", 0)
    document.add_heading("Deadlines", 1)
    document.add_paragraph("Thirty days.")
    document.add_paragraph("Unused", style="List Bullet")
    document.add_paragraph("Ask", style="List Number")
    document.add_paragraph("Send", style="List Number")
    table = document.add_table(rows=2, cols=3)
    for cell, text in zip(
        [c for r in table.rows for c in r.cells], ["Item", "Days", "Fee", "Bike", "14", "€29"], strict=True
    ):
        cell.text = text
    document.add_paragraph("Sale", style=None).runs[0].bold = True
    document.add_paragraph("Fifteen days.")
    read = await read_docx(document)
    assert read.title == "Returns"
    assert told(read) == [
        (("Deadlines",), "Thirty days.\n\n- Unused\n1. Ask\n2. Send\nBike — Days: 14; Fee: €29"),
        (("Deadlines", "Sale"), "Fifteen days."),
    ]


async def test_docx_shows_accepted_insertions_and_content_controls_but_no_deletions() -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("Within ")
    for tag, text_tag, text in (("w:del", "w:delText", "14"), ("w:ins", "w:t", "30")):
        change, run, words = OxmlElement(tag), OxmlElement("w:r"), OxmlElement(text_tag)
        words.text = text
        run.append(words)
        change.append(run)
        paragraph._p.append(change)
    paragraph.add_run(" days.")
    control, inside = OxmlElement("w:sdt"), OxmlElement("w:sdtContent")
    control.append(inside)
    inside.append(document.add_paragraph("From the form.")._p)
    document.element.body.insert(1, control)
    assert told(await read_docx(document)) == [((), "Within 30 days.\n\nFrom the form.")]
    assert control.tag == qn("w:sdt")


async def test_xlsx_shows_money_dates_and_hours_as_the_sheet_does() -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Hire"
    sheet.append(["Prices for 2026"])
    sheet.append([])
    sheet.append(["Boat", "Price", "Off", "From", "Opens"])
    sheet.append(["Kayak", 12.5, 0.2, datetime.date(2026, 4, 1), datetime.time(9, 30)])
    sheet["B4"].number_format, sheet["C4"].number_format = '"€"#,##0.00', "0%"
    file = BytesIO()
    book.save(file)
    document = await extract(file.getvalue(), "prices.xlsx")
    assert told(document)[0][1].split("\n\n") == [
        "Prices for 2026",
        "Kayak — Price: €12.50; Off: 20%; From: 2026-04-01; Opens: 09:30",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
async def test_common_encodings_are_understood(encoding: str) -> None:
    text = "Señal: el envío cuesta 5 € y llega mañana."
    assert told(await extract(text.encode(encoding), "a.txt")) == [((), text)]
