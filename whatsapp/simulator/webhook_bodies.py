"""Meta's webhook JSON, and the bytes it is signed over. Pure; written from Meta's pages, not from our parser.

Source: Meta, "Webhooks", reference of the field `messages`; "Business-scoped user IDs".
"""

import hashlib
import hmac
import json
from typing import Any

from whatsapp.simulator.ledger import LedgerEntry
from whatsapp.simulator.roster import BusinessNumber, User

Json = dict[str, Any]


def message_body(number: BusinessNumber, user: User, entry: LedgerEntry) -> Json:
    """The webhook for something a user did."""
    message: Json = {"id": entry.wamid, "timestamp": str(int(entry.times["accepted"])), "type": entry.kind}
    message["from_user_id"] = user.business_scoped_id(number.portfolio_id)
    if user.phone is not None:
        message["from"] = user.phone
    if entry.reply_to is not None:
        message["context"] = {"from": number.digits, "id": entry.reply_to}
    message |= _content_of(entry)
    value: Json = {"contacts": [_contact(number, user)], "messages": [message]}
    if entry.kind == "system":  # carries no contacts
        del value["contacts"]
    return _envelope(number, value)


def _content_of(entry: LedgerEntry) -> Json:
    if entry.kind == "contacts":
        return {"contacts": entry.content["cards"]}
    if entry.kind == "unsupported":
        error: Json = {"code": 131051, "title": "Message type unknown", "message": "Message type unknown"}
        error["error_data"] = {"details": "Message type is currently not supported."}
        return {"errors": [error], "unsupported": entry.content}
    return {entry.kind: entry.content}


def status_body(number: BusinessNumber, user: User | None, entry: LedgerEntry, state: str, recipient: Json) -> Json:
    """The webhook for what became of a message of the business.

    Args:
        recipient: `recipient_id` and/or `recipient_user_id`, as Meta may show them.
    """
    status: Json = {"id": entry.wamid, "status": state, "timestamp": str(int(entry.times[state])), **recipient}
    if entry.callback_data is not None:
        status["biz_opaque_callback_data"] = entry.callback_data
    if state in ("sent", "delivered"):
        # `conversation` is left out from Graph v24 on
        category = "utility" if entry.kind == "template" else "service"
        status["pricing"] = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": category}
    if state == "failed" and entry.error is not None:
        status["errors"] = [entry.error]
    value: Json = {"statuses": [status]}
    if user is not None and state != "failed":
        value = {"contacts": [_contact(number, user)], **value}
    return _envelope(number, value)


def preference_body(number: BusinessNumber, user: User, *, wants_marketing: bool, now: float) -> Json:
    """The webhook for a user who stops, or resumes, marketing messages."""
    preference: Json = {
        "user_id": user.business_scoped_id(number.portfolio_id),
        "category": "marketing_messages",
        "value": "resume" if wants_marketing else "stop",
        "timestamp": int(now),
    }
    preference |= {"wa_id": user.phone} if user.phone else {}
    return update_body(
        number, "user_preferences", {"contacts": [_contact(number, user)], "user_preferences": [preference]}
    )


def update_body(number: BusinessNumber, field: str, value: Json) -> Json:
    """The webhook for any field, with the number's metadata."""
    return _envelope(number, value, field)


def _contact(number: BusinessNumber, user: User) -> Json:
    profile = {"name": user.name} | ({"username": user.username} if user.username else {})
    contact: Json = {"profile": profile, "user_id": user.business_scoped_id(number.portfolio_id)}
    return contact if user.phone is None else contact | {"wa_id": user.phone}


def _envelope(number: BusinessNumber, value: Json, field: str = "messages") -> Json:
    metadata = {"display_phone_number": number.digits, "phone_number_id": number.phone_number_id}
    value = {"messaging_product": "whatsapp", "metadata": metadata, **value}
    change = {"value": value, "field": field}
    return {"object": "whatsapp_business_account", "entry": [{"id": number.waba_id, "changes": [change]}]}


def encode_body(body: Json) -> bytes:
    r"""The bytes that are sent and signed: non-ASCII as lowercase `\u00e4`, slashes as `\/`, as Meta writes them."""
    text = json.dumps(body, ensure_ascii=True, separators=(",", ":"))
    return text.replace("/", "\\/").encode("ascii")  # in JSON a slash stands inside strings only


def sign_body(app_secret: str, body: bytes) -> str:
    """The value of the header X-Hub-Signature-256."""
    return "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()
