"""Message ids in Meta's form: base64 over a short record that holds the user's own number."""

import base64
import secrets

# Read from Meta's published sample ids: a string field (0x18, length, bytes), 0x15 0x02 0x00, then a direction
# (0x11 from the business, 0x12 from the user) and a hex string of 18 or 20 characters, closed by 0x00.
_FROM_BUSINESS = (0x11, 9)
_FROM_USER = (0x12, 10)


def make_wamid(user_address: str, *, by_user: bool) -> str:
    """A new id for a message to or from this user.

    Args:
        user_address: the user's phone digits; the business-scoped id where no phone is shared (128 bytes at most).
    """
    direction, random_bytes = _FROM_USER if by_user else _FROM_BUSINESS
    serial = secrets.token_hex(random_bytes).upper().encode()
    record = b"\x1c" + _string(user_address.encode()[:128]) + b"\x15\x02\x00" + bytes([direction]) + _string(serial)
    return "wamid." + base64.b64encode(record + b"\x00").decode()


def _string(content: bytes) -> bytes:
    return bytes([0x18, len(content)]) + content
