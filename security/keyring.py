"""Encryption at rest and blind indexes under named keys, so that keys can be rotated without downtime.

A sealed value is `v1 | key id length | key id | nonce | ciphertext and tag`: it names its key, so old rows stay
readable while new ones are written under the current key. Blind indexes are all made by one key that is never rotated
(docs/decisions/0012): what must be found once must not have two names. One rule: what is encrypted is bound to its
place by a context such as "inbox.body", and opens nowhere else.
"""

import base64
import binascii
import hmac
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from models.errors import WeErred, WrongSetting

_SETTING = "PARLEY_ENCRYPTION_KEYS"
INDEX_ID = "index"
_VERSION = 1
_KEY_BYTES = 32
# NIST SP 800-38D, 8.2.2 and 8.3: random 96-bit nonces are safe for 2**32 values a key; rotate well before that.
_NONCE_BYTES = 12
_TAG_BYTES = 16
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class CannotDecrypt(WeErred):
    """The value was written under a key we do not hold, for another context, or was altered."""


@dataclass(frozen=True, slots=True, repr=False)
class _Key:
    """One key, with what is derived from it once and used on every call."""

    header: bytes  # everything before the nonce
    cipher: AESGCM


class Keyring:
    """The keys of one installation; the first seals, the others only open what they once sealed."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """Take 32-byte keys by id, the current one first; the one called `index`, or else the last, makes the indexes.

        Raises:
            WrongSetting: no key, a bad id, `index` in the first place, or a key that is not 32 bytes long; the message
                holds no key.
        """
        if not keys:
            raise WrongSetting(f"{_SETTING} holds no key: it should be like 'k1:<32 bytes in base64>'.")
        self._keys = {key_id.encode(): _derive(key_id, key) for key_id, key in keys.items()}
        if next(iter(keys)) == INDEX_ID:
            raise WrongSetting(f"{_SETTING}: the first key seals, so it cannot be the one called '{INDEX_ID}'.")
        self._current = next(iter(self._keys.values()))
        self._index_key = _subkey(keys.get(INDEX_ID, list(keys.values())[-1]), b"parley blind index v1")

    @classmethod
    def parse(cls, text: str) -> "Keyring":
        """Read `id:base64,id2:base64`, the current key first, as it stands in PARLEY_ENCRYPTION_KEYS.

        Raises:
            WrongSetting: the form is wrong or an id is there twice; the message holds no key.
        """
        keys: dict[str, bytes] = {}
        for position, entry in enumerate(filter(None, map(str.strip, text.split(","))), start=1):
            key_id, colon, encoded = entry.partition(":")
            if not colon:
                raise WrongSetting(f"{_SETTING}: entry {position} should be like 'k1:<32 bytes in base64>'.")
            if key_id in keys:
                raise WrongSetting(f"{_SETTING}: the id of entry {position} is there twice.")
            keys[key_id] = _decode(encoded, position)
        return cls(keys)

    @staticmethod
    def generate_text() -> str:
        """Make a fresh setting: a key that seals, with a random id, so that two of them never clash, and an `index`."""
        sealing, indexing = (base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode() for _ in range(2))
        return f"k{secrets.token_hex(3)}:{sealing},{INDEX_ID}:{indexing}"

    def encrypt(self, plaintext: bytes, context: str) -> bytes:
        """Seal under the current key; the result opens with the same `context` only."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._current.header + nonce + self._current.cipher.encrypt(nonce, plaintext, context.encode())

    def decrypt(self, token: bytes, context: str) -> bytes:
        """Open what `encrypt` sealed, under any key of the ring.

        Raises:
            CannotDecrypt: with the context in its message and nothing of the value.
        """
        key, body = self._split(token, context)
        try:
            return key.cipher.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], context.encode())
        except InvalidTag:
            raise CannotDecrypt(f"A value of {context} was altered or belongs elsewhere.") from None

    def encrypt_text(self, plaintext: str, context: str) -> bytes:
        """Seal a text as UTF-8."""
        return self.encrypt(plaintext.encode(), context)

    def decrypt_text(self, token: bytes, context: str) -> str:
        """Open what `encrypt_text` sealed; raises as `decrypt` does."""
        return self.decrypt(token, context).decode()

    def blind_index(self, value: str, purpose: str) -> bytes:
        """Give 32 bytes by which a row is found without its value being readable; equal values give equal bytes.

        Args:
            purpose: such as "contact.phone"; the same value gives unrelated bytes for another purpose.
        """
        # The purpose's length goes first, so that no purpose and value can be cut in two ways.
        scope = purpose.encode()
        return hmac.digest(self._index_key, len(scope).to_bytes(2, "big") + scope + value.encode(), "sha256")

    def _split(self, token: bytes, context: str) -> tuple[_Key, bytes]:
        token = bytes(token)
        if len(token) < 2 or token[0] != _VERSION:
            raise CannotDecrypt(f"A value of {context} is not in a form that this version reads.")
        start = 2 + token[1]
        key = self._keys.get(token[2:start])
        if key is None:
            raise CannotDecrypt(f"A value of {context} was written under a key that {_SETTING} does not hold.")
        if len(token) < start + _NONCE_BYTES + _TAG_BYTES:
            raise CannotDecrypt(f"A value of {context} is cut short.")
        return key, token[start:]

    def __repr__(self) -> str:
        ids = ", ".join(key_id.decode() for key_id in self._keys)
        return f"Keyring({ids})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("Keys do not travel between processes: each reads its own from the environment or a file.")


def _derive(key_id: str, key: bytes) -> _Key:
    if not _KEY_ID.fullmatch(key_id):
        raise WrongSetting(f"{_SETTING}: a key id is 1 to 64 letters, digits, dots, dashes or underscores.")
    if len(key) != _KEY_BYTES:
        raise WrongSetting(f"{_SETTING}: key {key_id} should be {_KEY_BYTES} bytes long, it is {len(key)}.")
    header = bytes((_VERSION, len(key_id))) + key_id.encode()
    return _Key(header, AESGCM(_subkey(key, b"parley encryption v1")))


def _subkey(key: bytes, info: bytes) -> bytes:
    # One use, one key (NIST SP 800-108, 5): a weakness of one use must not open the other.
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=info).derive(key)


def _decode(encoded: str, position: int) -> bytes:
    # URL-safe base64 without padding is taken too: people copy keys from many tools.
    text = encoded.strip().replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise WrongSetting(f"{_SETTING}: the key of entry {position} is not base64.") from None
