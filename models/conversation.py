"""One user and one number of ours, and the turns they take."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from models.answer import Answer, Line
from models.message import InboundMessage, MessageKind, OutboundMessage, Recipient

SERVICE_WINDOW = timedelta(hours=24)  # Meta: free-form replies only this long after the user's last message
ANSWER_DEADLINE = timedelta(seconds=20)  # promise 4: from our 200 to the first reply; a typing indicator lives 25 s


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One business."""

    id: UUID
    slug: str  # short name on the command line
    name: str  # as users know it
    languages: tuple[str, ...] = ("en",)  # ISO 639-1, the first is the default


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMessage:
    """A message of the inbox, with our own ids beside it."""

    inbox_id: int
    received_at: datetime  # by the database's clock, at the commit before our 200
    message: InboundMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTurn:
    """A claimed conversation with all that its user wrote since the last answer; valid while its lease holds."""

    conversation_id: UUID
    tenant: Tenant
    phone_number_id: str
    recipient: Recipient
    messages: tuple[ReceivedMessage, ...]  # 1 or more, oldest first
    history: tuple[Line, ...]  # oldest first
    is_with_person: bool  # a person has taken over: the bot stays silent
    fence: int  # a commit with a smaller number than the conversation's changes nothing
    claimed_at: datetime
    language: str | None = None  # of the last answer

    @property
    def deadline(self) -> datetime:
        """When the first reply must be out."""
        return self.messages[0].received_at + ANSWER_DEADLINE


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedTurn:
    """What one turn came to; committed whole or not at all."""

    turn: OpenTurn
    question: str  # standalone
    answer: Answer | None  # None where nothing is to be said (a reaction, a conversation with a person)
    replies: tuple[OutboundMessage, ...] = ()
    wants_person: bool = False
    language: str = "en"
    step_ms: Mapping[str, float] = field(default_factory=dict)  # milliseconds by step of the road


SHORT_PATIENCE = timedelta(milliseconds=200)  # the text looks finished
LONG_PATIENCE = timedelta(milliseconds=1200)  # people send three lines, not one
_FINISHED = (".", "?", "!", "…")


def patience(message: InboundMessage) -> timedelta:
    """Say how long to wait for more after this message before answering."""
    if message.kind is not MessageKind.TEXT:
        return SHORT_PATIENCE
    return SHORT_PATIENCE if (message.text or "").rstrip().endswith(_FINISHED) else LONG_PATIENCE
