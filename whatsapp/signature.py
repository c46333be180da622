"""Who signed a webhook: HMAC-SHA256 over the bytes as they came, never over JSON written anew.

Pure. Meta escapes non-ASCII in its own way before it signs, so a body that was parsed and serialised again no longer
matches. Source: Meta's page "Create a webhook endpoint", section "Validate payloads".
"""

import hmac
import re
from collections.abc import Iterable
from typing import Final

from models.errors import WrongSetting

SIGNATURE_HEADER: Final = "X-Hub-Signature-256"

_HEADER_FORM = re.compile(r"sha256=([0-9a-f]{64})", re.ASCII | re.IGNORECASE)


def sign(*, body: bytes, secret: bytes) -> str:
    """The value of the signature header for this body: `sha256=` and 64 lowercase hexadecimal digits.

    Raises:
        WrongSetting: the secret is empty, and anybody could sign.
    """
    if not secret:
        raise WrongSetting("an app secret must not be empty")
    return f"sha256={hmac.digest(secret, body, 'sha256').hex()}"


def matching_secrets(*, body: bytes, header: str | bytes | None, secrets: Iterable[bytes]) -> tuple[bytes, ...]:
    """Those of the secrets with which the header was made, in the order given; none for a missing or garbled header.

    Every candidate is computed and compared in constant time, whatever came before it, so that the time taken says
    nothing about a near miss. Empty secrets match nothing. Cost: one pass over the body a secret.
    """
    claimed = _digest_in(header)
    if claimed is None:
        return ()
    return tuple(
        secret for secret in secrets if secret and hmac.compare_digest(hmac.digest(secret, body, "sha256"), claimed)
    )


def is_signed_by(*, body: bytes, header: str | bytes | None, secrets: Iterable[bytes]) -> bool:
    """Whether any of the secrets signed the body; several are valid while a secret is being rotated."""
    return bool(matching_secrets(body=body, header=header, secrets=secrets))


def _digest_in(header: str | bytes | None) -> bytes | None:
    text = header.decode("latin-1") if isinstance(header, bytes) else header
    form = _HEADER_FORM.fullmatch(text) if text else None
    return bytes.fromhex(form[1]) if form else None
