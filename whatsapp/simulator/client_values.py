"""What the simulator's client gives and raises."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models.errors import MachineFailed, TheyErred


class SimulatorRefused(TheyErred):
    """The simulator said no; the message is its reason."""


class SimulatorUnreachable(MachineFailed):
    """No simulator answers at this address, or not in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedUser:
    """A person in the simulator."""

    id: str
    name: str
    phone: str | None  # digits without "+"; None where the business sees a business-scoped id only
    username: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    """One message of a conversation, as its user sees it."""

    seq: int  # grows in the order shown; good as `after`
    wamid: str
    by: str  # "user" or "business"
    kind: str  # Meta's `type`
    text: str  # body, caption or title of the choice; empty where there is none
    content: Mapping[str, Any]  # Meta's object of that type
    reply_to: str | None  # wamid of the quoted message
    status: str  # accepted, sent, delivered, read, played or failed
    times: Mapping[str, float] = field(default_factory=dict)  # step -> unix seconds
    reactions: Mapping[str, str] = field(default_factory=dict)  # "user" or "business" -> emoji


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadState:
    """How far a load is."""

    id: str
    messages: int  # planned
    written: int
    late_s: float  # the most that a message was written after its time
    is_done: bool
    error: str | None  # why it ended before its time; the name of what was raised


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Counts since the ledger was begun; those of webhooks, refusals and faults since the simulator started."""

    written: int  # by users, of kinds that ask for an answer
    accepted: int  # of these: the service answered 200
    taken: int  # messages of the business that Graph took
    delivered: int  # of these: on a phone
    waiting_chats: int  # with accepted messages and no reply since
    overflow: int  # rows for which there was no room
    refused: Mapping[str, int]  # "130429" or "131056" -> calls that broke the limit
    faults: Mapping[str, int]  # kind of fault -> how often it struck
    webhooks: Mapping[str, int]  # delivered, pending, dropped: updates; posts, failed_tries: POSTs
