"""What a trial has shown, from its journal: answered, lost, twice, out of order. Pure.

Which messages a reply answers, the first rule that fits:
  token   the tokens in its text ("#17") are those of messages of its chat: exactly these. The only exact rule: a user
          writes them, and the model in the service's place repeats those of its turn, and no others
  quote   it quotes a message: this one and all unanswered ones of its chat that were written and posted before
  oldest  neither: the oldest unanswered message of its chat, since a service quotes where a turn has several lines

Out of order: Y was written after X and first posted after X was accepted, so that the service could know X was first;
yet the user saw the (first) reply to Y before the one to X. Two messages in flight together have no order.

Answered twice: a second reply to the same message, unless it repeats the content of the first under another attempt id:
then it is a possible duplicate (DESIGN section 2, promise 2), counted apart. Of these,
  unexplained     follow a call whose answer was given whole: only the death of the caller explains them
  despite_status  were sent more than a second after the callback had acknowledged a status of the earlier attempt

All in O(n log n); 100,000 messages take about a second.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from whatsapp.simulator.journal import Chat, Told, Written

Match = Literal["auto", "token", "quote"]
_STATUS_MARGIN_S: Final = 1.0
_EXAMPLES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The figures of a trial; `*_wamids` name the first 20 of their kind."""

    written: int
    accepted: int  # the service answered 200 to their webhook
    answered: int  # of the accepted
    lost: int  # accepted and never answered
    answered_twice: int  # messages
    out_of_order: int  # messages whose reply came before that to an earlier one
    replies: int  # delivered to users
    possible_duplicates: int  # replies
    unexplained_duplicates: int
    duplicates_despite_status: int
    unprompted: int  # replies that answer nothing
    misdirected: int  # replies with the tokens of another chat, and none of their own
    is_whole: bool  # False: the journal was full, so that nothing is proven
    answer_s: dict[str, float] = field(default_factory=dict)  # p50, p95, p99, max: from 200 to Graph's taking the reply
    lost_wamids: tuple[str, ...] = ()
    twice_wamids: tuple[str, ...] = ()
    out_of_order_wamids: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the promises were kept, as far as this trial shows."""
        return self.is_whole and not (self.lost or self.answered_twice or self.out_of_order or self.misdirected)


def judge(written: Sequence[Written], told: Iterable[Told], *, match: Match = "auto", is_whole: bool = True) -> Verdict:
    """The verdict on rows in the order in which they were written and taken.

    Args:
        match: "auto" is all three rules; "token" the first alone; "quote" the other two.
    """
    delivered = [reply for reply in told if reply.delivered_at is not None]
    replies_by_chat: dict[Chat, list[Told]] = defaultdict(list)
    for reply in delivered:
        replies_by_chat[reply.chat].append(reply)
    messages_by_chat: dict[Chat, list[Written]] = defaultdict(list)
    for message in written:
        messages_by_chat[message.chat].append(message)
    issued = frozenset(message.token for message in written if message.token is not None)
    chats = [
        _Chat(messages_by_chat.get(chat, []), replies_by_chat.get(chat, []), match, issued)
        for chat in {**messages_by_chat, **replies_by_chat}
    ]
    return _sum_up(chats, len(written), len(delivered), is_whole)


def _sum_up(chats: "list[_Chat]", written: int, replies: int, is_whole: bool) -> Verdict:
    accepted = [message for chat in chats for message in chat.messages if message.accepted_at is not None]
    answers = {message.wamid: first for chat in chats for message, first in chat.first_replies()}
    lost = sorted((m for m in accepted if m.wamid not in answers), key=lambda m: m.written_at)
    twice = [wamid for chat in chats for wamid in chat.twice]
    swapped = [wamid for chat in chats for wamid in chat.out_of_order()]
    waits = sorted(answers[m.wamid].posted_at - (m.accepted_at or 0.0) for m in accepted if m.wamid in answers)
    return Verdict(
        written=written,
        accepted=len(accepted),
        answered=len(accepted) - len(lost),
        lost=len(lost),
        answered_twice=len(twice),
        out_of_order=len(swapped),
        replies=replies,
        possible_duplicates=sum(chat.possible for chat in chats),
        unexplained_duplicates=sum(chat.unexplained for chat in chats),
        duplicates_despite_status=sum(chat.despite_status for chat in chats),
        unprompted=sum(chat.unprompted for chat in chats),
        misdirected=sum(chat.misdirected for chat in chats),
        is_whole=is_whole,
        answer_s=_percentiles(waits),
        lost_wamids=tuple(message.wamid for message in lost[:_EXAMPLES]),
        twice_wamids=tuple(twice[:_EXAMPLES]),
        out_of_order_wamids=tuple(swapped[:_EXAMPLES]),
    )


class _Chat:
    """One conversation: its replies are matched in the order in which Graph took them."""

    def __init__(self, messages: list[Written], replies: list[Told], match: Match, issued: frozenset[int]) -> None:
        self.messages = messages
        self._issued = issued  # tokens of all chats
        self._match = match
        self._index = {message.wamid: index for index, message in enumerate(messages)}
        self._by_token = {m.token: index for index, m in enumerate(messages) if m.token is not None}
        self._answers: list[list[Told]] = [[] for _ in messages]  # distinct replies to each message
        self._to_post = sorted((m.posted_at, index) for index, m in enumerate(messages) if m.posted_at is not None)[
            ::-1
        ]  # the next one last
        self._pending: list[int] = []  # heap of what was posted, and perhaps not answered
        self.possible = self.unexplained = self.despite_status = self.unprompted = self.misdirected = 0
        self.twice: list[str] = []
        self._last: Told | None = None
        for reply in replies:
            self._take(reply)

    def first_replies(self) -> Iterable[tuple[Written, Told]]:
        """Each answered message with the reply that its user saw first."""
        for message, replies in zip(self.messages, self._answers, strict=True):
            if replies:
                yield message, min(replies, key=lambda reply: reply.place)

    def _take(self, reply: Told) -> None:
        while self._to_post and self._to_post[-1][0] <= reply.posted_at:
            heapq.heappush(self._pending, self._to_post.pop()[1])
        answered = self._answered_by(reply)
        earlier = [known for index in answered for known in self._answers[index]]
        if not answered and self._last is not None:
            earlier = [self._last]
        repeated = next((known for known in earlier if _repeats(reply, known)), None)
        if repeated is not None:
            self._count_repeat(reply, repeated)
            return
        self.unprompted += not answered
        for index in answered:
            if len(self._answers[index]) == 1:
                self.twice.append(self.messages[index].wamid)
            self._answers[index].append(reply)
        self._last = reply

    def _answered_by(self, reply: Told) -> list[int]:
        if self._match != "quote":
            named = [self._by_token[token] for token in reply.tokens if token in self._by_token]
            is_foreign = not named and any(token in self._issued for token in reply.tokens)
            self.misdirected += is_foreign
            if named or is_foreign or self._match == "token":
                return named
        quoted = self._index.get(reply.quoted or "")
        if quoted is not None:
            return [quoted] if self._answers[quoted] else [*self._pop_pending(quoted - 1), quoted]
        return self._pop_pending(len(self.messages), most=1)

    def _pop_pending(self, last: int, most: int | None = None) -> list[int]:
        """Unanswered messages up to an index, oldest first."""
        found: list[int] = []
        while self._pending and self._pending[0] <= last and len(found) != most:
            index = heapq.heappop(self._pending)
            if not self._answers[index]:
                found.append(index)
        return found

    def _count_repeat(self, reply: Told, known: Told) -> None:
        self.possible += 1
        self.unexplained += known.answer == "clean"
        told_at = known.status_taken_at
        self.despite_status += told_at is not None and told_at + _STATUS_MARGIN_S < reply.posted_at

    def out_of_order(self) -> list[str]:
        """Messages whose reply was seen before that to a message which the service knew to be earlier."""
        places = {self._index[message.wamid]: reply.place for message, reply in self.first_replies()}
        accepted = sorted((m.accepted_at, i) for i, m in enumerate(self.messages) if m.accepted_at is not None)
        posted = sorted((m.posted_at, i) for i, m in enumerate(self.messages) if m.posted_at is not None)
        latest = _PrefixMaximum(len(self.messages))
        swapped, next_accepted = [], 0
        for posted_at, index in posted:
            while next_accepted < len(accepted) and accepted[next_accepted][0] < posted_at:
                known = accepted[next_accepted][1]
                latest.raise_to(known, places.get(known, 0))
                next_accepted += 1
            if index in places and latest.before(index) > places[index]:
                swapped.append(self.messages[index].wamid)
        return swapped


class _PrefixMaximum:
    """The largest value at any index before one; both moves in O(log n) (a Fenwick tree)."""

    def __init__(self, size: int) -> None:
        self._tree = [0] * (size + 1)

    def raise_to(self, index: int, value: int) -> None:
        index += 1
        while index < len(self._tree):
            self._tree[index] = max(self._tree[index], value)
            index += index & -index

    def before(self, index: int) -> int:
        found = 0
        while index:
            found = max(found, self._tree[index])
            index -= index & -index
        return found


def _repeats(reply: Told, known: Told) -> bool:
    return reply.digest == known.digest and reply.attempt is not None and reply.attempt != known.attempt


def _percentiles(ascending: Sequence[float]) -> dict[str, float]:
    if not ascending:
        return {}
    last = len(ascending) - 1
    picked = {f"p{percent}": ascending[round(percent / 100 * last)] for percent in (50, 95, 99)}
    return {name: round(seconds, 4) for name, seconds in (picked | {"max": ascending[-1]}).items()}
