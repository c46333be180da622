"""In-memory twins of what actors ask of the world; each can be told to be away."""

from collections.abc import Sequence
from uuid import UUID

from models.answer import Answer, Question, Rung
from models.errors import EmbedderUnavailable, SearchRefused, SearchUnavailable
from models.message import OutboundMessage, Recipient
from models.passage import FoundPassage, Passage, Vector
from tests.twins.outbox import TwinQueue

__all__ = ["TwinAnswerer", "TwinEmbedder", "TwinGraph", "TwinPassages", "TwinQueue"]


class TwinEmbedder:
    """Every text gets the same vector."""

    def __init__(self) -> None:
        self.is_away = False
        self.asked: list[str] = []

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        if self.is_away:
            raise EmbedderUnavailable("away")
        self.asked.extend(texts)
        return [[1.0, 0.0] for _ in texts]


class TwinAnswerer:
    """Says one thing, or raises what it is told to."""

    def __init__(self, said: str = "At nine.", *, rung: Rung = Rung.MODEL, error: Exception | None = None) -> None:
        self.answers = Answer(text=said, rung=rung, model=str(rung))
        self.error = error
        self.asked: list[Question] = []

    async def answer(self, question: Question) -> Answer:
        self.asked.append(question)
        if self.error is not None:
            raise self.error
        return self.answers


class TwinPassages:
    """`MilvusPassages` in memory: dense search only, which orders as the fusion does where the words agree."""

    def __init__(self) -> None:
        self.is_away = False
        self._rows: dict[str, tuple[UUID, Passage, Vector]] = {}

    async def search(self, tenant_id: UUID, vector: Vector, text: str, limit: int) -> list[FoundPassage]:
        if self.is_away:
            raise SearchUnavailable("away")
        mine = [
            (passage, _cosine(stored, vector)) for owner, passage, stored in self._rows.values() if owner == tenant_id
        ]
        best = sorted(mine, key=lambda pair: -pair[1])[:limit]
        return [FoundPassage(passage=passage, score=cosine, similarity=cosine) for passage, cosine in best]

    async def replace(
        self, tenant_id: UUID, document_id: UUID, passages: Sequence[Passage], vectors: Sequence[Vector]
    ) -> None:
        if self.is_away:
            raise SearchUnavailable("away")
        if any(len(passage.context.encode()) > 16_384 for passage in passages):
            raise SearchRefused("too long")
        kept = {key: row for key, row in self._rows.items() if (row[0], row[1].document_id) != (tenant_id, document_id)}
        new = {passage.id: (tenant_id, passage, vector) for passage, vector in zip(passages, vectors, strict=True)}
        self._rows = {**kept, **new}


def _cosine(one: Vector, other: Vector) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


class TwinGraph:
    """Accepts everything, or raises what it is told to."""

    def __init__(self, *, error: Exception | None = None) -> None:
        self.error = error
        self.sent: list[tuple[str, str]] = []  # body, attempt id
        self.read: list[str] = []

    async def send(self, phone_number_id: str, to: Recipient, message: OutboundMessage, attempt_id: str) -> str:
        self.sent.append((message.body, attempt_id))
        if self.error is not None:
            raise self.error
        return f"wamid.{len(self.sent)}"

    async def mark_read(self, phone_number_id: str, wamid: str, *, typing: bool) -> None:
        self.read.append(wamid)
        if self.error is not None:
            raise self.error
