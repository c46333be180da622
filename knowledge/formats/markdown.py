"""Markdown (CommonMark with tables): the words, without the marks."""

import re
from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from knowledge.formats.blocks import QUESTION_AND_ANSWER, Block, Content, Heading, Line, Paragraph
from knowledge.formats.decode import decode
from knowledge.formats.links import shown_address
from knowledge.formats.plain import WRAPPED_FROM
from knowledge.formats.tables import table_blocks

_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n(?:---|\.\.\.)\s*(?:\n|\Z)", re.S)
_FRONT_TITLE = re.compile(r"^title:\s*[\"']?(.+?)[\"']?\s*$", re.M | re.I)
_TAG_OR_COMMENT = re.compile(r"<!--.*?-->|<[^>]+>", re.S)
_BOLD_QUESTION = re.compile(r"\A\*\*([^*\n]{3,140}\?)\*\*\s+\S")
_BOLD_LINE = re.compile(r"\A\*\*([^*\n]{1,80})\*\*\Z")


def read(content: bytes) -> Content:
    """Read headings, paragraphs, lists and tables; a title in the front matter counts as the file's own."""
    text = decode(content).replace("\r\n", "\n")
    front = _FRONT_MATTER.match(text)
    title = _FRONT_TITLE.search(front[1]) if front else None
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text[front.end() :] if front else text)
    return Content(blocks=list(_Walk(tokens).blocks()), title=title[1] if title else None)


class _Walk:
    """One pass over the tokens, with the open lists and the open table in hand."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._lists: list[int | None] = []  # the next number of each open list; None: bullets
        self._marker: str | None = None  # of an item whose text is still to come
        self._rows: list[list[str]] = []

    def blocks(self) -> Iterator[Block]:
        for place, token in enumerate(self._tokens):
            if token.type == "inline":
                yield from self._inline(token, self._tokens[place - 1])
            elif token.type in ("fence", "code_block"):
                yield Paragraph(text=token.content)
            elif token.type == "html_block":
                text = _TAG_OR_COMMENT.sub(" ", token.content)
                yield Paragraph(text=" ".join(text.split()))
            elif token.type == "table_close":
                yield from table_blocks(self._rows, has_header=True)
                self._rows = []
            else:
                self._structure(token)

    def _structure(self, token: Token) -> None:
        if token.type in ("bullet_list_open", "ordered_list_open"):
            ordered = token.type.startswith("ordered")
            self._lists.append(int(token.attrGet("start") or 1) if ordered else None)
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            self._lists.pop()
        elif token.type == "list_item_open":
            number = self._lists[-1]
            self._marker = "- " if number is None else f"{number}. "
            self._lists[-1] = None if number is None else number + 1
        elif token.type == "tr_open":
            self._rows.append([])

    def _inline(self, token: Token, opener: Token) -> Iterator[Block]:
        text = inline_text(token.children or ())
        if opener.type == "heading_open":
            yield Heading(text=text, level=int(opener.tag[1]))
        elif opener.type in ("th_open", "td_open"):
            self._rows[-1].append(text)
        elif self._lists:
            indent = "  " * (len(self._lists) - 1)
            yield Line(text=f"{indent}{self._marker or '  '}{' '.join(text.split())}")
            self._marker = None
        elif question := _BOLD_QUESTION.match(token.content):
            # The usual shape of a page of questions; the answer alone is what a customer should be told.
            yield Heading(text=question[1], level=7)
            yield Paragraph(text=text.removeprefix(question[1]).strip())
        elif bold := _BOLD_LINE.match(token.content):
            # A line in bold alone is how many people write a heading; a sentence in bold is still a sentence.
            is_sentence = bold[1].rstrip().endswith((".", "!", ",", ";"))
            yield Paragraph(text=text) if is_sentence else Heading(text=text, level=7)
        elif _are_lines(token.content):
            shown = inline_text(token.children or (), softbreak="\n")
            yield from (Line(text=line) for line in shown.split("\n"))
        else:
            yield Paragraph(text=text)


def _are_lines(source: str) -> bool:
    """Say whether lines were ended on purpose, as in hours or an address: all short, each begun anew."""
    lines = source.split("\n")
    if QUESTION_AND_ANSWER.match(source):
        return False
    is_short = max(map(len, lines)) < WRAPPED_FROM
    return (
        len(lines) > 1 and is_short and all(line.lstrip("*_[ ")[:1].isupper() or line[:1].isdigit() for line in lines)
    )


def inline_text(children: Sequence[Token], softbreak: str = " ") -> str:
    """Give the words of a line; a link keeps an address that its words do not show."""
    text, link, start = "", "", 0
    for child in children:
        if child.type in ("text", "code_inline"):
            text += child.content
        elif child.type in ("softbreak", "hardbreak"):
            text += softbreak if child.type == "softbreak" else "\n"
        elif child.type == "html_inline" and child.content.lower().startswith("<br"):
            text += "\n"
        elif child.type == "link_open":
            link, start = str(child.attrGet("href") or ""), len(text)
        elif child.type == "link_close":
            text += shown_address(link, text[start:])
    return text
