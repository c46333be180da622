"""The documents as made are the documents as written, and both languages tell the same facts."""

import re
from pathlib import Path

import pypdfium2
import pytest

from knowledge.evaluate import normalised
from samples.make_documents import make_document
from tests.unit.samples.reading import SAMPLES, documents, text_of

SOURCES = sorted(SAMPLES.glob("*/sources/*.md"))
AMOUNT = re.compile(r"(?<![\d.,])\d[\d.,:]*\d|\d")
# Documents that are translations of each other, or parts of such
SAME_FACTS = [
    ("faro-y-ruta", "horarios.md", ["opening-hours.md"]),
    ("faro-y-ruta", "envios-y-devoluciones.docx", ["delivery.md", "returns-policy.docx"]),
    ("faro-y-ruta", "taller-y-garantia.pdf", ["warranty.pdf", "faq.md", "prices.csv", "customer-handbook.pdf"]),
    ("faro-y-ruta", "preguntas-frecuentes.md", ["faq.md", "rental-terms.docx"]),
    ("faro-y-ruta", "precios.csv", ["prices.csv"]),
    ("clock-museum", "guia-de-visita.html", ["visitor-guide.md"]),
    ("clock-museum", "tarifas.docx", ["tickets.csv", "visitor-guide.md"]),
    ("clock-museum", "coleccion.md", ["collection.pdf", "visitor-guide.md"]),
]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_a_committed_document_is_what_its_source_makes(source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "sources" / source.name
    copy.parent.mkdir()
    (tmp_path / "documents").mkdir()
    copy.write_bytes(source.read_bytes())
    committed = source.parent.parent / "documents" / source.stem
    assert text_of(make_document(copy)) == text_of(committed)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_a_made_document_keeps_every_word_of_its_source(source: Path) -> None:
    made = set(re.findall(r"\w+", normalised(text_of(source.parent.parent / "documents" / source.stem))))
    assert set(re.findall(r"\w+", normalised(text_of(source)))) <= made


@pytest.mark.parametrize(("business", "spanish", "english"), SAME_FACTS, ids=[names[1] for names in SAME_FACTS])
def test_every_number_that_is_told_in_spanish_is_told_in_english(
    business: str, spanish: str, english: list[str]
) -> None:
    texts = documents(business)
    told = set().union(*(_amounts(texts[name]) for name in english))
    assert _amounts(texts[spanish]) <= told


def test_the_handbook_is_long_and_has_pages() -> None:
    path = SAMPLES / "faro-y-ruta" / "documents" / "customer-handbook.pdf"
    with pypdfium2.PdfDocument(path) as pdf:
        assert len(pdf) >= 15
    assert len(text_of(path).split()) > 4000


def test_the_shop_has_all_formats_that_can_be_read() -> None:
    suffixes = {Path(name).suffix for name in documents("faro-y-ruta")}
    assert suffixes == {".md", ".pdf", ".docx", ".html", ".csv"}


def _amounts(text: str) -> set[str]:
    """The numbers of a text, without what differs between languages in how they are written."""
    return {re.sub(r"[.,]", "", amount) for amount in AMOUNT.findall(text)}
