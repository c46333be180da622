"""Make the PDF and DOCX documents of the sample businesses from their Markdown sources.

`python -m samples.make_documents` from the root turns each `samples/*/sources/NAME.pdf.md` and `NAME.docx.md` into
`documents/NAME.pdf` and `NAME.docx` beside it. Of Markdown the sources use headings, paragraphs, "-" lists and tables
(tables in DOCX only).
"""

import re
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from docx import Document
from docx.document import Document as DocxDocument
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from samples.pdf_writer import write_pdf

SAMPLES = Path(__file__).parent
HEADINGS = {"h1": "title", "h2": "heading", "h3": "subheading"}
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest time a ZIP can hold: the same bytes whenever it is made


def make_all() -> list[Path]:
    """Write every document that has a source, and give their paths."""
    return [make_document(source) for source in sorted(SAMPLES.glob("*/sources/*.md"))]


def make_document(source: Path) -> Path:
    """Write the document of one source."""
    target = source.parent.parent / "documents" / source.stem
    tree = SyntaxTreeNode(MarkdownIt("commonmark").enable("table").parse(source.read_text(encoding="utf-8")))
    target.write_bytes(_pdf(tree) if target.suffix == ".pdf" else _docx(tree))
    return target


def _pdf(tree: SyntaxTreeNode) -> bytes:
    blocks = list(_blocks(tree))
    title = blocks[0][1]
    return write_pdf(title, blocks, running_head=title)


def _blocks(tree: SyntaxTreeNode) -> Iterator[tuple[str, str]]:
    for node in tree.children:
        if node.type == "heading":
            yield HEADINGS[node.tag], _text(node)
        elif node.type == "paragraph":
            yield "paragraph", _text(node)
        elif node.type == "bullet_list":
            yield from (("bullet", _text(item)) for item in node.children)
        else:
            raise ValueError(f"a PDF source may not hold a {node.type}")


def _docx(tree: SyntaxTreeNode) -> bytes:
    document = Document()
    for node in tree.children:
        if node.type == "table":
            _add_table(document, node)
        elif node.type == "heading":
            document.add_heading(_text(node), level=int(node.tag[1]))
        elif node.type == "bullet_list":
            for item in node.children:
                document.add_paragraph(_text(item), style="List Bullet")
        else:
            document.add_paragraph(_text(node))
    document.core_properties.title = _text(tree.children[0])
    document.core_properties.author = ""
    return _without_times(document)


def _add_table(document: DocxDocument, node: SyntaxTreeNode) -> None:
    rows = [[_text(cell) for cell in row.children] for part in node.children for row in part.children]
    table = document.add_table(rows=0, cols=len(rows[0]), style="Table Grid")
    for row in rows:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text


def _without_times(document: DocxDocument) -> bytes:
    made, clean = BytesIO(), BytesIO()
    document.save(made)
    with zipfile.ZipFile(made) as before, zipfile.ZipFile(clean, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            after.writestr(zipfile.ZipInfo(name, LONG_AGO), before.read(name), zipfile.ZIP_DEFLATED)
    return clean.getvalue()


def _text(node: SyntaxTreeNode) -> str:
    """The text of a node without marks, on one line."""
    return re.sub(r"\s+", " ", " ".join(child.content for child in node.walk() if child.type == "inline")).strip()


if __name__ == "__main__":
    for made in make_all():
        print(made.relative_to(SAMPLES))
