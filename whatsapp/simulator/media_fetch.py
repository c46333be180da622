"""Fetches what a business sent as a link, as Meta does: after the message was accepted, within limits."""

import asyncio

import aiohttp

from whatsapp.simulator.graph_errors import GraphError
from whatsapp.simulator.media import check_upload

_TIMEOUT = aiohttp.ClientTimeout(total=10)
_LARGEST_BYTES = 16 * 1024 * 1024


async def fetch_link(link: str, slots: asyncio.Semaphore) -> tuple[bytes, str] | None:
    """The bytes and mime type behind a link; None where it cannot be had, is too large or of no known type.

    Args:
        slots: bounds how many links are fetched at the same time.
    """
    try:
        async with (
            slots,
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.get(link, max_redirects=3) as response,
        ):
            if response.status != 200:
                return None
            content = await _read(response.content)
            mime_type = response.headers.get("Content-Type", "")
        check_upload(mime_type, len(content))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, GraphError):
        return None
    return content, mime_type


async def _read(stream: aiohttp.StreamReader) -> bytes:
    content = bytearray()
    async for chunk in stream.iter_chunked(64 * 1024):
        content += chunk
        if len(content) > _LARGEST_BYTES:
            raise ValueError("too large")
    return bytes(content)
