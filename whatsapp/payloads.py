"""Our messages as Meta's JSON, and Graph's answers as ours; what comes in by webhook is read in `inbound.py`.

Pure. One rule: a message that Meta would refuse for its lengths or counts is refused here, in Meta's own words and
before it costs a call. Limits stand in `limits.py`. Source: Meta's reference of the Messages API, a page a kind.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from models.errors import BadPayload, GraphRefused
from models.message import Choice, OutboundKind, OutboundMessage, Recipient
from whatsapp import limits
from whatsapp.lenient import first_text_in, integer_in, object_in, objects_in, text_in

MISSING_PARAMETER: Final = 131008
BAD_PARAMETER: Final = 131009
NO_CODE: Final = -1  # an answer without an error of Graph's; 0 is a code of theirs

JsonObject: TypeAlias = dict[str, Any]

_INTERACTIVE = frozenset({OutboundKind.BUTTONS, OutboundKind.LIST, OutboundKind.LINK})
_DETAILS_CHARS = 300
# What Graph quotes back may be a number, a wamid, a user id, or the token itself ("Malformed access token ...").
_PERSONAL = re.compile(r"wamid\.\S+|\b[A-Z]{2}\.(?:ENT\.)?\w{5,}|\+?[0-9][0-9 ()\-]{5,}[0-9]|[\w\-]{25,}")


def to_graph(message: OutboundMessage, to: Recipient, attempt_id: str) -> JsonObject:
    """The body of POST /{phone number id}/messages.

    Args:
        attempt_id: comes back with every status as `biz_opaque_callback_data`; 1 to 512 characters.

    Raises:
        GraphRefused: code 131008 or 131009 and HTTP status 0: over a limit of Meta's or incomplete; nothing was sent.
    """
    _check_length("attempt id", attempt_id, limits.CALLBACK_DATA_CHARS)
    if (message.header or message.footer) and message.kind not in _INTERACTIVE:
        raise _bad(f"a message of kind {message.kind} has no header or footer")
    name, content = _CONTENTS[message.kind](message)
    body: JsonObject = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **_address(to),
        "type": name,
        name: content,
        "biz_opaque_callback_data": attempt_id,
    }
    if message.reply_to and message.kind is not OutboundKind.REACTION:
        body["context"] = {"message_id": message.reply_to}
    return body


def read_receipt(wamid: str, *, typing: bool) -> JsonObject:
    """The body that marks a message, and all before it, as read; `typing` shows for up to 25 s that we write."""
    receipt: JsonObject = {"messaging_product": "whatsapp", "status": "read", "message_id": wamid}
    return receipt | ({"typing_indicator": {"type": "text"}} if typing else {})


def parse_send_response(answer: object) -> str:
    """The wamid that Graph gave the message it accepted.

    Raises:
        BadPayload: there is none; whether the message was accepted is not known.
    """
    messages = objects_in(answer, "messages") if isinstance(answer, dict) else []
    wamid = text_in(messages[0], "id") if messages else None
    if wamid is None:
        raise BadPayload("Graph's answer to a send names no message")
    return wamid


def parse_graph_error(answer: object, http_status: int) -> GraphRefused:
    """Graph's error in our words, whatever the answer looks like; `code` is -1 where Graph gave none.

    Numbers, ids and tokens that Graph quotes back are struck out, so that the error may be logged.
    """
    error = object_in(answer, "error") if isinstance(answer, dict) else {}
    code = integer_in(error, "code")
    if code is None:
        return GraphRefused(f"HTTP {http_status} without an error of Graph's", NO_CODE, "", http_status)
    title = _without_personal(first_text_in(error, ("message", "error_user_msg")) or "no message")
    details = _without_personal(text_in(object_in(error, "error_data"), "details") or "")
    return GraphRefused(f"Graph refused with code {code}: {title}", code, details, http_status)


def _address(to: Recipient) -> JsonObject:
    """A phone with "+", else Meta puts the business's country code before it; it wins over the user id."""
    if to.phone:
        return {"to": f"+{to.phone.removeprefix('+')}"}
    if to.user_id:
        return {"recipient": to.user_id}
    raise _missing("a recipient needs a phone or a user id")


def _text(message: OutboundMessage) -> tuple[str, JsonObject]:
    _check_length("body", message.body, limits.TEXT_BODY_CHARS)
    return "text", {"preview_url": False, "body": message.body}


def _buttons(message: OutboundMessage) -> tuple[str, JsonObject]:
    _check_length("body", message.body, limits.BUTTONS_BODY_CHARS)
    _check_choices(message.choices, limits.BUTTONS_MAX, limits.BUTTON_ID_CHARS, limits.BUTTON_TITLE_CHARS)
    if len({choice.title for choice in message.choices}) < len(message.choices):
        raise _bad("two buttons have the same title")
    buttons = [{"type": "reply", "reply": {"id": choice.id, "title": choice.title}} for choice in message.choices]
    return _interactive("button", message, {"buttons": buttons})


def _list(message: OutboundMessage) -> tuple[str, JsonObject]:
    _check_length("body", message.body, limits.LIST_BODY_CHARS)
    _check_length("list label", message.list_label or "", limits.LIST_LABEL_CHARS)
    _check_choices(message.choices, limits.LIST_ROWS_MAX, limits.ROW_ID_CHARS, limits.ROW_TITLE_CHARS)
    rows = [_row(choice) for choice in message.choices]
    return _interactive("list", message, {"button": message.list_label, "sections": [{"rows": rows}]})


def _row(choice: Choice) -> JsonObject:
    row = {"id": choice.id, "title": choice.title}
    if choice.description:
        _check_length("description", choice.description, limits.ROW_DESCRIPTION_CHARS)
        row["description"] = choice.description
    return row


def _link(message: OutboundMessage) -> tuple[str, JsonObject]:
    _check_length("body", message.body, limits.LINK_BODY_CHARS)
    if len(message.choices) != 1:
        raise _bad("a link has exactly one choice, its label")
    _check_length("link label", message.choices[0].title, limits.LINK_LABEL_CHARS)
    if not (message.url or "").startswith(("https://", "http://")):
        raise _bad("a link needs an http or https address")
    parameters = {"display_text": message.choices[0].title, "url": message.url}
    return _interactive("cta_url", message, {"name": "cta_url", "parameters": parameters})


def _interactive(name: str, message: OutboundMessage, action: JsonObject) -> tuple[str, JsonObject]:
    content: JsonObject = {"type": name, "body": {"text": message.body}, "action": action}
    if message.header:
        _check_length("header", message.header, limits.INTERACTIVE_HEADER_CHARS)
        content["header"] = {"type": "text", "text": message.header}
    if message.footer:
        _check_length("footer", message.footer, limits.INTERACTIVE_FOOTER_CHARS)
        content["footer"] = {"text": message.footer}
    return "interactive", content


def _media(message: OutboundMessage) -> tuple[str, JsonObject]:
    name = message.media_type or ""
    if name not in limits.MEDIA_MAX_BYTES:
        raise _bad("media type is none of audio, document, image, sticker, video")
    media: JsonObject = _media_source(message)
    if message.body:
        if name not in limits.CAPTIONED_MEDIA:
            raise _bad(f"media of type {name} has no caption")
        _check_length("caption", message.body, limits.CAPTION_CHARS)
        media["caption"] = message.body
    if message.filename and name == "document":
        media["filename"] = message.filename
    if message.is_voice and name == "audio":
        media["voice"] = True
    return name, media


def _media_source(message: OutboundMessage) -> JsonObject:
    if message.media_id:
        return {"id": message.media_id}
    if message.url:
        return {"link": message.url}
    raise _missing("media needs an id or an address")


def _reaction(message: OutboundMessage) -> tuple[str, JsonObject]:
    """An empty body takes the reaction back."""
    if not message.reply_to:
        raise _missing("a reaction needs the message that it reacts to")
    return "reaction", {"message_id": message.reply_to, "emoji": message.body}


def _template(message: OutboundMessage) -> tuple[str, JsonObject]:
    template = dict(message.template or {})
    if not template.get("name") or not template.get("language"):
        raise _missing("a template needs a name and a language")
    return "template", template


_CONTENTS: Mapping[OutboundKind, Callable[[OutboundMessage], tuple[str, JsonObject]]] = {
    OutboundKind.TEXT: _text,
    OutboundKind.BUTTONS: _buttons,
    OutboundKind.LIST: _list,
    OutboundKind.LINK: _link,
    OutboundKind.MEDIA: _media,
    OutboundKind.REACTION: _reaction,
    OutboundKind.TEMPLATE: _template,
}


def _check_choices(choices: tuple[Choice, ...], most: int, id_chars: int, title_chars: int) -> None:
    if not 1 <= len(choices) <= most:
        raise _bad(f"{len(choices)} choices, 1 to {most} are allowed")
    for choice in choices:
        _check_length("choice id", choice.id, id_chars)
        _check_length("choice title", choice.title, title_chars)
    if len({choice.id for choice in choices}) < len(choices):
        raise _bad("two choices have the same id")


def _check_length(name: str, text: str, most: int) -> None:
    if not text.strip():
        raise _missing(f"{name} is empty")
    if len(text) > most:
        raise _bad(f"{name} has {len(text)} characters, {most} are allowed")


def _bad(details: str) -> GraphRefused:
    return GraphRefused("a message breaks a limit of Meta's", BAD_PARAMETER, details)


def _missing(details: str) -> GraphRefused:
    return GraphRefused("a message is incomplete", MISSING_PARAMETER, details)


def _without_personal(text: str) -> str:
    return _PERSONAL.sub("[...]", text)[:_DETAILS_CHARS]
