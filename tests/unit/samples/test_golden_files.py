"""The golden files are well formed, their facts stand in the documents, and their near misses do not."""

from collections import Counter
from typing import Any

import pytest
import yaml

from tests.unit.samples.reading import BUSINESSES, SAMPLES, contains, documents, normalised, questions, states

KINDS = {"plain", "paraphrase", "misspelt", "follow_up", "near_miss"}
SHOP, MUSEUM = BUSINESSES
EVERY_QUESTION = [
    pytest.param(business, question, id=f"{business}:{question['id']}")
    for business in BUSINESSES
    for question in questions(business)
]


@pytest.mark.parametrize(("business", "question"), EVERY_QUESTION)
def test_a_question_has_the_fields_that_its_expectation_asks_for(business: str, question: dict[str, Any]) -> None:
    always = {"id", "language", "kind", "half", "expect", "turns" if question["kind"] == "follow_up" else "ask"}
    wanted = {"facts", "source"} if question["expect"] == "answer" else {"missing"}
    assert set(question) - {"why"} == always | wanted
    assert question["kind"] in KINDS
    assert question["half"] in {"fit", "judge"}
    assert question["language"] in {"en", "es"}
    assert (question["kind"] == "near_miss") == (question["expect"] == "abstain")
    assert len(question.get("turns", "xx")) >= 2


@pytest.mark.parametrize(("business", "question"), EVERY_QUESTION)
def test_a_fact_stands_in_its_source_and_a_near_miss_in_no_document(business: str, question: dict[str, Any]) -> None:
    texts = documents(business)
    if question["expect"] == "answer":
        assert any(states(texts[question["source"]], fact) for fact in question["facts"])
    else:
        found = [(name, term) for name, text in texts.items() for term in question["missing"] if contains(text, term)]
        assert question["missing"]
        assert found == []


@pytest.mark.parametrize("business", BUSINESSES)
def test_a_source_is_written_in_the_language_of_its_question(business: str) -> None:
    languages: dict[str, set[str]] = {}
    for question in questions(business):
        if question["expect"] == "answer":
            languages.setdefault(question["source"], set()).add(question["language"])
    assert all(len(spoken) == 1 for spoken in languages.values())


@pytest.mark.parametrize("business", BUSINESSES)
def test_ids_are_unique_and_name_language_and_kind(business: str) -> None:
    short = {"paraphrase": "para", "misspelt": "typo", "follow_up": "follow", "near_miss": "miss", "plain": "plain"}
    asked = questions(business)
    assert len({question["id"] for question in asked}) == len(asked)
    for question in asked:
        assert question["id"].startswith(f"{question['language']}-{short[question['kind']]}-")


@pytest.mark.parametrize("business", BUSINESSES)
def test_both_halves_hold_the_same_kinds_and_languages(business: str) -> None:
    halves = {
        half: Counter((q["kind"], q["language"]) for q in questions(business) if q["half"] == half)
        for half in ("fit", "judge")
    }
    assert halves["fit"] == halves["judge"]


@pytest.mark.parametrize(
    ("business", "answerable", "near_misses", "follow_ups"), [(SHOP, 40, 20, 10), (MUSEUM, 26, 14, 6)]
)
def test_a_third_are_near_misses_and_two_fifths_are_spanish(
    business: str, answerable: int, near_misses: int, follow_ups: int
) -> None:
    asked = questions(business)
    assert Counter(q["expect"] for q in asked) == {"answer": answerable, "abstain": near_misses}
    assert sum(q["kind"] == "follow_up" for q in asked) == follow_ups
    assert 0.38 <= sum(q["language"] == "es" for q in asked) / len(asked) <= 0.42


def test_every_document_of_both_businesses_answers_something() -> None:
    for business in BUSINESSES:
        assert {q["source"] for q in questions(business) if "source" in q} == set(documents(business))


@pytest.mark.parametrize("business", BUSINESSES)
def test_a_business_says_who_it_is_in_each_of_its_languages(business: str) -> None:
    described = yaml.safe_load((SAMPLES / business / "business.yaml").read_text(encoding="utf-8"))
    assert set(described) == {"slug", "name", "about", "languages", "person", "greeting"}
    assert described["slug"] == business
    assert set(described["greeting"]) == set(described["languages"])
    assert set(described["person"]) == {"name", "phone", "email", "hours"}


@pytest.mark.parametrize(
    ("text", "phrase", "is_there"),
    [
        ("It costs €12\nin all.", "12", True),
        ("It costs 112 €.", "12 €", False),
        ("It costs 19.90 €.", "9.90 €", False),
        ("It costs 12.50 €.", "€12", False),
        ("Los sábados, de 10:00 \u2013 14:00", "SABADOS, de 10:00-14:00", True),
        ("un 30 % de descuento", "30%", True),
        ("A day and a week: €15 €60", "€60", True),
        ("at 9:00.", "9:00", True),
    ],
)
def test_a_fact_is_found_whole_whatever_its_accents_dashes_and_spaces(text: str, phrase: str, is_there: bool) -> None:
    assert contains(normalised(text), phrase) is is_there
