"""What actors need of the world, as Protocols: real ones in `store`, `whatsapp` and `deployments`, twins in `tests`.

Every method has a time limit of its own and raises errors of `models.errors` only.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from models.answer import Answer, Question
from models.conversation import ClosedTurn, OpenTurn
from models.message import Media, OutboundMessage, Recipient
from models.passage import FoundPassage, Passage, Vector
from store.conversations import ClaimedConversation
from store.documents import ClaimedDocument
from store.duties import ClaimedDuty
from store.outbox import ClaimedNumber, DueReceipt, QueuedMessage


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


class Transcriber(Protocol):
    """A model that hears."""

    async def transcribe(self, phone_number_id: str, media: Media, language: str) -> str:
        """Give the words of a voice note, "" where nobody speaks; `language` is a guess.

        Raises:
            ModelUnavailable: no words in time, or the file cannot be had. Retryable.
        """
        ...


class Describer(Protocol):
    """A model that sees."""

    async def describe(self, phone_number_id: str, media: Media, language: str) -> str:
        """Say in a sentence or two what a picture shows, and what is written on it.

        Raises:
            ModelUnavailable: no words in time, or the file cannot be had. Retryable.
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
            SearchRefused: these passages are not taken, now or later.
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


class Routing(Protocol):
    """Gives received messages to their conversations; see `store/routing.py`."""

    async def route(self) -> int: ...


class ConversationClaims(Protocol):
    """Conversations as work; see `store/conversations.py`."""

    async def work_waits(self) -> bool: ...
    async def claim(self, owner: str, limit: int) -> list[ClaimedConversation]: ...
    async def renew(self, owner: str, keys: Collection[UUID]) -> set[UUID]: ...
    async def give_back(self, claimed: ClaimedConversation) -> None: ...
    async def fail(self, claimed: ClaimedConversation) -> None: ...
    async def bury(self, claimed: ClaimedConversation, reason: str, farewell: OutboundMessage) -> None: ...


class TurnStore(Protocol):
    """Opens a claimed conversation and commits what came of it; see `store/turns.py`."""

    async def open(self, claimed: ClaimedConversation) -> OpenTurn | None: ...
    async def close(self, closed: ClosedTurn) -> ClosedTurn: ...
    async def gone_on(self, opened: Collection[OpenTurn]) -> set[UUID]: ...
    async def nothing_left(self, claimed: ClaimedConversation) -> None: ...


class SendQueue(Protocol):
    """What goes out, a number at a time; see `store/outbox.py`."""

    async def claim_numbers(self, owner: str, limit: int) -> list[ClaimedNumber]: ...
    async def renew(self, owner: str, keys: Collection[str]) -> set[str]: ...
    async def release(self, number: ClaimedNumber) -> None: ...
    async def heads(self, phone_number_id: str, limit: int) -> list[QueuedMessage]: ...
    async def begin(self, number: ClaimedNumber, ids: Sequence[int]) -> dict[int, UUID]: ...
    async def postpone(self, key: int, delay: timedelta) -> None: ...
    async def accepted(self, key: int, attempt_id: UUID, wamid: str) -> None: ...
    async def retry(self, key: int, attempt_id: UUID, delay: timedelta, code: int) -> None: ...
    async def unknown(self, key: int, attempt_id: UUID, code: int | None = None) -> None: ...
    async def failed(
        self, key: int, attempt_id: UUID, code: int | None, reason: str, *, asks_person: bool = False
    ) -> None: ...
    async def opted_out(self, key: int, attempt_id: UUID, code: int) -> None: ...
    async def withhold(self, key: int, reason: str) -> None: ...
    async def window_closed(self, key: int, attempt_id: UUID | None = None, code: int | None = None) -> bool: ...
    async def stop_number(self, phone_number_id: str, reason: str) -> None: ...
    async def settle_unknown(self, phone_number_id: str) -> int: ...
    async def recent_attempts(self, phone_number_id: str, within: timedelta) -> list[tuple[UUID, datetime]]: ...
    async def inbound_per_s(self, phone_number_id: str) -> float: ...
    async def take_receipts(self, phone_number_id: str, limit: int) -> list[DueReceipt]: ...


class DocumentClaims(Protocol):
    """Documents as work; see `store/documents.py`."""

    async def claim(self, owner: str, limit: int, after: UUID | None = None) -> list[ClaimedDocument]: ...
    async def renew(self, owner: str, keys: Collection[UUID]) -> set[UUID]: ...
    async def confirm(self, claimed: ClaimedDocument) -> None: ...
    async def index_again(self, document_id: UUID) -> bool: ...
    async def indexed(self, claimed: ClaimedDocument, title: str, cut: Sequence[Passage]) -> None: ...
    async def reject(self, claimed: ClaimedDocument, reason: str) -> None: ...
    async def forget(self, claimed: ClaimedDocument) -> None: ...
    async def fail(self, claimed: ClaimedDocument) -> None: ...


class DutyClaims(Protocol):
    """Upkeep as work; see `store/duties.py`."""

    async def claim(self, owner: str) -> ClaimedDuty | None: ...
    async def done(self, claimed: ClaimedDuty, again_in: timedelta) -> None: ...
