"""What each user said and was told, and when: the truth against which a service is checked. In memory, bounded."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

LADDER = ("accepted", "sent", "delivered", "read", "played")


@dataclass(slots=True, kw_only=True)
class LedgerEntry:
    """One message of one conversation; it is shown to its user once it has a `seq`."""

    wamid: str
    user_id: str  # the simulator's id
    phone_number_id: str
    by: Literal["user", "business"]
    kind: str  # Meta's `type`
    content: dict[str, Any]  # Meta's object under the name of the type
    reply_to: str | None = None
    callback_data: str | None = None  # `biz_opaque_callback_data` of the business
    times: dict[str, float] = field(default_factory=dict)  # step of `LADDER` or "failed" -> unix seconds
    reactions: dict[str, str] = field(default_factory=dict)  # "user" or "business" -> emoji
    error: dict[str, Any] | None = None
    seq: int = 0  # grows over all conversations, in the order shown

    @property
    def status(self) -> str:
        """The highest step reached; `failed` ends the ladder."""
        if "failed" in self.times:
            return "failed"
        return next((step for step in reversed(LADDER) if step in self.times), "accepted")


@dataclass(slots=True)
class Conversation:
    """One user and one number."""

    shown: dict[int, LedgerEntry] = field(default_factory=dict)  # by seq, ascending
    last_user_at: float | None = None  # opens the 24 h window
    typing_until: float = 0.0
    waiters: set[asyncio.Future[None]] = field(default_factory=set)  # resolved by the next business message


class Ledger:
    """All conversations; when full, the oldest message goes first."""

    def __init__(self, *, conversation_messages: int, total_messages: int) -> None:
        self._conversation_limit = conversation_messages
        self._total_limit = total_messages
        self._conversations: dict[tuple[str, str], Conversation] = {}
        self._by_wamid: dict[str, LedgerEntry] = {}
        self._oldest: deque[str] = deque()
        self._seq = 0

    def conversation(self, user_id: str, phone_number_id: str) -> Conversation:
        """The conversation of a user with a number; made on first use."""
        return self._conversations.setdefault((user_id, phone_number_id), Conversation())

    def numbers_of(self, user_id: str) -> list[str]:
        """The phone_number_ids to which this user has written or been written."""
        return [number for known, number in self._conversations if known == user_id]

    def find(self, wamid: str) -> LedgerEntry | None:
        """The message with this id, if it is still kept."""
        return self._by_wamid.get(wamid)

    def record(self, entry: LedgerEntry) -> None:
        """Keep a message that exists but is not shown yet."""
        self._by_wamid[entry.wamid] = entry
        self._oldest.append(entry.wamid)
        while len(self._oldest) > self._total_limit:
            self._forget(self._oldest.popleft())

    def show(self, entry: LedgerEntry) -> None:
        """Put a recorded message in front of its user, after all that is shown already."""
        self._seq += 1
        entry.seq = self._seq
        conversation = self.conversation(entry.user_id, entry.phone_number_id)
        conversation.shown[entry.seq] = entry
        if len(conversation.shown) > self._conversation_limit:
            self._by_wamid.pop(conversation.shown.pop(next(iter(conversation.shown))).wamid, None)
        if entry.by == "business":
            self._wake(conversation)

    def after(self, user_id: str, phone_number_id: str, seq: int) -> list[LedgerEntry]:
        """What was shown after this point, in order."""
        shown = self.conversation(user_id, phone_number_id).shown
        if not seq:
            return list(shown.values())
        newest_first: list[LedgerEntry] = []
        for entry in reversed(shown.values()):
            if entry.seq <= seq:
                break
            newest_first.append(entry)
        return newest_first[::-1]

    async def wait_for_business(self, user_id: str, phone_number_id: str, seq: int, timeout_s: float) -> None:
        """Return once the business said something after `seq`, or when the time is up."""
        conversation = self.conversation(user_id, phone_number_id)
        if any(entry.by == "business" for entry in self.after(user_id, phone_number_id, seq)):
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        conversation.waiters.add(waiter)
        try:
            await asyncio.wait_for(waiter, timeout_s)
        except TimeoutError:
            return
        finally:
            conversation.waiters.discard(waiter)

    @staticmethod
    def _wake(conversation: Conversation) -> None:
        for waiter in conversation.waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _forget(self, wamid: str) -> None:
        entry = self._by_wamid.pop(wamid, None)
        if entry is not None:
            self.conversation(entry.user_id, entry.phone_number_id).shown.pop(entry.seq, None)
