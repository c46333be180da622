"""The record of a trial: what every user wrote and was told, in the order it happened. In memory, bounded.

One rule: rows are only added, and each of their times is set once; a verdict is read from them, never kept beside.
Texts are not kept: a row holds the tokens in them ("#17") and a digest.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

TOKEN: Final = re.compile(r"#(\d{1,9})(?!\d)")
_MOST_TOKENS: Final = 200  # of one reply
ANSWERED_KINDS: Final = frozenset(
    ["text", "image", "audio", "video", "document", "sticker", "interactive", "button", "location", "contacts", "order"]
)  # a user who sends these expects to be answered

Chat = tuple[str, str]  # the simulator's id of the user, phone_number_id


@dataclass(slots=True, kw_only=True)
class Written:
    """A message of a user; instants are unix seconds of the simulator's clock."""

    wamid: str
    chat: Chat
    token: int | None  # of its text, "... #17"
    written_at: float
    posted_at: float | None = None  # first try of its webhook
    accepted_at: float | None = None  # first 200: from here on the service has promised an answer


@dataclass(slots=True, kw_only=True)
class Told:
    """A message of a business that Graph took."""

    wamid: str
    chat: Chat
    attempt: str | None  # `biz_opaque_callback_data`
    quoted: str | None  # wamid
    tokens: tuple[int, ...]  # in its text, in the order they stand there
    digest: str  # of kind and content
    posted_at: float  # when Graph took it
    answer: Literal["pending", "clean", "lost", "error"] = "pending"  # what the caller was told
    delivered_at: float | None = None
    place: int = 0  # grows over all deliveries, in the order in which users see them
    status_taken_at: float | None = None  # the first 200 for a status that names this attempt


class Journal:
    """All rows; when it is full, later rows are counted and not kept, and the verdict says that it is not whole."""

    def __init__(self, *, capacity: int) -> None:
        self._capacity = capacity
        self._token = 0
        self.reset()

    def reset(self) -> None:
        """Begin a new trial; what is still under way belongs to none."""
        self.written: list[Written] = []
        self.told: list[Told] = []
        self._by_wamid: dict[str, Written] = {}
        self._told_by_wamid: dict[str, Told] = {}
        self._waiting: dict[Chat, int] = {}  # chat -> accepted messages since the last reply
        self.overflow = 0
        self.accepted = self.delivered = 0

    def next_token(self) -> int:
        """A number that no message of this simulator's life has carried."""
        self._token += 1
        return self._token

    def write(self, wamid: str, chat: Chat, kind: str, text: str, now: float) -> None:
        """A user wrote; kinds that ask for no answer leave no row."""
        if kind not in ANSWERED_KINDS or self._is_full(self.written):
            return
        found = TOKEN.search(text) if "#" in text else None
        row = Written(wamid=wamid, chat=chat, token=int(found[1]) if found else None, written_at=now)
        self.written.append(row)
        self._by_wamid[wamid] = row

    def post(self, wamid: str, now: float) -> None:
        """The first try of a user's message is on its way to the callback."""
        row = self._by_wamid.get(wamid)
        if row is not None and row.posted_at is None:
            row.posted_at = now

    def accept(self, wamid: str, now: float) -> None:
        """A try of a user's message was answered with 200."""
        row = self._by_wamid.get(wamid)
        if row is not None and row.accepted_at is None:
            row.accepted_at = now
            self.accepted += 1
            self._waiting[row.chat] = self._waiting.get(row.chat, 0) + 1

    def tell(
        self,
        wamid: str,
        chat: Chat,
        kind: str,
        content: Mapping[str, Any],
        *,
        attempt: str | None,
        quoted: str | None,
        now: float,
    ) -> None:
        """Graph took a message of a business; a reaction leaves no row."""
        if kind == "reaction" or self._is_full(self.told):
            return
        said = json.dumps([kind, content], sort_keys=True)
        row = Told(
            wamid=wamid,
            chat=chat,
            attempt=attempt,
            quoted=quoted,
            tokens=tokens_in(said),
            digest=hashlib.blake2b(said.encode(), digest_size=8).hexdigest(),
            posted_at=now,
        )
        self.told.append(row)
        self._told_by_wamid[wamid] = row

    def answer(self, wamid: str, how: Literal["clean", "lost", "error"]) -> None:
        """What became of Graph's answer to the call that brought this message."""
        row = self._told_by_wamid.get(wamid)
        if row is not None:
            row.answer = how

    def deliver(self, wamid: str, now: float) -> None:
        """A message of a business is on the user's phone."""
        row = self._told_by_wamid.get(wamid)
        if row is not None and row.delivered_at is None:
            self.delivered += 1
            row.delivered_at, row.place = now, self.delivered
            self._waiting.pop(row.chat, None)

    def take_status(self, wamid: str, now: float) -> None:
        """A status of a message of a business was answered with 200."""
        row = self._told_by_wamid.get(wamid)
        if row is not None and row.status_taken_at is None:
            row.status_taken_at = now

    def progress(self) -> dict[str, int]:
        """Cheap counts: the exact ones are the verdict's."""
        return {
            "written": len(self.written),
            "accepted": self.accepted,
            "taken": len(self.told),
            "delivered": self.delivered,
            "waiting_chats": len(self._waiting),  # accepted messages, and no reply since
            "overflow": self.overflow,
        }

    def _is_full(self, rows: "list[Written] | list[Told]") -> bool:
        if len(rows) < self._capacity:
            return False
        self.overflow += 1
        return True


def tokens_in(text: str) -> tuple[int, ...]:
    """The tokens in a text, each once, in order."""
    if "#" not in text:
        return ()
    return tuple(dict.fromkeys(int(found[1]) for found in TOKEN.finditer(text)))[:_MOST_TOKENS]
