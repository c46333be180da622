"""One message of a user, from Meta's object to ours. Pure; every kind is one row of a table.

One rule: what is not understood is left out of our fields and stays in `raw`; only a message without id, time or
sender is refused. Source: Meta's reference of the `messages` webhook, a page a kind.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from models.errors import BadPayload
from models.message import InboundMessage, Media, MessageKind
from whatsapp.identity import Contacts, moved_to, sender_of
from whatsapp.lenient import first_text_in, id_in, instant_in, integer_in, object_in, objects_in, text_in


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """What one kind of message says."""

    text: str | None = None
    choice_id: str | None = None
    reply_to: str | None = None
    media: Media | None = None


def inbound_message(message: Mapping[str, Any], phone_number_id: str, contacts: Contacts) -> InboundMessage:
    """Give the message in our words.

    Raises:
        BadPayload: it has no id, no readable time or no sender; the text is a fixed phrase.
    """
    wamid = text_in(message, "id")
    if wamid is None:
        raise BadPayload("message without id")
    sent_at = instant_in(message, "timestamp")
    if sent_at is None:
        raise BadPayload("message without a readable timestamp")
    sender = sender_of(message, contacts)
    if sender is None:
        raise BadPayload("message without sender")
    kind = kind_of(message)
    content = _content_of(kind, message)
    return InboundMessage(
        phone_number_id=phone_number_id,
        wamid=wamid,
        kind=kind,
        sent_at=sent_at,
        sender=sender,
        text=content.text,
        choice_id=content.choice_id,
        reply_to=content.reply_to or text_in(object_in(message, "context"), "id"),
        media=content.media,
        moved_to=moved_to(message),
        raw=message,
    )


def kind_of(message: Mapping[str, Any]) -> MessageKind:
    """The kind that Meta names; `UNKNOWN` for names that we do not know yet."""
    named = text_in(message, "type") or ""
    if named == "voice":  # the name of voice notes before they became audio with voice=true
        return MessageKind.AUDIO
    return _KINDS.get(named, MessageKind.UNKNOWN)


def _content_of(kind: MessageKind, message: Mapping[str, Any]) -> _Content:
    reader = _READERS.get(kind)
    return reader(message) if reader else _Content()


def _text(message: Mapping[str, Any]) -> _Content:
    return _Content(text=text_in(object_in(message, "text"), "body"))


def _media(message: Mapping[str, Any]) -> _Content:
    named = text_in(message, "type") or ""
    file = object_in(message, named)
    caption = text_in(file, "caption")
    media_id = id_in(file, "id")
    if media_id is None:
        return _Content(text=caption)
    media = Media(
        id=media_id,
        mime_type=text_in(file, "mime_type") or "application/octet-stream",
        sha256=text_in(file, "sha256"),
        caption=caption,
        filename=text_in(file, "filename"),
        is_voice=named == "voice" or file.get("voice") is True,
    )
    return _Content(text=caption, media=media)


def _location(message: Mapping[str, Any]) -> _Content:
    place = object_in(message, "location")
    words = [word for word in (text_in(place, "name"), text_in(place, "address")) if word]
    coordinates = [str(place[key]) for key in ("latitude", "longitude") if isinstance(place.get(key), int | float)]
    return _Content(text=", ".join(words or coordinates) or None)


def _contacts(message: Mapping[str, Any]) -> _Content:
    names = (text_in(object_in(card, "name"), "formatted_name") for card in objects_in(message, "contacts"))
    return _Content(text=", ".join(filter(None, names)) or None)


def _interactive(message: Mapping[str, Any]) -> _Content:
    """A pressed button, a chosen row, a finished flow; other replies give what title or body they have."""
    interactive = object_in(message, "interactive")
    reply = object_in(interactive, text_in(interactive, "type") or "")
    return _Content(text=first_text_in(reply, ("title", "body")), choice_id=id_in(reply, "id"))


def _button(message: Mapping[str, Any]) -> _Content:
    button = object_in(message, "button")
    return _Content(text=text_in(button, "text"), choice_id=text_in(button, "payload"))


def _reaction(message: Mapping[str, Any]) -> _Content:
    """A missing or empty emoji takes the reaction back."""
    reaction = object_in(message, "reaction")
    return _Content(text=text_in(reaction, "emoji"), reply_to=text_in(reaction, "message_id"))


def _order(message: Mapping[str, Any]) -> _Content:
    order = object_in(message, "order")
    lines = [
        f"{integer_in(item, 'quantity') or 1} x {product}"
        for item in objects_in(order, "product_items")
        if (product := id_in(item, "product_retailer_id"))
    ]
    note = text_in(order, "text")
    return _Content(text="\n".join([note, *lines] if note else lines) or None)


def _system(message: Mapping[str, Any]) -> _Content:
    return _Content(text=text_in(object_in(message, "system"), "body"))


def _edit(message: Mapping[str, Any]) -> _Content:
    """What the message says now; `reply_to` names the one that was edited."""
    edit = object_in(message, "edit")
    edited = object_in(edit, "message")
    kind = kind_of(edited)
    content = _Content() if kind is MessageKind.EDIT else _content_of(kind, edited)  # no edit within an edit
    return replace(content, reply_to=text_in(edit, "original_message_id"))


def _revoke(message: Mapping[str, Any]) -> _Content:
    return _Content(reply_to=text_in(object_in(message, "revoke"), "original_message_id"))


_KINDS: Mapping[str, MessageKind] = {kind.value: kind for kind in MessageKind}

_READERS: Mapping[MessageKind, Callable[[Mapping[str, Any]], _Content]] = {
    MessageKind.TEXT: _text,
    MessageKind.IMAGE: _media,
    MessageKind.AUDIO: _media,
    MessageKind.VIDEO: _media,
    MessageKind.DOCUMENT: _media,
    MessageKind.STICKER: _media,
    MessageKind.LOCATION: _location,
    MessageKind.CONTACTS: _contacts,
    MessageKind.INTERACTIVE: _interactive,
    MessageKind.BUTTON: _button,
    MessageKind.REACTION: _reaction,
    MessageKind.ORDER: _order,
    MessageKind.SYSTEM: _system,
    MessageKind.EDIT: _edit,
    MessageKind.REVOKE: _revoke,
}
