"""A webhook body, taken apart: every entry, change, message and status, each by itself.

One rule: no JSON value makes it raise, and no bad part takes a good neighbour with it. Pure. What is not understood
comes back as `OtherUpdate` (known by name, not for us) or `RejectedUpdate` (broken), with what Meta sent inside.
Source: Meta's reference of the `messages` webhook; one POST carries up to 1,000 updates.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import orjson

from models.errors import BadPayload
from models.message import (
    DeliveryState,
    DeliveryStatus,
    InboundMessage,
    OtherUpdate,
    RejectedUpdate,
    WebhookUpdates,
)
from whatsapp.decisions import Decision, decide_failed_status
from whatsapp.identity import contacts_by_id
from whatsapp.inbound_message import inbound_message
from whatsapp.lenient import first_text_in, id_in, instant_in, integer_in, object_in, objects_in, text_in

_T = TypeVar("_T")

WHATSAPP_OBJECT: Final = "whatsapp_business_account"

# Meta's own bodies are some ten deep. Codecs that what we make of them passes later give up at 200 or 255, and one
# update that cannot be kept must not take its neighbours with it.
MOST_DEPTH: Final = 64
TOO_DEEP: Final = "<nested too deep>"

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_STATES: Mapping[str, DeliveryState] = {state.value: state for state in DeliveryState}


def decode_body(body: bytes) -> object:
    """The JSON value of a signed body; what no store could keep (half an emoji, bad UTF-8) becomes U+FFFD.

    What is nested deeper than 64 levels is replaced by a mark, so that the rest can be kept.

    Meta cuts names and texts by UTF-16 units, so half an emoji does come. A NUL stays as it is.
    Cost: 3 MB take some 8 ms, and 50 ms where something has to be mended.

    Raises:
        BadPayload: it is no JSON, or nested too deep to be read.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = _decode_patiently(body)
    _cut_depth(value, MOST_DEPTH)
    return value


def parse_updates(payload: object) -> WebhookUpdates:
    """All that one decoded POST carries, in the order of the body. Never raises, whatever the value.

    Cost: some 10 microseconds an update; 1,000 of them are work for a thread.
    """
    found = _Found()
    for place in _changes(payload):
        if place.fault is not None:
            found.reject(place.fault, place.raw)
        elif place.name == "messages":
            _read_messages_field(place, found)
        else:
            found.other(place.name, place.phone_number_id, place.envelope)
    return found.updates()


def phone_number_ids(payload: object) -> frozenset[str]:
    """Our numbers that this decoded POST speaks of, by Meta's id: whoever signed it must own them all.

    Holds the number of every message and status that `parse_updates` gives for the same payload.
    """
    return frozenset(place.phone_number_id for place in _changes(payload) if place.phone_number_id is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """One change of one entry, or the fault that stands in its place."""

    raw: Any
    name: str = ""
    value: Mapping[str, Any] = field(default_factory=dict)
    entry: Mapping[str, Any] = field(default_factory=dict)
    fault: str | None = None

    @property
    def phone_number_id(self) -> str | None:
        return id_in(object_in(self.value, "metadata"), "phone_number_id")

    @property
    def envelope(self) -> Mapping[str, Any]:
        """The change with what its entry says of it: management fields name their account there only."""
        return {"entry_id": self.entry.get("id"), "time": self.entry.get("time"), **self.raw}


class _Found:
    """What was found so far; the only thing here that changes."""

    def __init__(self) -> None:
        self._messages: list[InboundMessage] = []
        self._statuses: list[DeliveryStatus] = []
        self._others: list[OtherUpdate] = []
        self._rejected: list[RejectedUpdate] = []

    def message(self, message: InboundMessage) -> None:
        self._messages.append(message)

    def status(self, status: DeliveryStatus) -> None:
        self._statuses.append(status)

    def other(self, field_name: str, phone_number_id: str | None, raw: Mapping[str, Any]) -> None:
        self._others.append(OtherUpdate(field=field_name, phone_number_id=phone_number_id, raw=raw))

    def reject(self, reason: str, raw: object, phone_number_id: str | None = None) -> None:
        self._rejected.append(RejectedUpdate(reason=reason, phone_number_id=phone_number_id, raw=raw))

    def updates(self) -> WebhookUpdates:
        return WebhookUpdates(
            messages=tuple(self._messages),
            statuses=tuple(self._statuses),
            others=tuple(self._others),
            rejected=tuple(self._rejected),
        )


def _changes(payload: object) -> Iterator[_Change]:
    if not isinstance(payload, dict):
        yield _Change(raw=payload, fault="body is not an object")
    elif payload.get("object", WHATSAPP_OBJECT) != WHATSAPP_OBJECT:
        yield _Change(raw=payload, fault="body is not of WhatsApp")
    else:
        for entry, fault in _items(payload, "entry"):
            if fault is not None:
                yield _Change(raw=entry, fault=fault)
            else:
                yield from _changes_of(entry)


def _changes_of(entry: Mapping[str, Any]) -> Iterator[_Change]:
    for change, fault in _items(entry, "changes"):
        if fault is not None:
            yield _Change(raw=change, fault=fault)
        elif not isinstance(change.get("value"), dict):
            yield _Change(raw=change, fault="change without a value")
        else:
            # Meta's samples have `field` beside the entry at times; messages are what it leaves unnamed.
            name = text_in(change, "field") or text_in(entry, "field") or "messages"
            yield _Change(raw=change, name=name, value=change["value"], entry=entry)


def _items(parent: Mapping[str, Any], key: str) -> Iterator[tuple[Any, str | None]]:
    """The objects of a list that must be there and not empty, each with the fault that it has, if any."""
    items = parent.get(key)
    if not isinstance(items, list):
        yield parent, f"{key} is not a list"
    elif not items:
        yield parent, f"{key} is empty"
    else:
        for item in items:
            yield item, None if isinstance(item, dict) else f"item of {key} is not an object"


def _read_messages_field(place: _Change, found: _Found) -> None:
    phone_number_id = place.phone_number_id
    if phone_number_id is None:
        found.reject("metadata without phone_number_id", place.raw)
        return
    if not any(place.value.get(key) for key in ("messages", "statuses", "errors")):
        found.reject("neither messages nor statuses nor errors", place.raw, phone_number_id)
        return
    _read_messages(place.value, phone_number_id, found)
    _read_statuses(place.value, phone_number_id, found)
    if place.value.get("errors"):  # of the app or the account, not of a message
        found.other("errors", phone_number_id, place.envelope)


def _read_messages(value: Mapping[str, Any], phone_number_id: str, found: _Found) -> None:
    contacts = contacts_by_id(value)
    for message in _listed(value, "messages", phone_number_id, found):
        if message.get("group_id"):  # a group is no conversation of ours: an answer would go to one of its members
            found.other("messages", phone_number_id, message)
            continue
        try:
            found.message(inbound_message(message, phone_number_id, contacts))
        except BadPayload as fault:
            found.reject(str(fault), message, phone_number_id)


def _read_statuses(value: Mapping[str, Any], phone_number_id: str, found: _Found) -> None:
    for status in _listed(value, "statuses", phone_number_id, found):
        state = _STATES.get(text_in(status, "status") or "")
        if state is None or status.get("recipient_type") == "group":
            found.other("messages", phone_number_id, status)
            continue
        try:
            found.status(_delivery_status(status, state, phone_number_id))
        except BadPayload as fault:
            found.reject(str(fault), status, phone_number_id)


def _listed(value: Mapping[str, Any], key: str, phone_number_id: str, found: _Found) -> Iterator[Mapping[str, Any]]:
    """The objects of a list that may be missing; what else stands there is rejected."""
    if not value.get(key):
        return
    for item, fault in _items(value, key):
        if fault is None:
            yield item
        else:
            found.reject(fault, item, phone_number_id)


def _delivery_status(status: Mapping[str, Any], state: DeliveryState, phone_number_id: str) -> DeliveryStatus:
    error: Mapping[str, Any] = next(iter(objects_in(status, "errors")), {})
    code = integer_in(error, "code")
    decision = decide_failed_status(code) if state is DeliveryState.FAILED else None
    return DeliveryStatus(
        phone_number_id=phone_number_id,
        wamid=_required(text_in(status, "id"), "status without id"),
        state=state,
        at=_required(instant_in(status, "timestamp"), "status without a readable timestamp"),
        attempt_id=text_in(status, "biz_opaque_callback_data"),
        error_code=code,
        error_title=first_text_in(error, ("title", "message")),
        may_resend=decision is not None and decision.may_resend,
        opts_out=decision is Decision.OPTED_OUT,
        asks_person=decision in (Decision.NEEDS_TEMPLATE, Decision.ASK_PERSON),
        raw=status,
    )


def _required(value: _T | None, fault: str) -> _T:
    if value is None:
        raise BadPayload(fault)
    return value


def _cut_depth(value: object, room: int) -> None:
    """Replace what lies deeper than `room` levels, in place."""
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        if isinstance(inner, dict | list):
            if room > 1:
                _cut_depth(inner, room - 1)
            else:
                value[key] = TOO_DEEP  # type: ignore[index]


def _decode_patiently(body: bytes) -> object:
    try:
        written_anew = json.dumps(json.loads(body.decode("utf-8-sig", "replace")), ensure_ascii=False)
        return orjson.loads(_LONE_SURROGATE.sub("\ufffd", written_anew))
    except (ValueError, RecursionError) as error:
        raise BadPayload("body is not JSON") from error
