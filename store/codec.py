"""Our values to sealed bytes and back: the one place that knows how a column of `BYTEA` is filled."""

from typing import Generic, TypeVar
from uuid import UUID

import orjson
from pydantic import TypeAdapter

from models.message import InboundMessage, OutboundMessage
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
