"""Meta's rules for what a business may send: shapes, lengths, counts. Pure.

One rule: written from Meta's pages, never from our own payload builders, so that a mistake of theirs shows here.
Source: Meta, Cloud API "Send messages" and the page of each kind. Lengths are counted in code points.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from whatsapp.simulator.graph_errors import bad_parameter, bad_value, missing

Json = dict[str, Any]

MEDIA_KINDS = ("audio", "document", "image", "sticker", "video")
_CAPTIONED = ("document", "image", "video")
_CALLBACK_DATA_LIMIT = 512
_URL = re.compile(r"https?://[^\s/]+\S*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """A request that keeps all rules that can be checked without knowing anybody."""

    kind: str
    content: Json
    to: str | None  # phone as it was written
    recipient: str | None  # business-scoped user id
    reply_to: str | None
    callback_data: str | None


def check_outbound(body: Json) -> Outbound:
    """Read the body of POST /messages.

    Raises:
        GraphError: code 100, 131008 or 131009, as Meta answers it.
    """
    check_product(body)
    if body.get("recipient_type", "individual") != "individual":
        raise bad_value("recipient_type must be 'individual'.")
    kind = body.get("type", "text")
    if kind not in _CHECKS:
        allowed = ", ".join(sorted(_CHECKS)).upper()
        raise bad_parameter(f"Param type must be one of {{{allowed}}} - got {str(kind)[:40]!r}.")
    content = _object(body, kind)
    _CHECKS[kind](kind, content)
    to, recipient = _text_or_none(body, "to"), _text_or_none(body, "recipient")
    if to is None and recipient is None:
        raise missing("to")
    return Outbound(
        kind=kind,
        content=content,
        to=to,
        recipient=recipient,
        reply_to=_reply_to(body),
        callback_data=_callback_data(body),
    )


def check_product(body: Json) -> None:
    """Every call to /messages names the product."""
    if "messaging_product" not in body:
        raise bad_parameter("The parameter messaging_product is required.")
    if body["messaging_product"] != "whatsapp":
        raise bad_parameter("Param messaging_product must be one of {WHATSAPP}.")


def _reply_to(body: Json) -> str | None:
    if body.get("context") is None:
        return None
    return _text(_object(body, "context"), "message_id", 1_000, "context['message_id']")


def _callback_data(body: Json) -> str | None:
    if body.get("biz_opaque_callback_data") is None:
        return None
    return _text(body, "biz_opaque_callback_data", _CALLBACK_DATA_LIMIT)


def _check_text(kind: str, content: Json) -> None:
    if not isinstance(content.get("body"), str) or not content["body"].strip():
        raise bad_parameter("The parameter text['body'] is required.")
    if len(content["body"]) > 4096:
        raise bad_parameter("Param text['body'] must be at most 4096 characters long.")
    if not isinstance(content.get("preview_url", False), bool):
        raise bad_parameter("Param text['preview_url'] must be a boolean.")


def _check_media(kind: str, content: Json) -> None:
    known = {"id", "link", "caption", "filename", "voice"}
    for key in content:
        wrong_place = (
            key not in known
            or (key == "caption" and kind not in _CAPTIONED)
            or (key == "filename" and kind != "document")
            or (key == "voice" and kind != "audio")
        )
        if wrong_place:
            raise bad_parameter(f'Unexpected key "{key[:40]}" on param "{kind}".')
    has_id, has_link = isinstance(content.get("id"), str), isinstance(content.get("link"), str)
    if has_id == has_link:
        raise bad_parameter(f"Param {kind} must have exactly one of 'id' and 'link'.")
    if has_link and not _URL.fullmatch(content["link"]):
        raise bad_value(f"{kind}['link'] is not a valid URI.")
    _optional_text(content, "caption", 1024)
    _optional_text(content, "filename", 240)


def _check_reaction(kind: str, content: Json) -> None:
    _text(content, "message_id", 1_000, "reaction['message_id']")
    emoji = content.get("emoji")
    if not isinstance(emoji, str):
        raise missing("reaction['emoji']")
    if len(emoji) > 16 or any(character.isascii() and character.isalpha() for character in emoji):
        raise bad_value("reaction['emoji'] must be one emoji, or empty to remove it.")


def _check_location(kind: str, content: Json) -> None:
    for key, most in (("latitude", 90), ("longitude", 180)):
        try:
            degrees = float(content[key])
        except (KeyError, TypeError, ValueError):
            raise missing(f"location['{key}']") from None
        if not -most <= degrees <= most:
            raise bad_value(f"location['{key}'] is out of range.")
    _optional_text(content, "name", 1_000)
    _optional_text(content, "address", 1_000)


def _check_contacts(kind: str, content: Json) -> None:
    for card in content["cards"]:
        name = card.get("name") if isinstance(card, dict) else None
        if not isinstance(name, dict) or not isinstance(name.get("formatted_name"), str):
            raise missing("contacts['name']['formatted_name']")


def _check_template(kind: str, content: Json) -> None:
    _text(content, "name", 512, "template['name']")
    _text(_object(content, "language"), "code", 16, "template['language']['code']")
    components = content.get("components", [])
    kinds = {"header", "body", "button", "limited_time_offer", "carousel", "order_status"}
    if not isinstance(components, list):
        raise bad_parameter("Param template['components'] must be an array.")
    for component in components:
        if not isinstance(component, dict) or str(component.get("type", "")).lower() not in kinds:
            raise bad_parameter("Param template['components'][...]['type'] is not valid.")


def _check_interactive(kind: str, content: Json) -> None:
    form = content.get("type")
    if form not in _FORMS:
        raise bad_value(f"Interactive type invalid. Supported here: {', '.join(sorted(_FORMS))}.")
    body_limit, check_action = _FORMS[form]
    _text(_object(content, "body"), "text", body_limit, "interactive['body']['text']")
    if content.get("footer") is not None:
        _text(_object(content, "footer"), "text", 60, "interactive['footer']['text']")
    if content.get("header") is not None:
        _check_header(form, _object(content, "header"))
    check_action(_object(content, "action"))


def _check_header(form: Any, header: Json) -> None:
    kind = header.get("type")
    if kind == "text":
        _text(header, "text", 60, "interactive['header']['text']")
    elif form == "list" or kind not in ("document", "image", "video"):
        raise bad_value("Header type invalid.")
    else:
        _check_media(str(kind), _object(header, str(kind)))


def _check_buttons(action: Json) -> None:
    buttons = action.get("buttons")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= 3:
        raise bad_value("Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: 3.")
    replies = []
    for button in buttons:
        if not isinstance(button, dict) or button.get("type") != "reply":
            raise bad_value("Button type invalid: must be 'reply'.")
        reply = _object(button, "reply")
        _text(reply, "id", 256, "Button id")
        _text(reply, "title", 20, "Button title")
        replies.append(reply)
    _check_unique([reply["id"] for reply in replies], "Button ids")
    _check_unique([reply["title"] for reply in replies], "Button titles")


def _check_list(action: Json) -> None:
    _text(action, "button", 20, "List button")
    sections = action.get("sections")
    if not isinstance(sections, list) or not 1 <= len(sections) <= 10:
        raise bad_value("Section count invalid. Min: 1, Max: 10.")
    rows = [row for section in sections for row in _rows_of(section, len(sections))]
    if len(rows) > 10:
        raise bad_value("Total row count exceed max allowed count: 10.")
    _check_unique([row["id"] for row in rows], "Row ids")


def _rows_of(section: Any, sections: int) -> list[Json]:
    if not isinstance(section, dict):
        raise bad_value("Section must be an object.")
    if sections > 1 or section.get("title"):
        _text(section, "title", 24, "Section title")
    rows = section.get("rows")
    if not isinstance(rows, list) or not rows:
        raise bad_value("Section rows are required.")
    for row in rows:
        if not isinstance(row, dict):
            raise bad_value("Row must be an object.")
        _text(row, "id", 200, "Row id")
        _text(row, "title", 24, "Row title")
        _optional_text(row, "description", 72)
    return rows


def _check_link(action: Json) -> None:
    if action.get("name") != "cta_url":
        raise bad_value("Action name must be 'cta_url'.")
    parameters = _object(action, "parameters")
    _text(parameters, "display_text", 20, "display_text")
    if not _URL.fullmatch(_text(parameters, "url", 2_000, "url")):
        raise bad_value("Parameter url is not a valid URI.")


def _check_location_request(action: Json) -> None:
    if action.get("name") != "send_location":
        raise bad_value("Action name must be 'send_location'.")


# form -> longest body, check of the action. Meta's OpenAPI says 1024 for all, its page of lists says 4096.
_FORMS: dict[Any, tuple[int, Callable[[Json], None]]] = {
    "button": (1024, _check_buttons),
    "cta_url": (1024, _check_link),
    "list": (4096, _check_list),
    "location_request_message": (1024, _check_location_request),
}

_CHECKS: dict[Any, Callable[[str, Json], None]] = {
    "text": _check_text,
    "interactive": _check_interactive,
    "reaction": _check_reaction,
    "location": _check_location,
    "contacts": _check_contacts,
    "template": _check_template,
    **dict.fromkeys(MEDIA_KINDS, _check_media),
}


def _object(parent: Json, key: str) -> Json:
    found = parent.get(key)
    if key == "contacts" and isinstance(found, list) and found:
        return {"cards": found}  # the one kind whose content is an array
    if found is None:
        raise missing(key)
    if not isinstance(found, dict):
        raise bad_parameter(f"Param {key} must be a JSON object.")
    return found


def _text(parent: Json, key: str, longest: int, label: str | None = None) -> str:
    found = parent.get(key)
    if found is None:
        raise missing(label or key)
    if not isinstance(found, str) or not 1 <= len(found) <= longest or not found.strip():
        raise bad_value(f"{label or key} length invalid. Min length: 1, Max length: {longest}")
    return found


def _optional_text(parent: Json, key: str, longest: int) -> None:
    found = parent.get(key)
    if found is not None and (not isinstance(found, str) or len(found) > longest):
        raise bad_value(f"{key} length invalid. Max length: {longest}")


def _text_or_none(body: Json, key: str) -> str | None:
    found = body.get(key)
    if found is None:
        return None
    if not isinstance(found, str) or not 1 <= len(found) <= 140:
        raise bad_parameter(f"Param {key} must be a string.")
    return found


def _check_unique(values: list[str], label: str) -> None:
    if len(set(values)) != len(values):
        raise bad_value(f"{label} must be unique.")
