"""Files in two steps, as at Meta: an id gives a link, the link with the token gives the bytes; both expire."""

import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

from whatsapp.simulator.graph_errors import GraphError, bad_parameter

UPLOAD_LIFE_S = 30 * 24 * 3600.0  # Meta, "Media": ids of uploads
WEBHOOK_LIFE_S = 7 * 24 * 3600.0  # Meta, "Media": ids in webhooks
LINK_LIFE_S = 5 * 60.0  # Meta, "Media": the link of an id

_MB = 1024 * 1024
_OFFICE = "application/vnd.openxmlformats-officedocument"
# mime type -> largest size in bytes. Source: Meta, "Media", supported types.
SIZE_LIMITS: dict[str, int] = {
    **dict.fromkeys(("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"), 16 * _MB),
    **dict.fromkeys(("image/jpeg", "image/png"), 5 * _MB),
    **dict.fromkeys(("video/3gpp", "video/mp4"), 16 * _MB),
    "image/webp": 500 * 1024,
    **dict.fromkeys(("text/plain", "application/pdf", "application/msword"), 100 * _MB),
    **dict.fromkeys(("application/vnd.ms-excel", "application/vnd.ms-powerpoint"), 100 * _MB),
    f"{_OFFICE}.wordprocessingml.document": 100 * _MB,
    f"{_OFFICE}.spreadsheetml.sheet": 100 * _MB,
    f"{_OFFICE}.presentationml.presentation": 100 * _MB,
}
_KIND_PREFIXES = {"image": "image/", "audio": "audio/", "video": "video/", "sticker": "image/webp", "document": ""}


@dataclass(slots=True, kw_only=True)
class MediaFile:
    """One file, with the tokens of the businesses that may fetch it."""

    id: str
    content: bytes = field(repr=False)
    mime_type: str  # with parameters, as it was given
    filename: str | None
    expires_at: float
    numbers: set[str] = field(default_factory=set)  # phone_number_ids

    @property
    def base_type(self) -> str:
        """The mime type without its parameters."""
        return self.mime_type.partition(";")[0].strip().lower()

    @property
    def sha256(self) -> bytes:
        """Digest of the bytes; Meta shows it as hex beside a link and as base64 in a webhook."""
        return hashlib.sha256(self.content).digest()


def check_upload(mime_type: str, size_bytes: int) -> None:
    """Meta's list of types and sizes.

    Raises:
        GraphError: code 100 for a type that is not listed, 131053 for a file that is too large.
    """
    if not re.fullmatch(r"[\w.+-]+/[\w.+-]+(\s*;.*)?", mime_type):
        raise bad_parameter("Param file must have a Content-Type.")
    limit = SIZE_LIMITS.get(mime_type.partition(";")[0].strip().lower())
    if limit is None:
        allowed = ", ".join(sorted(SIZE_LIMITS))
        raise bad_parameter(
            f"Param file must be a file with one of the following types: {allowed}. Received file of type "
            f"'{mime_type[:80]}'."
        )
    if not 0 < size_bytes <= limit:
        raise GraphError(131053, "(#131053) Media upload error", f"File size must be between 1 and {limit} bytes.")


def fits_kind(kind: str, file: MediaFile, *, voice: bool = False) -> bool:
    """Whether a file may travel as this kind of message; a voice note must be Ogg."""
    if voice:
        return file.base_type == "audio/ogg"
    if kind == "image" and file.base_type == "image/webp":
        return False
    return file.base_type.startswith(_KIND_PREFIXES[kind])


class MediaShelf:
    """All files, in memory; when full, the oldest goes first."""

    def __init__(self, *, capacity_bytes: int) -> None:
        self._capacity_bytes = capacity_bytes
        self._used_bytes = 0
        self._files: OrderedDict[str, MediaFile] = OrderedDict()
        self._link_key = secrets.token_bytes(32)

    def add(self, content: bytes, mime_type: str, filename: str | None, *, expires_at: float) -> MediaFile:
        """Keep a file under a new id."""
        media_id = str(secrets.randbelow(9 * 10**15) + 10**15)
        file = MediaFile(id=media_id, content=content, mime_type=mime_type, filename=filename, expires_at=expires_at)
        self._files[media_id] = file
        self._used_bytes += len(content)
        while self._used_bytes > self._capacity_bytes and len(self._files) > 1:
            self.remove(next(iter(self._files)))
        return file

    def find(self, media_id: str, now: float) -> MediaFile | None:
        """The file with this id, unless it has expired."""
        file = self._files.get(media_id)
        if file is not None and file.expires_at <= now:
            self.remove(media_id)
            return None
        return file

    def remove(self, media_id: str) -> None:
        """Forget a file."""
        file = self._files.pop(media_id, None)
        if file is not None:
            self._used_bytes -= len(file.content)

    def link_query(self, media_id: str, now: float) -> dict[str, str]:
        """The query of a link that lives five minutes."""
        expires = str(int(now + LINK_LIFE_S))
        return {"mid": media_id, "ext": expires, "hash": self._seal(media_id, expires)}

    def follow_link(self, query: dict[str, str], now: float) -> MediaFile | None:
        """The file behind a link; None where the link is forged or dead."""
        media_id, expires = query.get("mid", ""), query.get("ext", "")
        is_ours = hmac.compare_digest(self._seal(media_id, expires).encode(), query.get("hash", "").encode())
        return self.find(media_id, now) if is_ours and now < int(expires) else None

    def _seal(self, media_id: str, expires: str) -> str:
        return hmac.new(self._link_key, f"{media_id}/{expires}".encode(), hashlib.sha256).hexdigest()
