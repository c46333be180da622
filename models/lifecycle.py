"""The life of a row as tables of legal steps; the store's statements on the outbox are made from its table."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from models.errors import IllegalStep
from models.passage import DocumentState


class InboxState(StrEnum):
    """Where a received message stands."""

    RECEIVED = "received"  # committed before our 200; not answered yet
    ANSWERED = "answered"  # a turn that contained it was committed
    BURIED = "buried"  # could not be processed; the reason stands beside it


class OutboxState(StrEnum):
    """Where a message of ours stands."""

    QUEUED = "queued"
    SENDING = "sending"  # committed before the POST; whoever finds it later knows nothing of the outcome
    UNKNOWN = "unknown"  # Graph may have taken it; waits for a status that names the attempt
    ACCEPTED = "accepted"  # Graph answered 200
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    PLAYED = "played"
    FAILED = "failed"


INBOX_STEPS: Mapping[InboxState, frozenset[InboxState]] = {
    InboxState.RECEIVED: frozenset({InboxState.ANSWERED, InboxState.BURIED}),
    InboxState.ANSWERED: frozenset(),
    InboxState.BURIED: frozenset({InboxState.RECEIVED}),  # replayed by an operator
}

# A status may skip rungs and may come before our note of Graph's answer, and even after the wait for an unknown outcome
# (the row is QUEUED again then, and must not go out twice): the ladder is open upwards from everywhere. FAILED stands
# above all, so that any order of statuses ends in the same state; what failed for a cause that passes, and has not
# reached the user's phone, is QUEUED again instead, once.
_LADDER = (OutboxState.SENT, OutboxState.DELIVERED, OutboxState.READ, OutboxState.PLAYED)

OUTBOX_STEPS: Mapping[OutboxState, frozenset[OutboxState]] = {
    OutboxState.QUEUED: frozenset({OutboxState.SENDING, OutboxState.FAILED, *_LADDER}),
    OutboxState.SENDING: frozenset(
        {OutboxState.QUEUED, OutboxState.UNKNOWN, OutboxState.ACCEPTED, OutboxState.FAILED, *_LADDER}
    ),
    OutboxState.UNKNOWN: frozenset({OutboxState.QUEUED, OutboxState.ACCEPTED, OutboxState.FAILED, *_LADDER}),
    OutboxState.ACCEPTED: frozenset({OutboxState.QUEUED, OutboxState.FAILED, *_LADDER}),
    OutboxState.SENT: frozenset({OutboxState.QUEUED, OutboxState.FAILED, *_LADDER[1:]}),
    OutboxState.DELIVERED: frozenset({OutboxState.FAILED, *_LADDER[2:]}),
    OutboxState.READ: frozenset({OutboxState.FAILED, *_LADDER[3:]}),
    OutboxState.PLAYED: frozenset({OutboxState.FAILED}),
    OutboxState.FAILED: frozenset({OutboxState.QUEUED}),  # replayed by an operator
}

DOCUMENT_STEPS: Mapping[DocumentState, frozenset[DocumentState]] = {
    DocumentState.RECEIVED: frozenset({DocumentState.INDEXED, DocumentState.REJECTED, DocumentState.REMOVED}),
    DocumentState.INDEXED: frozenset({DocumentState.RECEIVED, DocumentState.REMOVED}),
    DocumentState.REJECTED: frozenset({DocumentState.RECEIVED, DocumentState.REMOVED}),
    DocumentState.REMOVED: frozenset({DocumentState.RECEIVED}),
}

State = TypeVar("State", bound=StrEnum)


def step(steps: Mapping[State, frozenset[State]], old: State, new: State) -> State:
    """Give `new` if its life allows the step from `old`.

    Raises:
        IllegalStep: it does not.
    """
    if new not in steps[old]:
        raise IllegalStep(f"{old} cannot become {new}")
    return new


def before(steps: Mapping[State, frozenset[State]], new: State) -> list[str]:
    """Give every state from which `new` may be entered: the WHERE clause of an UPDATE that takes the step."""
    return [old.value for old, nexts in steps.items() if new in nexts]
