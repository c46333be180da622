"""What a user of the control API may say, made into Meta's object for that kind of message."""

import base64
from typing import Any

from models.errors import TheyErred
from whatsapp.simulator.ledger import Ledger, LedgerEntry
from whatsapp.simulator.media import MediaFile
from whatsapp.simulator.outbound_rules import MEDIA_KINDS

Json = dict[str, Any]

_AS_GIVEN = ("location", "order", "system", "unsupported", "edit", "revoke")  # their objects travel unchanged


class BadUserMessage(TheyErred):
    """The control API was asked to say what no user could; the message says why."""


def choice_content(ledger: Ledger, wamid: str, choice_id: str) -> tuple[str, Json]:
    """The kind and object for a pressed button or a chosen row of a message of the business.

    Raises:
        BadUserMessage: no such message, or no such choice in it.
    """
    entry = ledger.find(wamid)
    if entry is None or entry.by != "business":
        raise BadUserMessage("the message with the choices is not known")
    if entry.kind == "template":
        return "button", _template_button(entry, choice_id)
    action = entry.content.get("action", {})
    for button in action.get("buttons", []):
        if button["reply"]["id"] == choice_id:
            reply = {"id": choice_id, "title": button["reply"]["title"]}
            return "interactive", {"type": "button_reply", "button_reply": reply}
    for section in action.get("sections", []):
        for row in section["rows"]:
            if row["id"] == choice_id:
                reply = {key: row[key] for key in ("id", "title", "description") if row.get(key)}
                return "interactive", {"type": "list_reply", "list_reply": reply}
    raise BadUserMessage("the message has no such choice")


def _template_button(entry: LedgerEntry, choice_id: str) -> Json:
    for component in entry.content.get("components", []):
        for parameter in component.get("parameters", []):
            if str(component.get("type", "")).lower() == "button" and parameter.get("payload") == choice_id:
                return {"payload": choice_id, "text": str(parameter.get("text", choice_id))}
    raise BadUserMessage("the template has no such button")


def media_content(kind: str, given: Json, file: MediaFile, link: str | None) -> Json:
    """Meta's object for a file that a user sends.

    Args:
        given: may hold `caption`, `filename`, `voice`.
        link: `url` of the file, where the simulator knows its own address.
    """
    content: Json = {"id": file.id, "mime_type": file.mime_type, "sha256": base64.b64encode(file.sha256).decode()}
    if given.get("caption") and kind in ("image", "video", "document"):
        content["caption"] = str(given["caption"])[:1024]
    if kind == "document":
        content["filename"] = str(given.get("filename") or file.filename or "file")[:240]
    if kind == "audio":  # a voice note is always Ogg
        content["voice"] = bool(given.get("voice")) and file.base_type == "audio/ogg"
    if kind == "sticker":
        content["animated"] = False
    return content if link is None else content | {"url": link}


def plain_content(kind: str, given: Any) -> Json:
    """Meta's object for the kinds without a file or a choice.

    Raises:
        BadUserMessage: the kind is not one of Meta's, or its object has the wrong shape.
    """
    if kind == "contacts" and isinstance(given, list):
        return {"cards": given}
    if kind == "unsupported":
        return given if isinstance(given, dict) else {"type": "unknown"}
    if kind in MEDIA_KINDS or not isinstance(given, dict):
        raise BadUserMessage(f"'{kind[:40]}' needs an object of that name")
    if kind == "text":
        return _text(given)
    if kind == "reaction":
        return _reaction(given)
    if kind in _AS_GIVEN:
        return given
    raise BadUserMessage(f"users do not send messages of type '{kind[:40]}'")


def _text(given: Json) -> Json:
    body = given.get("body")
    if not isinstance(body, str) or not body:
        raise BadUserMessage("text.body must be a text")
    if len(body) > 65_536:  # what the apps let a person type
        raise BadUserMessage("text.body is longer than 65,536 characters")
    return {"body": body}


def _reaction(given: Json) -> Json:
    if not isinstance(given.get("message_id"), str):
        raise BadUserMessage("reaction.message_id must be a message id")
    emoji = str(given.get("emoji") or "")[:16]
    return {"message_id": given["message_id"]} | ({"emoji": emoji} if emoji else {})  # left out when removed
