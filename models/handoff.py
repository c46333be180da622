"""A person answers instead of the bot: who may do what to a conversation, and what they see of it.

One rule: the bot answers until a person has taken the conversation, and is silent until it is handed back.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from models.conversation import SERVICE_WINDOW
from models.errors import TheyErred

NAME_LENGTH = 60  # characters of a person's name
TEXT_LENGTH = 4096  # characters of a reply; Meta's limit for a text
LINES = 50  # of one page, unless asked otherwise
MOST_LINES = 200


class Act(StrEnum):
    """What a person did; kept for the record."""

    TOOK = "took"
    REPLIED = "replied"
    HANDED_BACK = "handed back"


class Which(StrEnum):
    """Which conversations to list."""

    WAITING = "waiting"  # a person is wanted and none is there; the longest waiting first
    TAKEN = "taken"  # a person has it; the longest first
    RECENT = "recent"  # whoever wrote lately, the latest first; one page


class HandoffRefused(TheyErred):
    """A person asked for what cannot be; the message says why and what to do. Nothing was changed."""


class UnknownConversation(HandoffRefused):
    """There is none with this id."""


class WithSomebodyElse(HandoffRefused):
    """Another person has it, or nobody; the message says who."""

    def __init__(self, message: str = "", taken_by: str | None = None) -> None:
        super().__init__(message, taken_by)
        self.taken_by = taken_by

    def __str__(self) -> str:
        return str(self.args[0])


class WindowClosed(HandoffRefused):
    """Meta takes no free text any more."""


class NotSayable(HandoffRefused):
    """A name, a text or a place in a list that cannot be taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSummary:
    """One conversation in a list."""

    id: UUID
    tenant: str  # slug
    contact: str  # as the user calls themselves; never empty
    since: datetime | None  # when a person was asked for or took it
    taken_by: str | None
    last_inbound_at: datetime | None  # by the user's phone; opens the 24-hour window

    @property
    def which(self) -> Which:
        """In which list it stands first."""
        if self.taken_by is not None:
            return Which.TAKEN
        return Which.WAITING if self.since is not None else Which.RECENT

    @property
    def writable_until(self) -> datetime | None:
        """When Meta stops to take free text; None where the user never wrote."""
        return self.last_inbound_at + SERVICE_WINDOW if self.last_inbound_at else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryPage:
    """A part of a list."""

    conversations: tuple[ConversationSummary, ...]
    next: str | None = None  # where the next page begins; None: there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadLine:
    """One message of a conversation, as a person reads it."""

    id: str  # the same whenever it is asked for
    by: str  # "user", "bot", or the name of the person
    is_person: bool = False  # `by` is a name
    text: str
    kind: str = "text"  # of `models.message.MessageKind`, where it came from the user
    at: datetime  # when we kept it
    state: str  # of the inbox or the outbox
    reason: str | None = None  # why it was buried or failed
    turn_id: UUID | None = None  # of what the bot said: ask `why`


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What a person did, and when."""

    act: Act
    person: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A conversation with a page of its lines."""

    conversation: ConversationSummary
    lines: tuple[ThreadLine, ...]  # oldest first
    deeds: tuple[Deed, ...] = ()  # the newest, oldest first
    before: str | None = None  # where the page of older lines ends; None: these are the first


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedPassage:
    """A passage that an answer was taken from."""

    title: str
    page: int | None
    text: str | None  # None: the document is gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why the bot said what it said."""

    question: str  # as it was searched for
    rung: str | None
    model: str | None
    prompt_version: str | None
    abstained: bool
    confidence: float | None
    wants_person: bool
    passages: tuple[CitedPassage, ...] = ()
    step_ms: dict[str, float] = field(default_factory=dict)
