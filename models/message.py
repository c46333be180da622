"""What crosses the wire, in our own words: a message in, a message out, and what became of it.

One rule: nothing here knows Meta's JSON; `whatsapp/payloads.py` translates.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class MessageKind(StrEnum):
    """What a user can send; `UNKNOWN` is kept raw and acknowledged."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    DOCUMENT = "document"
    STICKER = "sticker"
    LOCATION = "location"
    CONTACTS = "contacts"
    INTERACTIVE = "interactive"  # a pressed button, a chosen list row, a finished flow
    BUTTON = "button"  # the quick reply of a template
    REACTION = "reaction"
    ORDER = "order"
    SYSTEM = "system"  # the user changed number or identity
    EDIT = "edit"
    REVOKE = "revoke"
    UNSUPPORTED = "unsupported"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who wrote, as Meta told us; either of `phone` and `user_id` may be missing, not both."""

    phone: str | None = None  # digits in E.164 without "+"
    user_id: str | None = None  # business-scoped user id, used verbatim
    parent_user_id: str | None = None
    name: str | None = None  # profile name, display only
    username: str | None = None  # changeable, display only, never a key


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A reference to a file at Meta: its id lives 7 days."""

    id: str
    mime_type: str
    sha256: str | None = None
    caption: str | None = None
    filename: str | None = None
    is_voice: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMessage:
    """One thing a user did in a chat with one of our numbers."""

    phone_number_id: str  # the number it was sent to, by Meta's id
    wamid: str  # Meta's message id; holds the user's phone in base64, so never logged
    kind: MessageKind
    sent_at: datetime  # aware UTC, one second's resolution
    sender: Sender
    text: str | None = None  # what a person would read: body, caption, title of the choice, emoji of the reaction
    choice_id: str | None = None  # id or payload of a pressed button or list row
    reply_to: str | None = None  # wamid this one quotes, reacts to, edits or revokes
    media: Media | None = None
    moved_to: Sender | None = None  # of a system message: who the sender is from now on, with another number
    raw: Mapping[str, Any] = field(default_factory=dict)  # Meta's object as it came


class DeliveryState(StrEnum):
    """A ladder that is only climbed; `FAILED` ends it."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    PLAYED = "played"
    FAILED = "failed"


class Purpose(StrEnum):
    """Why a message goes out; the order of the values as texts is their priority."""

    ANSWER = "answer"  # free text; WhatsApp takes it within 24 hours of the user's last message only
    CALLBACK = "callback"  # a template that asks a user whose 24 hours are over to write again
    CAMPAIGN = "campaign"  # the business's own wish; never to whoever has opted out


class Consent(StrEnum):
    """What a user says of marketing; answers to their own questions are not meant."""

    OPTED_OUT = "opted_out"
    OPTED_IN = "opted_in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """What one user told Meta to tell us of marketing."""

    who: Sender
    consent: Consent
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryStatus:
    """What Meta says became of a message of ours."""

    phone_number_id: str
    wamid: str
    state: DeliveryState
    at: datetime
    attempt_id: str | None = None  # our own id, echoed as `biz_opaque_callback_data`
    error_code: int | None = None
    error_title: str | None = None
    may_resend: bool = False  # failed for a cause that passes: the same message may be sent once more
    opts_out: bool = False  # failed since the user wants no marketing
    asks_person: bool = False  # failed so that only a person can help the user now
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherUpdate:
    """Any webhook that is neither a message nor a status: kept as it came, under Meta's name for the field."""

    field: str
    phone_number_id: str | None
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedUpdate:
    """A part of a signed webhook that could not be understood; kept in quarantine beside its good neighbours."""

    reason: str  # a short fixed phrase, never a piece of the body
    phone_number_id: str | None
    raw: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookUpdates:
    """All that one POST carried, in the order of the body."""

    messages: tuple[InboundMessage, ...] = ()
    statuses: tuple[DeliveryStatus, ...] = ()
    others: tuple[OtherUpdate, ...] = ()
    rejected: tuple[RejectedUpdate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Where a message goes; the phone wins where both are known."""

    phone: str | None = None
    user_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A button or a list row that the user may press."""

    id: str
    title: str
    description: str | None = None  # list rows only


class OutboundKind(StrEnum):
    """What we can send."""

    TEXT = "text"
    BUTTONS = "buttons"  # up to 3 choices
    LIST = "list"  # up to 10 choices
    LINK = "link"  # one button that opens a page
    MEDIA = "media"
    REACTION = "reaction"
    TEMPLATE = "template"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundMessage:
    """One message of ours, complete; `whatsapp/payloads.py` makes Meta's JSON of it and checks Meta's limits."""

    kind: OutboundKind = OutboundKind.TEXT
    body: str = ""
    reply_to: str | None = None  # wamid to quote, or to react to
    header: str | None = None
    footer: str | None = None
    choices: tuple[Choice, ...] = ()
    list_label: str | None = None  # the button that opens a list
    url: str | None = None  # LINK only; its label is the first choice's title
    media_type: str | None = None  # image, audio, video, document, sticker
    media_id: str | None = None
    filename: str | None = None
    is_voice: bool = False
    template: Mapping[str, Any] | None = None  # Meta's template object, as approved
