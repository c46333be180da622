"""One user and one number of ours, and the turns they take."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from models.answer import Answer, Line
from models.message import Consent, InboundMessage, MessageKind, OutboundMessage, Recipient

SERVICE_WINDOW = timedelta(hours=24)  # Meta: free-form replies only this long after the user's last message
ANSWER_DEADLINE = timedelta(seconds=20)  # promise 4: from our 200 to the first reply; a typing indicator lives 25 s
PATIENCE = timedelta(milliseconds=1200)  # people send three lines, not one

# What neither asks nor takes back anything; a turn of nothing else gets no reply.
SILENT = frozenset({MessageKind.REACTION, MessageKind.SYSTEM, MessageKind.EDIT, MessageKind.REVOKE})
UNASKING = SILENT - {MessageKind.EDIT, MessageKind.REVOKE}  # what changes nothing of what was asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One business."""

    id: UUID
    slug: str  # short name on the command line
    name: str  # as users know it
    languages: tuple[str, ...] = ("en",)  # ISO 639-1, the first is the default
    patience: timedelta = PATIENCE  # the wait for more after a line that looks unfinished; zero: no waiting at all


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
    def spoken(self) -> tuple[ReceivedMessage, ...]:
        """What the user has said and not taken back, oldest first; may be empty."""
        return as_it_stands(self.messages)

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
    consent: Consent | None = None  # what the user said of marketing, where they said anything
    language: str = "en"
    step_ms: Mapping[str, float] = field(default_factory=dict)  # milliseconds by step of the road


def as_it_stands(messages: Iterable[ReceivedMessage]) -> tuple[ReceivedMessage, ...]:
    """Give what was said and not taken back: an edited line by its newest words, in its own place, a deleted one not.

    Reactions and other silent kinds are left out. Source: the kinds `edit` and `revoke` of Meta's webhooks, which name
    the message that they change; only numbers that share an account with the WhatsApp Business app get them.
    """
    messages = tuple(messages)
    changes = [one.message for one in messages if one.message.reply_to is not None]
    deleted = {change.reply_to for change in changes if change.kind is MessageKind.REVOKE}
    edited = {change.reply_to: change for change in changes if change.kind is MessageKind.EDIT}
    stands = [one for one in messages if one.message.kind not in SILENT and one.message.wamid not in deleted]
    return tuple(_edited(one, edited.get(one.message.wamid)) for one in stands)


def _edited(one: ReceivedMessage, edit: InboundMessage | None) -> ReceivedMessage:
    if edit is None:
        return one
    old = one.message
    return replace(one, message=replace(old, text=edit.text or old.text, media=edit.media or old.media))


_FINISHED_SHARE = 1 / 6  # of the patience, after a line that looks finished
_LONGEST_SHARE = 2.5  # of the patience, from the first unanswered line
_UNFINISHED_END = re.compile(r"(?:\.\.+|[…,:;-])[^\w.?!]*$")
_FINISHED_END = re.compile(r"[.?!。？！؟।][^\w]*$")  # noqa: RUF001  full-width marks are meant; an emoji may follow
_GREETINGS = frozenset(
    re.findall(
        r"\w+",
        "hi hello hey hiya there good morning afternoon evening hola buenas buenos dias días tardes noches qué que tal "
        "hallo guten tag morgen abend moin servus bonjour bonsoir salut ciao buongiorno buonasera salve olá ola oi bom "
        "dia boa tarde noite",
    )
)
_PRESSED = frozenset({MessageKind.INTERACTIVE, MessageKind.BUTTON})
_SHOWN = frozenset({MessageKind.IMAGE, MessageKind.VIDEO, MessageKind.DOCUMENT, MessageKind.STICKER})


def patience(message: InboundMessage, unfinished: timedelta = PATIENCE) -> timedelta:
    """Say how long to wait for more after this message before answering.

    Args:
        message: the newest of its conversation.
        unfinished: the tenant's patience with a line that looks as if more came.
    """
    if message.kind in _PRESSED or message.kind in SILENT:
        return timedelta()
    return unfinished * _FINISHED_SHARE if _looks_finished(message) else unfinished


def longest_wait(unfinished: timedelta = PATIENCE) -> timedelta:
    """Say how long a user may keep us waiting, from the first unanswered line."""
    return unfinished * _LONGEST_SHARE


def _looks_finished(message: InboundMessage) -> bool:
    text = (message.text or "").strip()
    if not text:
        return message.kind not in _SHOWN  # what is shown without a word is asked about in the next line
    words = re.findall(r"\w+", text.casefold())
    if words and _GREETINGS.issuperset(words):
        return False  # who greets goes on
    return not _UNFINISHED_END.search(text) and bool(_FINISHED_END.search(text))
