"""How a document is cut into passages."""

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.split import MOST_BYTES, SPLITTER_VERSION, sentences, split
from models.passage import ExtractedDocument, Passage, Section

ID = UUID(int=7)


def words(text: str) -> int:
    return len(text.split())


def cut(*sections: Section, most: int = 32, title: str = "Shop") -> list[Passage]:
    document = ExtractedDocument(title=title, sections=sections)
    return split(document, document_id=ID, count_tokens=words, max_tokens=most)


def sentence(number: int, length: int = 10) -> str:
    return " ".join(["Sentence", str(number), *["word"] * (length - 3), "end."])


def test_small_neighbours_under_one_heading_become_one_passage() -> None:
    first = Section(text="One.\n\nTwo.", headings=("Hours",), page=1)
    second = Section(text="- a\n- b", headings=("Hours",), page=2)
    [passage] = cut(first, second)
    assert (passage.text, passage.headings, passage.page) == ("One.\n\nTwo.\n\n- a\n- b", ("Hours",), 1)


def test_headings_are_never_mixed() -> None:
    passages = cut(Section(text="One.", headings=("A",)), Section(text="Two.", headings=("A", "B")))
    assert [(p.headings, p.text) for p in passages] == [(("A",), "One."), (("A", "B"), "Two.")]


def test_a_paragraph_that_fits_whole_opens_a_new_passage_rather_than_being_cut() -> None:
    texts = [" ".join(sentence(n) for n in pair) for pair in ((1, 2), (3, 4))]
    assert [p.text for p in cut(Section(text="\n\n".join(texts)))] == texts


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    passages = cut(Section(text=" ".join(sentence(n) for n in range(1, 8))))
    assert [p.text for p in passages] == [
        " ".join(sentence(n) for n in group) for group in ((1, 2, 3), (4, 5, 6), (7,))
    ]


def test_the_count_includes_the_path_of_headings() -> None:
    headings = ("a b c d e", "f g h")
    passages = cut(Section(text=" ".join(sentence(n) for n in range(6)), headings=headings))
    assert max(words(p.context) for p in passages) <= 32
    assert {p.headings for p in passages} == {headings}


def test_a_path_that_leaves_no_room_loses_its_outer_headings() -> None:
    [passage] = cut(Section(text="Text.", headings=(" ".join(["far"] * 20), "near")))
    assert passage.headings == ("near",)


def test_rows_and_items_are_never_cut() -> None:
    rows = [f"Bike {n} — Price: {n} euros; Colour: dark red" for n in range(12)]
    passages = cut(Section(text="\n".join(rows)))
    assert [row for p in passages for row in p.text.split("\n")] == rows
    assert len(passages) > 1


def test_the_line_that_introduces_a_list_comes_with_each_part_of_it() -> None:
    items = "\n".join(f"- thing number {n} of the list" for n in range(12))
    passages = cut(Section(text=f"We cannot take back:\n\n{items}"))
    assert len(passages) > 1
    assert all(p.text.startswith("We cannot take back:") for p in passages)


def test_a_row_that_fits_nowhere_is_cut_between_its_cells_under_its_name() -> None:
    cells = "; ".join(f"Heading {n}: value of this cell" for n in range(12))
    passages = cut(Section(text=f"City bike — {cells}"))
    assert all(p.text.startswith("City bike — Heading") for p in passages)
    assert sum(p.text.count("value of this cell") for p in passages) == 12


def test_ids_are_stable_and_ordinals_count_from_zero() -> None:
    sections = [Section(text=sentence(n, 25), headings=(str(n),)) for n in range(3)]
    passages = cut(*sections)
    assert [(p.id, p.ordinal) for p in passages] == [(f"{ID}:{n:05d}", n) for n in range(3)]
    assert cut(*sections) == passages
    assert {p.document_id for p in passages} == {ID}


def test_a_later_page_is_told_for_what_begins_on_it() -> None:
    pages = [Section(text=sentence(n, 28), page=n) for n in (1, 2)]
    assert [p.page for p in cut(*pages)] == [1, 2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We open at 9. Closed on Sunday.", ["We open at 9.", "Closed on Sunday."]),
        ("Ask Dr. Prado, approx. 3 days.", ["Ask Dr. Prado, approx. 3 days."]),
        ("¿Abren hoy? ¡Sí! Hasta las 20:00.", ["¿Abren hoy?", "¡Sí!", "Hasta las 20:00."]),
        ("It costs €3.50 a day, e.g. Monday.", ["It costs €3.50 a day, e.g. Monday."]),
        ('He said "no." Then left.', ['He said "no."', "Then left."]),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@pytest.mark.parametrize("letter", ["Q", "\u0e01"])  # base64; Thai, three bytes a letter
def test_a_word_without_end_is_cut_by_its_bytes(letter: str) -> None:
    """A tokenizer counts it as one: the store would refuse it for ever."""
    passages = cut(Section(text=f"Before. {letter * 60_000}\n\nAfter.", headings=("h" * 3_000,)))
    assert max(len(passage.context.encode()) for passage in passages) <= MOST_BYTES
    assert sum(passage.text.count(letter) for passage in passages) == 60_000
    assert len(passages) < 4 * 60_000 * len(letter.encode()) / MOST_BYTES


def test_a_limit_that_holds_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32"):
        cut(Section(text="x"), most=10)


def test_the_version_is_part_of_a_collections_name() -> None:
    assert SPLITTER_VERSION.isalnum()


TEXTS = st.text(alphabet=st.sampled_from(list("aB1.;:-—?\n ")), min_size=1, max_size=400).filter(str.strip)


@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_nothing_is_lost_and_nothing_is_too_long(texts: list[str]) -> None:
    document = ExtractedDocument(title="T", sections=tuple(Section(text=text) for text in texts))
    passages = split(document, document_id=ID, count_tokens=len, max_tokens=60)
    assert max(len(passage.context) for passage in passages) <= 60
    kept = "".join(passage.text for passage in passages)
    for letter in "aB1?":
        assert kept.count(letter) >= "".join(texts).count(letter)
