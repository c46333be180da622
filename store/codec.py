"""Our values to sealed bytes and back: the one place that knows how a column of `BYTEA` is filled."""

from typing import Generic, TypeVar
from uuid import UUID

import orjson
from pydantic import TypeAdapter

from models.message import InboundMessage, OutboundMessage, Recipient, Sender
from security.keyring import Keyring

Value = TypeVar("Value")


class Sealed(Generic[Value]):
    """A value of one type in one column, as JSON under the keyring."""

    def __init__(self, adapter: TypeAdapter[Value], context: str) -> None:
        """Bind the type to its column; `context` such as "inbox.body" keeps a ciphertext from being moved."""
        self._adapter = adapter
        self._context = context

    def seal(self, keyring: Keyring, value: Value) -> bytes:
        """Give the bytes to store."""
        return keyring.encrypt(self._adapter.dump_json(value), self._context)

    def open(self, keyring: Keyring, sealed: bytes) -> Value:
        """Give the value back."""
        return self._adapter.validate_json(keyring.decrypt(sealed, self._context))


INBOUND = Sealed(TypeAdapter(InboundMessage), "inbox.body")
OUTBOUND = Sealed(TypeAdapter(OutboundMessage), "outbox.body")


def seal_json(keyring: Keyring, value: object, context: str) -> bytes:
    """Seal anything that Meta's JSON can hold."""
    return keyring.encrypt(orjson.dumps(value), context)


def as_uuid(text: str | None) -> UUID | None:
    """Read an attempt id that came back from outside; None for anything that is not one of ours."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def open_recipient(keyring: Keyring, phone: bytes | None, user_id: bytes | None) -> Recipient:
    """Give where a contact can be reached, from its sealed identities."""
    return Recipient(
        phone=keyring.decrypt_text(phone, "contacts.phone") if phone else None,
        user_id=keyring.decrypt_text(user_id, "contacts.user_id") if user_id else None,
    )


def seal_identity(keyring: Keyring, sender: Sender) -> dict[str, bytes]:
    """Seal what a sender told of itself, by column of `contacts`; what is absent is left out."""
    values = {"phone": sender.phone, "user_id": sender.user_id, "name": sender.name}
    return {column: keyring.encrypt_text(value, f"contacts.{column}") for column, value in values.items() if value}
