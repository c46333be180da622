"""The ZIP archive around a DOCX or XLSX, looked at before anything is unpacked."""

import zipfile
from io import BytesIO

from models.errors import DocumentRejected

UNPACKED_BYTES = 300 * 2**20  # of all parts; a 200-page handbook with pictures stays under a tenth of it
PART_RATIO = 150  # text in XML packs to a tenth or a twentieth; a part that packs better than this is made to harm
RATIO_FROM_BYTES = 20 * 2**20  # below this no ratio can harm
MEMBERS = 5_000


def members(content: bytes) -> frozenset[str]:
    """Give the names in the archive.

    Raises:
        DocumentRejected: damaged, protected, or a bomb: far larger when unpacked than any document.
    """
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise DocumentRejected("The file is damaged; save it again and upload it once more.") from error
    if any(part.flag_bits & 1 for part in parts):
        raise DocumentRejected("The file is protected with a password; save it without one and upload it again.")
    if _is_bomb(parts):
        raise DocumentRejected("The file is far too large when unpacked; it is not read, for safety.")
    return frozenset(part.filename for part in parts)


def _is_bomb(parts: list[zipfile.ZipInfo]) -> bool:
    """Trust the stated sizes: `zipfile` never gives more bytes of a part than its header states."""
    return (
        len(parts) > MEMBERS
        or sum(part.file_size for part in parts) > UNPACKED_BYTES
        or any(part.file_size > max(RATIO_FROM_BYTES, PART_RATIO * part.compress_size) for part in parts)
    )
