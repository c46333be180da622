"""A corpus has the size that was asked for, is repeatable, and no two items say the same."""

from benchmarks.corpus import SECTIONS, documents


def test_a_corpus_has_a_section_a_passage() -> None:
    found = dict(documents("tenant", 120))
    assert [text.count(b"\n## Item") for text in found.values()] == [SECTIONS, SECTIONS, 20]


def test_a_corpus_is_repeatable_and_each_tenant_has_its_own() -> None:
    assert dict(documents("one", 60)) == dict(documents("one", 60))
    assert dict(documents("one", 60)) != dict(documents("two", 60))
