"""Reading JSON that others wrote: each reader gives the value in the wanted type, or nothing, and never raises.

Meta's own samples are irregular (fields beside their parent, numbers as text, text as numbers), so the shape is asked
for, not trusted.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Final

EARLIEST: Final = datetime(2009, 1, 1, tzinfo=UTC)  # WhatsApp's first year
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)  # later ones would keep a service window open for ever

_MILLISECONDS_FROM = 100_000_000_000  # as seconds this is the year 5138; Meta has sent milliseconds here
_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_NOTHING: Mapping[str, Any] = {}


def object_in(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object under the key; an empty one where there is none."""
    value = parent.get(key)
    return value if isinstance(value, dict) else _NOTHING


def objects_in(parent: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The objects of the list under the key, without whatever else stands in it."""
    value = parent.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text_in(parent: Mapping[str, Any], key: str) -> str | None:
    """The text under the key; an empty one counts as missing, a blank one does not."""
    value = parent.get(key)
    return value if isinstance(value, str) and value else None


def first_text_in(parent: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    """The first text found under the keys, in their order."""
    return next((text for key in keys if (text := text_in(parent, key))), None)


def id_in(parent: Mapping[str, Any], key: str) -> str | None:
    """An identifier: a text, or the digits of a whole number that should have been one."""
    value = parent.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if 0 <= value < 10**20 else None
    return value if isinstance(value, str) and value else None


def integer_in(parent: Mapping[str, Any], key: str) -> int | None:
    """A whole number, also one written as text."""
    return _integer(parent.get(key))


def instant_in(parent: Mapping[str, Any], key: str) -> datetime | None:
    """A Unix time in seconds or milliseconds, as text or number, between 2009 and 2100; nothing otherwise."""
    number = _integer(parent.get(key))
    if number is None:
        return None
    seconds = number / 1000 if number >= _MILLISECONDS_FROM else number
    if not EARLIEST.timestamp() <= seconds < LATEST.timestamp():
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _integer(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if abs(value) < 10**18 else None
    if isinstance(value, float):
        return int(value) if isfinite(value) and abs(value) < 1e18 else None
    if isinstance(value, str) and _INTEGER.fullmatch(text := value.strip()):
        return int(text)
    return None
