"""HTML: what a reader of the page would read, without menus, scripts and cookie notices."""

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from knowledge.formats.blocks import Block, Content, Heading, Line, Paragraph
from knowledge.formats.decode import decode
from knowledge.formats.links import shown_address
from knowledge.formats.tables import table_blocks

_DROPPED = [
    *("script", "style", "noscript", "template", "svg", "iframe", "nav", "aside", "form", "button", "select", "dialog"),
    *("object", "canvas", "video", "audio", "head", "[hidden]", "[aria-hidden=true]", "[role=navigation]"),
]
_NOTICE = re.compile(r"cookie|consent|breadcrumb|skip-link|sr-only|visually-hidden", re.I)
_INVISIBLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
_COPYRIGHT = re.compile(r"^\W*(©|\(c\)|copyright)", re.I)
_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w-]+)", re.I)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = {
    *("address", "article", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl", "dt", "fieldset"),
    *("figcaption", "figure", "footer", "header", "hr", "html", "li", "main", "ol", "p", "pre", "section", "summary"),
    *("table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul", *_HEADINGS),
}


def read(content: bytes) -> Content:
    """Read the main part of the page where it names one, else its body."""
    tree = LexborHTMLParser(_decoded(content))
    title = tree.css_first("title")
    shown_title = title.text(deep=True, strip=True) if title else None
    _strip(tree)
    root = next((node for node in tree.css("main, [role=main]") if len(_words(node)) > 200), tree.body)
    return Content(blocks=list(_Walk().children(root)) if root else [], title=shown_title)


def _decoded(content: bytes) -> str:
    declared = _CHARSET.search(content[:2048])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        if declared and declared[1].lower() not in (b"utf-8", b"utf-16"):
            try:
                return content.decode(declared[1].decode("ascii"))
            except (LookupError, UnicodeDecodeError, OSError):
                return decode(content)
    return decode(content)


def _strip(tree: LexborHTMLParser) -> None:
    for selector in _DROPPED:
        for node in tree.css(selector):
            node.decompose()
    for node in tree.css("[class], [id], [style]"):
        attributes = node.attributes
        marks = f"{attributes.get('class') or ''} {attributes.get('id') or ''}"
        outer = node.tag in ("body", "html", "main", "article")
        if not outer and (_NOTICE.search(marks) or _INVISIBLE.search(attributes.get("style") or "")):
            node.decompose()
    for node in tree.css("footer, header, ul"):
        links = sum(len(_words(link)) for link in node.css("a"))
        if links > 0.6 * len(_words(node)) and not node.css_first("h1, a[href^='tel:'], a[href^='mailto:']"):
            node.decompose()  # a menu without the name of one


def _words(node: LexborNode) -> str:
    return " ".join((node.text(deep=True, separator=" ") or "").split())


class _Walk:
    """From the tree to blocks: inline text gathers until the next block begins."""

    def children(self, node: LexborNode) -> Iterator[Block]:
        gathered = ""
        for child in node.iter(include_text=True):
            if child.tag in _BLOCKS or (child.tag != "-text" and _holds_block(child)):
                yield from _paragraphs(gathered)
                gathered = ""
                yield from self._block(child)
            else:
                gathered += _inline(child)
        yield from _paragraphs(gathered)

    def _block(self, node: LexborNode) -> Iterator[Block]:
        tag = node.tag or ""
        if tag in _HEADINGS:
            yield Heading(text=_inline(node), level=_HEADINGS[tag])
        elif tag == "summary":  # the folded questions of many pages
            yield Heading(text=_inline(node), level=7)
        elif tag in ("ul", "ol"):
            yield from self._list(node, 0)
        elif tag == "dl":
            yield from _definitions(node)
        elif tag == "table":
            yield from self._table(node)
        elif tag == "pre":
            yield Paragraph(text=node.text(deep=True))
        else:
            yield from self.children(node)

    def _list(self, node: LexborNode, depth: int) -> Iterator[Block]:
        number = 0
        for item in node.iter():
            if item.tag != "li":
                continue
            number += 1
            own, inner = _item_text(item)
            yield Line(text=f"{'  ' * depth}{f'{number}.' if node.tag == 'ol' else '-'} {own}" if own else "")
            for deeper in inner:
                yield from self._list(deeper, depth + 1)

    def _table(self, node: LexborNode) -> Iterator[Block]:
        rows = [row for row in node.css("tr") if not _has_table_inside(row)]
        if not rows:
            yield from self.children(node)
            return
        if caption := node.css_first("caption"):
            yield Paragraph(text=_inline(caption))
        cells = [[cell for cell in row.iter() if cell.tag in ("td", "th")] for row in rows]
        has_header = bool(cells[0]) and all(cell.tag == "th" for cell in cells[0])
        yield from table_blocks(
            [[text for cell in row for text in _spanned(cell)] for row in cells], has_header=has_header or None
        )


def _holds_block(node: LexborNode) -> bool:
    return any(inner.tag in _BLOCKS for inner in node.traverse(include_text=False))


def _has_table_inside(row: LexborNode) -> bool:
    return row.css_first("table") is not None


def _spanned(cell: LexborNode) -> list[str]:
    span = cell.attributes.get("colspan") or "1"
    return [_inline(cell), *[""] * (min(int(span), 50) - 1 if span.isdigit() else 0)]


def _item_text(item: LexborNode) -> tuple[str, list[LexborNode]]:
    """Give the item's own words, and the lists inside it."""
    inner = [child for child in item.iter() if child.tag in ("ul", "ol")]
    own = " ".join(_inline(child) for child in item.iter(include_text=True) if child.tag not in ("ul", "ol"))
    return re.sub(r" ([.,;:!?])", r"\1", " ".join(own.split())), inner


def _definitions(node: LexborNode) -> Iterator[Block]:
    are_questions = any(term.text(deep=True, strip=True).endswith("?") for term in node.css("dt"))
    term = ""
    for part in node.css("dt, dd"):
        text = " ".join(_inline(part).split())
        if part.tag == "dt":
            term = text
        elif are_questions:
            yield Heading(text=term, level=7)
            yield Paragraph(text=text)
        else:
            yield Line(text=f"{term.rstrip(':')}: {text}" if term else text)


def _paragraphs(text: str) -> Iterator[Block]:
    lines = [line for line in (" ".join(line.split()) for line in text.split("\n")) if line]
    if lines and not _COPYRIGHT.match(lines[0]):
        yield from (Line(text=line) for line in lines) if len(lines) > 1 else [Paragraph(text=lines[0])]


def _inline(node: LexborNode) -> str:
    """Give the words in a node; only `<br>` makes a new line."""
    if node.tag == "-text":
        return re.sub(r"\s+", " ", node.text(deep=False) or "")
    if node.tag == "br":
        return "\n"
    if (node.tag or "").startswith(("-", "!")):
        return ""
    words = "".join(_inline(child) for child in node.iter(include_text=True))
    if node.tag in _BLOCKS:
        return f" {words} "
    return words + shown_address(node.attributes.get("href") or "", words) if node.tag == "a" else words
