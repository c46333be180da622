import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import pytest

from knowledge.answering.calendar import spanned
from knowledge.answering.evidence import bag, corrected, coverage, terms
from knowledge.answering.kinds import Kind, asked_kind, holds
from knowledge.answering.units import cut
from knowledge.answering.words import split_words
from knowledge.extractive import LONGEST_REPLY, ExtractiveAnswerer
from knowledge.texts import Phrase, say
from models.answer import Answer, Question, Rung
from models.passage import FoundPassage, Passage, Vector


class WordEmbedder:
    """Words hashed into 256 places: texts that share words are near, which is all that is needed here."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.calls.append(len(texts))
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> Vector:
        row = np.full(256, 1e-3)
        for word in split_words(text):
            row[hashlib.sha256(word.encode()).digest()[0]] += 1
        return list(row / np.linalg.norm(row))


def _found(text: str, *headings: str, title: str = "Guide", place: int = 0) -> FoundPassage:
    passage = Passage(
        id=f"d:{place}",
        document_id=UUID(int=1),
        title=title,
        ordinal=place,
        text=text,
        headings=headings,
        page=place + 1,
    )
    return FoundPassage(passage=passage, score=1.0 / (place + 1), similarity=0.5)


SHOP = (
    _found("We open from Monday to Friday, 9:00 to 17:30. On Saturdays we close at 13:00.", "Opening hours"),
    _found("A parcel costs £4 within the country and takes three days. We do not send abroad.", "Delivery", place=1),
    _found(
        "Item: Desk lamp\nPrice: £35\nColour: green\n\nItem: Floor lamp\nPrice: £80\nColour: black", "Prices", place=2
    ),
    _found("**Can I bring a thing back?** Within 30 days, with the receipt.", "Returns", place=3),
    _found("Abrimos de lunes a viernes de 9:00 a 17:30. Los sábados cerramos a las 13:00.", "Horario", place=4),
)


def _ask(text: str, *, language: str = "en", standalone: str | None = None) -> Question:
    return Question(
        business="Corner Lamps",
        language=language,
        text=text,
        standalone=standalone or text,
        passages=SHOP,
        deadline=datetime(2026, 1, 1, tzinfo=UTC),
    )


async def _answer(question: Question) -> Answer:
    return await ExtractiveAnswerer(WordEmbedder()).answer(question)


@pytest.mark.parametrize(
    ("text", "language", "fact"),
    [
        ("When do you close on Saturday?", "en", "13:00"),
        ("how mutch is the desk lmap", "en", "£35"),
        ("Are you open on Wednesday?", "en", "Monday to Friday"),
        ("can I return a thing?", "en", "30 days"),
        ("Do you ship abroad?", "en", "not send abroad"),
        ("¿A qué hora cerráis los sábados?", "es", "13:00"),
    ],
)
async def test_the_fact_is_quoted_in_a_short_reply(text: str, language: str, fact: str) -> None:
    answer = await _answer(_ask(text, language=language))
    assert not answer.abstained
    assert fact in answer.text
    assert len(answer.text) <= LONGEST_REPLY
    assert answer.rung is Rung.EXTRACT
    assert answer.sources


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How much is the ceiling lamp with dimmer?", "en"),
        ("Is there a discount for students?", "en"),
        ("Do you deliver to Madeira?", "en"),
        ("¿Reparáis relojes antiguos?", "es"),
    ],
)
async def test_what_the_passages_do_not_say_is_abstained_from(text: str, language: str) -> None:
    answer = await _answer(_ask(text, language=language))
    assert answer.abstained
    assert answer.text == say(Phrase.ABSTAIN, language)
    assert not answer.sources


async def test_a_weight_is_asked_for_in_vain_where_only_a_price_is_told() -> None:
    assert (await _answer(_ask("how heavy is the desk lamp?"))).abstained
    assert not (await _answer(_ask("how much is the desk lamp?"))).abstained


def test_what_describes_a_thing_weighs_as_much_as_the_thing() -> None:
    described = {term.word.text: term.weight for term in terms("what does the laminated map cost", "en", frozenset())}
    assert described["laminated"] == described["map"] == 1.0


async def test_a_follow_up_is_answered_from_its_topic() -> None:
    answer = await _answer(_ask("and the floor one?", standalone="How much is the desk lamp? and the floor one?"))
    assert "£80" in answer.text


async def test_without_passages_it_abstains_and_without_a_question_it_greets() -> None:
    empty = Question(
        business="x", language="es", text="¿precio?", standalone="¿precio?", deadline=datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert (await _answer(empty)).abstained
    greeting = await _answer(_ask("hello!"))
    assert not greeting.abstained
    assert not greeting.sources


async def test_sentences_are_embedded_once() -> None:
    embedder = WordEmbedder()
    answerer = ExtractiveAnswerer(embedder)
    await answerer.answer(_ask("When do you close on Saturday?"))
    await answerer.answer(_ask("When do you open on Friday?"))
    assert embedder.calls[0] > 5
    assert embedder.calls[1] == 1  # the question alone


async def test_every_quoted_sentence_stands_in_a_passage() -> None:
    answer = await _answer(_ask("how much is a parcel?"))
    assert "A parcel costs £4 within the country and takes three days." in answer.text


def test_headings_and_the_businesss_own_questions_are_not_quoted() -> None:
    text = "Returns\n\nMay I come back? Yes, on any day of the month. Bring the box, e.g. the red one."
    units = cut([_found(text, "Returns")])
    assert [u.text for u in units] == ["Yes, on any day of the month.", "Bring the box, e.g. the red one."]
    assert units[0].context == "May I come back?"


def test_a_table_row_is_one_unit_and_wrapped_lines_are_one_sentence() -> None:
    row, sentence = cut(
        [_found("Item: Lamp\nPrice: £3\n\nThis line is so long that it had to be wrapped by its\n2 authors.")]
    )
    assert row.text == "Item: Lamp; Price: £3"
    assert row.is_row
    assert sentence.text.endswith("by its 2 authors.")


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("how much is it?", Kind.MONEY),
        ("how long does it take", Kind.DURATION),
        ("when do you open", Kind.TIME),
        ("is it free when I come by bus?", Kind.YES_NO),
        ("how often do you clean?", Kind.FREQUENCY),
        ("¿Dónde estáis?", Kind.PLACE),
        ("¿cuánto tarda el pedido?", Kind.DURATION),
        ("¿A qué hora abrís?", Kind.TIME),
        ("¿Cuántas plazas hay?", Kind.COUNT),
    ],
)
def test_the_kind_of_question_is_told(question: str, kind: Kind) -> None:
    assert asked_kind(question) is kind


def test_a_sentence_holds_what_is_asked_for() -> None:
    assert holds(Kind.MONEY, "It is 12 euros.")
    assert not holds(Kind.MONEY, "It is blue.")
    assert holds(Kind.DURATION, "de 2 a 3 días laborables")
    assert not holds(Kind.TIME, "Ask at the desk.")


def test_the_rare_word_of_a_near_miss_is_missing() -> None:
    held = bag("We deliver within the country for £4.", "en")
    wanted = terms("do you deliver to madeira", "en", frozenset(held.texts))
    assert coverage(wanted, held, "en").missing == 1.0
    assert coverage(terms("do you delivr in the cuntry", "en", frozenset(held.texts)), held, "en").missing < 0.2


def test_a_range_of_days_holds_the_days_between() -> None:
    assert "wednesday" in spanned("Monday to Friday")
    assert "domingo" in spanned("de viernes a lunes")
    assert "sunday" not in spanned("Monday-Friday")
    assert "junio" in spanned("de mayo a octubre")


def test_items_of_a_list_are_units_of_their_own_even_with_a_heading_each() -> None:
    units = cut([_found("- Day pass: 18 € on weekdays.\n- Resident: 230 € a month, with a locker.", "Prices")])
    assert [u.text for u in units] == ["Day pass: 18 € on weekdays.", "Resident: 230 € a month, with a locker."]


def test_sentences_that_hold_colons_and_semicolons_are_no_table_row() -> None:
    text = "Parcels cost this: 4.90 € and two days. Mornings or afternoons; we phone first. Furniture is dearer: 39 €."
    assert len(cut([_found(text, "Delivery")])) == 3


def test_a_very_short_sentence_is_quoted_with_the_one_after_it() -> None:
    units = cut(
        [_found("Laundry. Washing costs 4 tokens. Is it loud? No. It is in the cellar of the old house.", "Site")]
    )
    assert [u.text for u in units] == ["Laundry. Washing costs 4 tokens.", "No. It is in the cellar of the old house."]


async def test_a_sentence_that_leans_on_the_one_before_is_quoted_with_it() -> None:
    found = _found("You may cancel free until 24 hours before. Afterwards we charge half of the hire.", "Cancelling")
    draft = await ExtractiveAnswerer(WordEmbedder()).draft(
        replace(_ask("do you charge half of the hire?"), passages=(found,))
    )
    assert draft is not None
    assert draft.text.startswith("You may cancel free until 24 hours before.")


def test_a_number_and_what_it_counts_weigh_little() -> None:
    weights = {t.word.text: t.weight for t in terms("my daughter is 3 years old", "en", frozenset())}
    assert weights["daughter"] == 1.0
    assert weights["3"] < 0.5
    assert weights["years"] < 0.5


def test_a_verb_that_no_table_lists_weighs_less_than_a_thing() -> None:
    weights = {t.word.text: t.weight for t in terms("podéis peinarme la barba", "es", frozenset())}
    assert weights["peinarme"] < weights["barba"]


@pytest.mark.parametrize(
    ("typed", "meant"), [("wht", "what"), ("ned", "need"), ("expalin", "explain"), ("wine", "wine")]
)
def test_everyday_words_are_put_right_and_things_are_left_alone(typed: str, meant: str) -> None:
    assert corrected(typed, "en", frozenset()) == meant
