"""The facts survive the reading of the files that is done for a business's own documents."""

import pytest

from knowledge.evaluate import contains_fact
from knowledge.extract import extract
from tests.unit.samples.reading import BUSINESSES, SAMPLES, documents, questions

FILES = [(business, name) for business in BUSINESSES for name in documents(business)]


@pytest.mark.parametrize(("business", "name"), FILES)
async def test_each_fact_of_a_document_stands_in_one_of_its_sections(business: str, name: str) -> None:
    path = SAMPLES / business / "documents" / name
    sections = (await extract(path.read_bytes(), name)).sections
    wanted = [question for question in questions(business) if question.source == name]
    lost = [q.id for q in wanted if not any(contains_fact(section.text, q.facts) for section in sections)]
    assert lost == []
