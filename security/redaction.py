"""Takes secrets and people's words out of what we tell: pure, and bounded in time whatever the input.

It errs on the side of taking too much. Every pattern is linear: no nested repeats, every inner repeat bounded.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

_MAX_TEXT = 32_768  # characters of one text that are looked at; its middle goes first
_MAX_ITEMS = 100  # of one list or mapping
_MAX_DEPTH = 5
_SHORTEST_SECRET = 6  # a shorter one would erase ordinary words

# A key with one of these words in it is dropped, unless it holds a small number ("body_bytes", "prompt_tokens").
_PRIVATE_WORDS = frozenset(
    {
        "text",
        "body",
        "phone",
        "phones",
        "wamid",
        "caption",
        "username",
        "prompt",
        "question",
        "answer",
        "raw",
        "payload",
    }
    | {"token", "tokens", "secret", "secrets", "password", "authorization", "cookie", "signature", "credentials"}
)
_PUBLIC_KEYS = frozenset({"phone_number_id"})  # Meta's id of a number of ours, not a number
_SMALL = 10_000_000  # no phone number has 7 digits or fewer

# What databases, drivers and parsers put into their messages is quoted input: the rest of the line goes.
_QUOTING = re.compile(
    r"(\[parameters: |Failing row contains |Key \([^)\n]{1,200}\)=|input_value="
    r"|invalid input for query argument \$\d{1,5}: |invalid input syntax for |COPY [a-z_.]{1,80}, line "
    r"|invalid literal for |could not convert string to )[^\n]*"
)
_SECRETS = re.compile(
    r"wamid\.[A-Za-z0-9+/=_-]+"
    r"|\bEAA[A-Za-z0-9_-]{12,}"
    r"|\bparley_[A-Za-z0-9_-]{40,}"
    r"|\b\d{6,20}\|[A-Za-z0-9_-]{10,}"  # an app's own access token: id|secret
    r"|\beyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)?"  # a JSON web token
)
_BEARER = re.compile(r"\b(bearer|basic)[ \t]{1,4}[A-Za-z0-9._~+/=|:-]{8,}", re.IGNORECASE)
_NAMED_SECRET = re.compile(
    r"(token|secret|password|passwd|pwd|api_?key|authorization|signature)"
    r"([\"']?[ \t]{0,3}[=:][ \t]{0,3}[\"']?)(?:bearer[ \t]{1,4}|basic[ \t]{1,4})?[^\s\"'&,;)}\]]+",
    re.IGNORECASE,
)
_URL_PASSWORD = re.compile(r"://[^\s/@:]{0,100}:[^\s/@]{1,200}@")
# Kept whole: identifiers and instants, whose digits are nobody's number. The alternatives after them are numbers.
_NUMBER = re.compile(
    r"(?P<kept>\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
    r"|\b\d{4}-\d\d-\d\d[T _]\d\d[:-]\d\d[:-]\d\d(?:[.,_]\d{1,9})?)"
    r"|(?:\+|%2[Bb])[ (]{0,2}\d(?:[ ().-]{0,2}\d){5,15}"
    r"|(?<![0-9A-Fa-f])(?<!\d[.])\d{8,15}(?![0-9A-Fa-f])"
    r"|(?<!\w)(?<!\w[.-])\(?\d{2,4}\)?[ .-]\d{2,4}[ .-]\d{2,4}(?:[ .-]\d{2,4}){0,2}(?![.-]?\w)"
)
_NO_PHONE = re.compile(r"\d{4}-\d\d-\d\d|\d{1,2}[.-]\d{1,2}[.-]\d{2,4}|\d{1,3}(?:\.\d{1,3}){3}")  # dates, IPv4

_pseudonym_key = secrets.token_bytes(32)


def use_pseudonym_key(key: bytes) -> None:
    """Make pseudonyms the same in all processes that were given the same key; without it each process has its own.

    A key is needed: there are few enough phone numbers to try them all against a plain hash.
    """
    global _pseudonym_key
    _pseudonym_key = key


def pseudonym(value: str) -> str:
    """Give 16 hexadecimal digits that stand for an id in logs; equal ids give equal digits, and nobody can go back."""
    return hmac.digest(_pseudonym_key, value.encode(), hashlib.sha256)[:8].hex()


def redact(text: str) -> str:
    """Replace tokens, message ids, phone numbers and quoted input in a text; at most some milliseconds."""
    text = _QUOTING.sub(r"\1<dropped>", _shorten(text))
    text = _SECRETS.sub("<secret>", text)
    text = _NAMED_SECRET.sub(r"\1\2<secret>", text)
    text = _BEARER.sub(r"\1 <secret>", text)
    text = _URL_PASSWORD.sub("://<secret>@", text)
    return _NUMBER.sub(_number, text)


def redactor(known_secrets: Iterable[str] = ()) -> Callable[[str], str]:
    """Give a `redact` that also replaces these very secrets, wherever they stand."""
    words = sorted({secret for secret in known_secrets if len(secret) >= _SHORTEST_SECRET}, key=len, reverse=True)
    if not words:
        return redact
    pattern = re.compile("|".join(map(re.escape, words)))
    return lambda text: redact(pattern.sub("<secret>", _shorten(text)))


def redact_fields(fields: Mapping[Any, Any], clean: Callable[[str], str] = redact) -> dict[str, Any]:
    """Give plain JSON values of which private keys are gone and every text was cleaned."""
    return _fields(fields, clean, _MAX_DEPTH)


def _fields(fields: Mapping[Any, Any], clean: Callable[[str], str], depth: int) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in list(fields.items())[:_MAX_ITEMS]:
        name = str(key)
        if name in _PUBLIC_KEYS and str(value).isalnum():
            kept[name] = value
        elif not _is_private(name, value):
            kept[name if name.isidentifier() else clean(name)] = _value(value, clean, depth)
    return kept


def _value(value: Any, clean: Callable[[str], str], depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return clean(value)
    if depth == 0:
        return "<too deep>"
    if isinstance(value, Mapping):
        return _fields(value, clean, depth - 1)
    if isinstance(value, list | tuple | set | frozenset):
        return [_value(item, clean, depth - 1) for item in list(value)[:_MAX_ITEMS]]
    return clean(_described(value))


def _described(value: object) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"  # bytes in a log are bodies, keys or ciphertext
    try:
        return str(value)
    except Exception as error:  # a broken __str__ must not lose the line
        return f"<{type(value).__name__}: {type(error).__name__}>"


def _is_private(key: str, value: object) -> bool:
    words = re.split(r"[^a-z]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", key[:200]).lower())
    if _PRIVATE_WORDS.isdisjoint(words):
        return False
    return not (isinstance(value, int | float) and abs(value) < _SMALL)


def _number(match: re.Match[str]) -> str:
    found = match.group()
    if match.group("kept") or _NO_PHONE.fullmatch(found) or sum(map(str.isdigit, found)) < 7:
        return found
    return "<number>"


def _shorten(text: str) -> str:
    """Cut the middle out, at white space where there is any near, so that no secret is left in halves."""
    if len(text) <= _MAX_TEXT:
        return text
    head, tail = text[: _MAX_TEXT // 4], text[-_MAX_TEXT * 3 // 4 :]
    head = head[: max(head.rfind(" "), head.rfind("\n"), 0)]
    cut = re.search(r"\s", tail)
    return f"{head} <cut> {tail[cut.start() :] if cut else ''}"
