"""Who wrote: a phone number, a business-scoped user id, or both, from wherever Meta or an integrator put them.

One rule: a contact is joined to its message by id, never by its place in the list. Pure.
Sources: Meta's page "Business-scoped user IDs" (May 2026) and its reference of the `messages` webhook.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from models.message import Sender
from whatsapp.lenient import id_in, object_in, objects_in, text_in

USER_ID_CHARS: Final = 160  # "CC.ENT." and up to 128 letters and digits, with some air

_PHONE = re.compile(r"[0-9]{4,20}", re.ASCII)  # E.164 has 15 at most; short ones stand in samples
_PHONE_ORNAMENTS = re.compile(r"[ ()+\-]")
_USER_ID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}", re.ASCII)

_MOVES = frozenset({"user_changed_number", "user_changed_user_id"})

Contacts = Mapping[str, Mapping[str, Any]]


def contacts_by_id(value: Mapping[str, Any]) -> Contacts:
    """The contacts of one change, each under its phone and under its user id."""
    return {known: contact for contact in objects_in(value, "contacts") for known in _ids_of(contact)}


def sender_of(message: Mapping[str, Any], contacts: Contacts) -> Sender | None:
    """Who wrote this message; nothing where neither phone nor user id is told.

    The message's own fields win; its contact fills in what they leave out.
    """
    phone, user_id = _phone_and_user_id(message, "from", "from_user_id")
    if phone is None and user_id is None:
        phone, user_id = _phone_and_user_id_of_system(message)
    contact = contacts.get(user_id or "") or contacts.get(phone or "") or {}
    known_phone, known_user_id = _phone_and_user_id(contact, "wa_id", "user_id")
    phone, user_id = phone or known_phone, user_id or known_user_id
    if phone is None and user_id is None:
        return None
    profile = object_in(contact, "profile")
    return Sender(
        phone=phone,
        user_id=user_id,
        parent_user_id=_user_id(message, "from_parent_user_id") or _user_id(contact, "parent_user_id"),
        name=text_in(profile, "name"),
        username=text_in(profile, "username"),
    )


def moved_to(message: Mapping[str, Any]) -> Sender | None:
    """Who a user is after a change of number; nothing where the message tells of no change, or not to what.

    The phone is left out where it must not be shown (`user_changed_user_id`). A change of the identity key is none.
    """
    system = object_in(message, "system")
    if text_in(message, "type") != "system" or text_in(system, "type") not in _MOVES:
        return None
    phone, user_id = _phone_and_user_id(system, "wa_id", "user_id")
    if phone is None and user_id is None:
        return None
    return Sender(phone=phone, user_id=user_id, parent_user_id=_user_id(system, "parent_user_id"))


def _phone_and_user_id_of_system(message: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Who a system message is about: who they were, else who they are now; Meta leaves `from` out of some."""
    system = object_in(message, "system")
    previous = _user_id(system, "previous_user_id")
    return (None, previous) if previous else _phone_and_user_id(system, "wa_id", "user_id")


def _phone_and_user_id(source: Mapping[str, Any], phone_key: str, user_id_key: str) -> tuple[str | None, str | None]:
    told = id_in(source, phone_key) or ""
    phone = _PHONE_ORNAMENTS.sub("", told)
    user_id = _user_id(source, user_id_key)
    if _PHONE.fullmatch(phone):
        return phone, user_id
    # Some integrators put the user id where the phone was; Meta's pages say that the phone is left out.
    return None, user_id or (told if _USER_ID.fullmatch(told) else None)


def _user_id(source: Mapping[str, Any], key: str) -> str | None:
    user_id = text_in(source, key)
    return user_id if user_id and len(user_id) <= USER_ID_CHARS else None


def _ids_of(contact: Mapping[str, Any]) -> Iterator[str]:
    yield from filter(None, _phone_and_user_id(contact, "wa_id", "user_id"))
