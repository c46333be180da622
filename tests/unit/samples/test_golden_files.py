"""The golden files are well formed, their facts stand in the documents, and what their near misses ask for does not."""

from collections import Counter
from typing import Any

import pytest
import yaml

from knowledge.evaluate import contains_fact, normalised
from knowledge.golden import GoldenQuestion
from tests.unit.samples.reading import BUSINESSES, SAMPLES, documents, mentions, questions, written

KINDS = {"plain", "paraphrase", "misspelt", "follow_up", "near_miss"}
SHORT = {"plain": "plain", "paraphrase": "para", "misspelt": "typo", "follow_up": "follow", "near_miss": "miss"}
SHOP, MUSEUM = BUSINESSES
ANSWERABLE = [(b, q) for b in BUSINESSES for q in questions(b) if q.is_answerable]
AS_WRITTEN = [(b, q) for b in BUSINESSES for q in written(b)]
NEAR_MISSES = [(b, q) for b, q in AS_WRITTEN if q["expect"] == "abstain"]


def _name(value: Any) -> str:
    return value if isinstance(value, str) else value.id if isinstance(value, GoldenQuestion) else value["id"]


@pytest.mark.parametrize(("business", "question"), AS_WRITTEN, ids=_name)
def test_a_question_has_the_fields_that_samples_readme_tells(business: str, question: dict[str, Any]) -> None:
    always = {"id", "language", "kind", "half", "expect", "turns" if question["kind"] == "follow_up" else "ask"}
    wanted = {"facts", "source"} if question["expect"] == "answer" else {"missing"}
    assert set(question) - {"why"} == always | wanted
    assert question["kind"] in KINDS
    assert question["half"] in {"fit", "judge"}
    assert (question["kind"] == "near_miss") == (question["expect"] == "abstain")
    assert question["id"].startswith(f"{question['language']}-{SHORT[question['kind']]}-")


@pytest.mark.parametrize(("business", "question"), ANSWERABLE, ids=_name)
def test_an_answerable_question_has_its_fact_in_its_source(business: str, question: GoldenQuestion) -> None:
    assert question.source is not None
    assert contains_fact(documents(business)[question.source], question.facts)


@pytest.mark.parametrize(("business", "question"), NEAR_MISSES, ids=_name)
def test_what_a_near_miss_asks_for_stands_in_no_document(business: str, question: dict[str, Any]) -> None:
    texts = documents(business)
    assert question["missing"]
    assert [(name, term) for name, text in texts.items() for term in question["missing"] if mentions(text, term)] == []


@pytest.mark.parametrize(("business", "question"), NEAR_MISSES, ids=_name)
def test_a_near_miss_of_a_missing_word_names_that_word_itself(business: str, question: dict[str, Any]) -> None:
    asked = normalised(question["ask"])
    assert "why" in question or any(mentions(asked, term) for term in question["missing"])


@pytest.mark.parametrize("business", BUSINESSES)
def test_a_follow_up_has_a_turn_before_it(business: str) -> None:
    assert all((len(q.turns) > 1) == (q.kind == "follow_up") for q in questions(business))


@pytest.mark.parametrize("business", BUSINESSES)
def test_a_source_is_written_in_the_language_of_its_questions(business: str) -> None:
    spoken: dict[str | None, set[str]] = {}
    for question in questions(business):
        spoken.setdefault(question.source, set()).add(question.language)
    assert all(len(languages) == 1 for source, languages in spoken.items() if source)


@pytest.mark.parametrize("business", BUSINESSES)
def test_both_halves_hold_the_same_kinds_and_languages(business: str) -> None:
    fit, judge = (Counter((q.kind, q.language) for q in questions(business) if q.half == h) for h in ("fit", "judge"))
    assert fit == judge


@pytest.mark.parametrize(
    ("business", "answerable", "near_misses", "follow_ups"), [(SHOP, 40, 20, 10), (MUSEUM, 26, 14, 6)]
)
def test_a_third_are_near_misses_and_two_fifths_are_spanish(
    business: str, answerable: int, near_misses: int, follow_ups: int
) -> None:
    asked = questions(business)
    assert Counter(q.is_answerable for q in asked) == {True: answerable, False: near_misses}
    assert sum(q.kind == "follow_up" for q in asked) == follow_ups
    assert 0.38 <= sum(q.language == "es" for q in asked) / len(asked) <= 0.42


@pytest.mark.parametrize("business", BUSINESSES)
def test_every_document_answers_something(business: str) -> None:
    assert {q.source for q in questions(business) if q.is_answerable} == set(documents(business))


@pytest.mark.parametrize("business", BUSINESSES)
def test_a_business_says_who_it_is_in_each_of_its_languages(business: str) -> None:
    described = yaml.safe_load((SAMPLES / business / "business.yaml").read_text(encoding="utf-8"))
    assert set(described) == {"slug", "name", "about", "languages", "person", "greeting"}
    assert described["slug"] == business
    assert set(described["greeting"]) == set(described["languages"])
    assert set(described["person"]) == {"name", "phone", "email", "hours"}
