"""Bearer tokens: made at random, kept as hashes, compared in constant time."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from models.errors import WrongSetting
from security.secret_file import write_once

_HASH_PREFIX = "sha256:"
SHORTEST_TOKEN = 20  # characters; what is shorter was typed by a person and can be guessed


def new_token() -> str:
    """Make a token of 256 random bits; its prefix lets secret scanners and our own redaction know it."""
    return f"parley_{secrets.token_urlsafe(32)}"


def hash_token(token: str) -> str:
    """Give what may be kept of a token; a fast hash is enough, since 256 random bits cannot be guessed."""
    return _HASH_PREFIX + hashlib.sha256(token.encode()).hexdigest()


def matches(presented: str, expected_hash_or_token: str) -> bool:
    """Say whether a presented token is the expected one, in a time that tells nothing; nothing matches an empty one."""
    if not expected_hash_or_token:
        return False
    is_hash = expected_hash_or_token.startswith(_HASH_PREFIX)
    expected = expected_hash_or_token if is_hash else hash_token(expected_hash_or_token)
    return hmac.compare_digest(hash_token(presented).encode(), expected.encode())


def token_file(path: Path | str) -> str:
    """Read the token of a file, or make a new one there that only its owner may read (mode 0600).

    Safe when several processes ask for the same new file at once: all get the same token.

    Raises:
        WrongSetting: the file cannot be read or made, or what it holds is too short for a token.
    """
    path = Path(path)
    try:
        if not path.exists():
            write_once(path, new_token() + "\n")
        _tighten(path)
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSetting(f"The token file {path} cannot be used: {type(error).__name__}.") from None
    if len(token) < SHORTEST_TOKEN or not token.isascii():
        raise WrongSetting(f"The token file {path} holds no token: remove it and a new one is made.")
    return token


def _tighten(path: Path) -> None:
    if path.stat().st_mode & 0o077 and os.access(path, os.W_OK) and path.stat().st_uid == os.geteuid():
        path.chmod(0o600)
