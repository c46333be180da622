"""What users and Meta send, made from a seed: signed webhook bodies whose ids tell where they belong. Pure.

One rule: the same seed, leg and index give the same bytes, so that a run can be repeated and a sample be joined to
its message. Only the pure rooms are imported, since the load process runs on gevent.
Source of the shapes: Meta, reference of the webhook field `messages`; one POST carries up to 1,000 updates.
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from whatsapp.signature import SIGNATURE_HEADER, sign

Json = dict[str, Any]

UPDATES = 1_000  # of a full POST; Meta's limit
BATCH_BYTES = 2_950_000  # near the 3 MB (3 * 1024 * 1024) above which a POST is refused
STATUS_SHARE = 0.25  # of a batch's updates; they are short, so that the texts are long
FIRST_INSTANT = 1_790_000_000  # unix seconds; fixed, so that bodies are the same in every run
KINDS = {"text": 70, "interactive": 8, "image": 8, "audio": 6, "reaction": 5, "location": 3}  # weights of `mixed`

_QUESTIONS = (
    "Do you deliver on Saturdays?",
    "How much is express shipping to the islands, and how long does it take?",
    "I would like to return the blue one, it is too small. What do I have to do?",
    "Where is my order?",
    "Is the warranty two years for the charger as well?",
    "Hola, ¿abren los domingos?",
    "Do you have it in green, size M?",
    "Can I pay when it arrives?",
)
_WORDS = ("order", "parcel", "Tuesday", "refund", "size", "colour", "please", "thanks", "receipt", "voucher", "never")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A business's number, as the load process has to know it."""

    phone_number_id: str
    digits: str
    waba_id: str
    app_secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedBody:
    """One POST of Meta's."""

    body: bytes
    signature: str
    ids: tuple[str, ...]  # of the updates, in the order of the body

    @property
    def headers(self) -> Mapping[str, str]:
        """What goes with the bytes."""
        return {"Content-Type": "application/json", SIGNATURE_HEADER: self.signature}


class Workload:
    """Bodies of every mix, drawn from a seed."""

    def __init__(self, seed: int, lines: Sequence[Line]) -> None:
        """Take the numbers that are written to, all equally often; they must share one app secret for `batch`."""
        self._seed = seed
        self._lines = tuple(lines)

    def texts(self, leg: str, count: int) -> Iterator[SignedBody]:
        """Give bodies of one text message each: new users and new ids throughout."""
        for index in range(count):
            yield self.text(leg, index)

    def text(self, leg: str, index: int) -> SignedBody:
        """Give one body of one text message, some 600 bytes."""
        draw = self._draw(leg, index)
        line = self._lines[index % len(self._lines)]
        message = _message(line, self._wamid(leg, index), _phone(draw), index, draw.choice(_QUESTIONS))
        return _signed(line, [_change(message)], (message["messages"][0]["id"],))

    def mixed(self, leg: str, index: int) -> SignedBody:
        """Give one body of one message, of the kinds that people send, in the shares of `KINDS`."""
        draw = self._draw(leg, index)
        line = self._lines[index % len(self._lines)]
        value = _message(line, self._wamid(leg, index), _phone(draw), index, draw.choice(_QUESTIONS))
        (kind,) = draw.choices(list(KINDS), weights=list(KINDS.values()))
        _turn_into(value["messages"][0], kind, index)
        return _signed(line, [_change(value)], (value["messages"][0]["id"],))

    def batch(self, leg: str, index: int, *, updates: int = UPDATES, size_bytes: int = BATCH_BYTES) -> SignedBody:
        """Give one POST of many updates, texts and statuses, near a size; no body is above it.

        Args:
            size_bytes: of the body; texts end at Meta's 4,096 characters, so fewer updates may not reach it.
        """
        draw = self._draw(leg, index)
        line = self._lines[index % len(self._lines)]
        statuses = int(updates * STATUS_SHARE)
        values = [_status(line, self._wamid(leg, index, at), _phone(draw), index) for at in range(statuses)]
        room = size_bytes - _size(line, [_change(value) for value in values])
        values += self._long_texts(leg, index, updates - statuses, room, draw)
        draw.shuffle(values)
        ids = tuple((value.get("messages") or value["statuses"])[0]["id"] for value in values)
        return _signed(line, [_change(value) for value in values], ids)

    def _long_texts(self, leg: str, index: int, count: int, room_bytes: int, draw: Random) -> list[Json]:
        line = self._lines[index % len(self._lines)]
        empty = _message(line, self._wamid(leg, index, UPDATES * 10), "15550000000", index, "")
        overhead = len(_encode(_change(empty))) + 8  # a comma, and ids that are longer
        length = max(1, min(4096, room_bytes // count - overhead))
        return [
            _message(line, self._wamid(leg, index, UPDATES + at), _phone(draw), index, _prose(draw, length))
            for at in range(count)
        ]

    def _draw(self, leg: str, index: int) -> Random:
        return Random(f"{self._seed}/{leg}/{index}")  # noqa: S311 - repeatable on purpose

    def _wamid(self, leg: str, index: int, part: int = 0) -> str:
        name = f"{self._seed}/{leg}/{index}/{part}"
        return "wamid." + base64.b64encode(f"bench {name}".encode()).decode()


def _phone(draw: Random) -> str:
    """A number that belongs to nobody: the 555 exchange of North America's invented area codes."""
    return f"1{draw.randrange(200, 1000)}555{draw.randrange(10_000):04d}"


def _prose(draw: Random, length: int) -> str:
    """Words up to exactly this many characters, all ASCII: one byte each in the body."""
    said = " ".join(draw.choices(_WORDS, k=length // 4 + 1))
    return said[:length].rstrip().ljust(length, ".")


def _message(line: Line, wamid: str, phone: str, index: int, said: str) -> Json:
    user_id = f"US.{int(phone):017d}"  # business-scoped; Meta sends both
    message = {"from": phone, "from_user_id": user_id, "id": wamid, "timestamp": str(FIRST_INSTANT + index)}
    contact = {"profile": {"name": "Ana Pérez"}, "wa_id": phone, "user_id": user_id}
    return {
        **_metadata(line),
        "contacts": [contact],
        "messages": [{**message, "type": "text", "text": {"body": said}}],
    }


def _turn_into(message: Json, kind: str, index: int) -> None:
    """Give a text message another kind's content."""
    if kind == "text":
        return
    content: Mapping[str, Json] = {
        "interactive": {"type": "button_reply", "button_reply": {"id": "deliver", "title": "Delivery"}},
        "image": {"id": f"9{index:014d}", "mime_type": "image/jpeg", "sha256": "3q2+7w==", "caption": "This one?"},
        "audio": {"id": f"9{index:014d}", "mime_type": "audio/ogg; codecs=opus", "sha256": "3q2+7w==", "voice": True},
        "reaction": {"message_id": "wamid.bench-earlier", "emoji": "👍"},
        "location": {"latitude": 40.4168, "longitude": -3.7038, "name": "Sol"},
    }
    del message["text"]
    message |= {"type": kind, kind: content[kind]}


def _status(line: Line, wamid: str, phone: str, index: int) -> Json:
    status = {"id": wamid, "status": "delivered", "timestamp": str(FIRST_INSTANT + index), "recipient_id": phone}
    pricing = {"billable": True, "pricing_model": "PMP", "category": "service", "type": "regular"}
    return {**_metadata(line), "statuses": [{**status, "pricing": pricing}]}


def _metadata(line: Line) -> Json:
    metadata = {"display_phone_number": line.digits, "phone_number_id": line.phone_number_id}
    return {"messaging_product": "whatsapp", "metadata": metadata}


def _change(value: Json) -> Json:
    return {"value": value, "field": "messages"}


def _envelope(line: Line, changes: Sequence[Json]) -> Json:
    return {"object": "whatsapp_business_account", "entry": [{"id": line.waba_id, "changes": list(changes)}]}


def _encode(value: Json) -> bytes:
    r"""Write non-ASCII as `\u00e9` and slashes as `\/`, as Meta does before it signs."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode("ascii")


def _size(line: Line, changes: Sequence[Json]) -> int:
    return len(_encode(_envelope(line, changes)))


def _signed(line: Line, changes: Sequence[Json], ids: tuple[str, ...]) -> SignedBody:
    body = _encode(_envelope(line, changes))
    return SignedBody(body=body, signature=sign(body=body, secret=line.app_secret.encode()), ids=ids)
