"""The conversations of one business in memory: routing, claims and turns, passing the same tests as the real ones."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from uuid import UUID, uuid4

from models.answer import Line, Speaker
from models.conversation import SILENT, UNASKING, ClosedTurn, OpenTurn, ReceivedMessage, Tenant
from models.errors import LeaseLost
from models.message import InboundMessage, OutboundMessage, Recipient
from store.conversations import MOST_EXPIRIES, MOST_TRIES, RETRY_AFTER, ClaimedConversation
from store.leases import LEASE


@dataclass
class TwinConversation:
    """One user: what they wrote and were told, and who works on it."""

    recipient: Recipient
    id: UUID = field(default_factory=uuid4)
    unanswered: list[ReceivedMessage] = field(default_factory=list)
    buried: list[ReceivedMessage] = field(default_factory=list)
    history: list[Line] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    language: str | None = None
    is_with_person: bool = False
    ready_at: datetime | None = None
    owner: str | None = None
    lease_until: datetime | None = None
    fence: int = 0
    tries: int = 0
    expiries: int = 0


class TwinConversations:
    """All that a conversation worker asks of the store. What is written is due once it was routed."""

    def __init__(self) -> None:
        self.tenant = Tenant(id=uuid4(), slug="shop", name="Shop", languages=("en", "es"))
        self.all: dict[str, TwinConversation] = {}  # by phone
        self._arrived: list[InboundMessage] = []
        self._ids = count(1)

    @property
    def has_unrouted(self) -> bool:
        """Whether something waits to be routed."""
        return bool(self._arrived)

    def receive(self, *messages: InboundMessage) -> None:
        """Let these arrive; they wait to be routed."""
        self._arrived.extend(messages)

    def expire(self) -> None:
        """Let all leases have run out."""
        for conversation in self.all.values():
            if conversation.lease_until is not None:
                conversation.lease_until = datetime.now(UTC) - LEASE

    # -- routing -----------------------------------------------------------------------------------------------------

    async def route(self) -> int:
        arrived, self._arrived = self._arrived, []
        now = datetime.now(UTC)
        for message in arrived:
            phone = message.sender.phone or ""
            conversation = self.all.setdefault(phone, TwinConversation(Recipient(phone=phone)))
            received = ReceivedMessage(inbox_id=next(self._ids), received_at=now, message=message)
            conversation.unanswered.append(received)
            conversation.ready_at = now
        return len(arrived)

    # -- claims ------------------------------------------------------------------------------------------------------

    async def work_waits(self) -> bool:
        now = datetime.now(UTC)
        return bool(self._arrived) or any(_is_due(one, now) for one in self.all.values())

    async def claim(self, owner: str, limit: int) -> list[ClaimedConversation]:
        now = datetime.now(UTC)
        due = [one for one in self.all.values() if _is_due(one, now)]
        chosen = sorted(due, key=lambda one: one.ready_at or now)[:limit]
        return [_taken(one, owner, now) for one in chosen]

    async def renew(self, owner: str, keys: Collection[UUID]) -> set[UUID]:
        now = datetime.now(UTC)
        held = [one for one in self.all.values() if one.id in keys and one.owner == owner and not _is_free(one, now)]
        for one in held:
            one.lease_until = now + LEASE
        return {one.id for one in held}

    async def give_back(self, claimed: ClaimedConversation) -> None:
        _let_go(self._held(claimed.id, claimed.fence))

    async def fail(self, claimed: ClaimedConversation) -> None:
        conversation = self._held(claimed.id, claimed.fence)
        conversation.tries += 1
        conversation.ready_at = datetime.now(UTC) + RETRY_AFTER
        _let_go(conversation)

    async def bury(self, claimed: ClaimedConversation, reason: str, farewell: OutboundMessage) -> None:
        conversation = self._held(claimed.id, claimed.fence)
        conversation.buried, conversation.unanswered = conversation.unanswered, []
        if not conversation.is_with_person:
            conversation.said.append(farewell.body)
        _finish(conversation)

    # -- turns -------------------------------------------------------------------------------------------------------

    async def open(self, claimed: ClaimedConversation) -> OpenTurn | None:
        conversation = self._of(claimed.id)
        if not conversation.unanswered:
            return None
        return OpenTurn(
            conversation_id=conversation.id,
            tenant=self.tenant,
            phone_number_id="n",
            recipient=conversation.recipient,
            messages=tuple(conversation.unanswered),
            history=tuple(conversation.history),
            is_with_person=conversation.is_with_person,
            fence=claimed.fence,
            claimed_at=claimed.claimed_at,
            language=conversation.language,
        )

    async def close(self, closed: ClosedTurn) -> ClosedTurn:
        turn = closed.turn
        conversation = self._held(turn.conversation_id, turn.fence)
        if conversation.is_with_person:
            closed = replace(closed, answer=None, replies=(), wants_person=False)
        answered = {message.inbox_id for message in turn.messages}
        conversation.unanswered = [one for one in conversation.unanswered if one.inbox_id not in answered]
        if any(one.message.kind not in SILENT for one in conversation.unanswered):
            closed = replace(closed, replies=tuple(_quoting(reply, turn) for reply in closed.replies))
        conversation.said.extend(reply.body for reply in closed.replies)
        conversation.history.extend(_lines(closed))
        conversation.language = closed.language
        _finish(conversation)
        return closed

    async def gone_on(self, opened: Collection[OpenTurn]) -> set[UUID]:
        return {turn.conversation_id for turn in opened if self._has_more_than(turn)}

    async def nothing_left(self, claimed: ClaimedConversation) -> None:
        _finish(self._held(claimed.id, claimed.fence))

    def _has_more_than(self, turn: OpenTurn) -> bool:
        held = {message.inbox_id for message in turn.messages}
        unanswered = self._of(turn.conversation_id).unanswered
        return any(one.inbox_id not in held and one.message.kind not in UNASKING for one in unanswered)

    def _of(self, key: UUID) -> TwinConversation:
        return next(one for one in self.all.values() if one.id == key)

    def _held(self, key: UUID, fence: int) -> TwinConversation:
        conversation = self._of(key)
        if conversation.fence != fence:
            raise LeaseLost("the conversation was claimed by another worker")
        return conversation


def _is_due(conversation: TwinConversation, now: datetime) -> bool:
    return conversation.ready_at is not None and conversation.ready_at <= now and _is_free(conversation, now)


def _is_free(conversation: TwinConversation, now: datetime) -> bool:
    return conversation.lease_until is None or conversation.lease_until < now


def _taken(conversation: TwinConversation, owner: str, now: datetime) -> ClaimedConversation:
    conversation.expiries += conversation.lease_until is not None
    conversation.owner, conversation.lease_until = owner, now + LEASE
    conversation.fence += 1
    is_worn_out = conversation.tries >= MOST_TRIES or conversation.expiries >= MOST_EXPIRIES
    return ClaimedConversation(id=conversation.id, fence=conversation.fence, claimed_at=now, is_worn_out=is_worn_out)


def _let_go(conversation: TwinConversation) -> None:
    conversation.owner = conversation.lease_until = None


def _finish(conversation: TwinConversation) -> None:
    """Let go after work that was done: due again at once while something is unanswered, else not at all."""
    conversation.tries = conversation.expiries = 0
    conversation.ready_at = datetime.now(UTC) if conversation.unanswered else None
    _let_go(conversation)


def _lines(closed: ClosedTurn) -> list[Line]:
    now = datetime.now(UTC)
    asked = "\n".join(one.message.text or "" for one in closed.turn.spoken)
    said = "\n".join(reply.body for reply in closed.replies)
    lines = [
        Line(speaker=Speaker.USER, text=asked, at=closed.turn.messages[0].received_at),
        Line(speaker=Speaker.BUSINESS, text=said, at=now),
    ]
    return [line for line in lines if line.text]


def _quoting(reply: OutboundMessage, turn: OpenTurn) -> OutboundMessage:
    return replace(reply, reply_to=reply.reply_to or turn.spoken[-1].message.wamid) if turn.spoken else reply
