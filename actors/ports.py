"""What actors need of the world, as Protocols: real ones in `store`, `whatsapp` and `deployments`, twins in `tests`.

Every method has a time limit of its own and raises errors of `models.errors` only.
"""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from models.answer import Answer, Question
from models.message import OutboundMessage, Recipient
from models.passage import FoundPassage, Passage, Vector


class Embedder(Protocol):
    """Turns texts into unit vectors."""

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Give one vector a text, in order; 1 to 256 texts, longer ones cut at the model's limit.

        Raises:
            EmbedderUnavailable: retryable.
        """
        ...


class Answerer(Protocol):
    """A model, or the extractive answerer: the same contract for all."""

    async def answer(self, question: Question) -> Answer:
        """Give one reply before `question.deadline`.

        Raises:
            ModelUnavailable: retryable; the ladder takes its next rung.
        """
        ...


class PassageIndex(Protocol):
    """The searchable copy of a tenant's passages."""

    async def search(self, tenant_id: UUID, vector: Vector, text: str, limit: int) -> list[FoundPassage]:
        """Give the best passages of this tenant by rank fusion of dense and BM25 search, best first.

        Raises:
            SearchUnavailable: retryable.
        """
        ...

    async def replace(
        self, tenant_id: UUID, document_id: UUID, passages: Sequence[Passage], vectors: Sequence[Vector]
    ) -> None:
        """Make exactly these the passages of the document; safe to repeat.

        Raises:
            SearchUnavailable: retryable; a repeat completes it.
        """
        ...


class GraphApi(Protocol):
    """Meta's Graph API for one number at a time."""

    async def send(self, phone_number_id: str, to: Recipient, message: OutboundMessage, attempt_id: str) -> str:
        """Send one message and give its wamid.

        Raises:
            GraphRefused: Graph answered with an error code; nothing was sent.
            GraphUnreachable: the outcome is unknown unless `never_sent`.
        """
        ...

    async def mark_read(self, phone_number_id: str, wamid: str, *, typing: bool) -> None:
        """Show the user that the message was read, and for up to 25 s that we are typing."""
        ...
