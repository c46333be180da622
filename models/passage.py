"""What a business knows: its documents, and the passages they are cut into."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

Vector: TypeAlias = Sequence[float]  # float32 values of length 1, so that a dot product is the cosine


class DocumentState(StrEnum):
    """The life of a document; the steps between are in `models/lifecycle.py`."""

    RECEIVED = "received"  # stored, not yet read
    INDEXED = "indexed"  # its passages can be found
    REJECTED = "rejected"  # cannot be read; the reason stands beside it
    REMOVED = "removed"  # asked to be forgotten; its passages are being deleted


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A piece of a document under one heading, in reading order."""

    text: str  # paragraphs separated by blank lines; table rows as "Heading: value" lines
    headings: tuple[str, ...] = ()  # from the outermost in
    page: int | None = None  # from 1, where the format has pages


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractedDocument:
    """A file, read."""

    title: str
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A piece of a document small enough to be embedded whole."""

    id: str  # stable: made of the document's id and the place in it
    document_id: UUID
    title: str  # of the document, as cited to users
    ordinal: int  # place in the document, from 0
    text: str
    headings: tuple[str, ...] = ()
    page: int | None = None

    @property
    def context(self) -> str:
        """What is embedded and searched: the path of headings, then the text."""
        path = " > ".join(dict.fromkeys((self.title, *self.headings)))
        return f"{path}\n{self.text}" if path else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPassage:
    """A passage with what the search thought of it."""

    passage: Passage
    score: float  # of the rank fusion; orders one result, says nothing across queries
    similarity: float | None = None  # cosine with the question, -1 to 1, where the dense search found it
