"""Meta's Graph API over HTTP: the only file of the house that calls Meta, and where its errors become ours.

One rule: an answer that does not say for certain that nothing was sent is `GraphUnreachable`, outcome unknown; nothing
is sent twice from here. What to do about an error is decided in `decisions.py`. Tokens stand in one header and nowhere
else; redirects, which would carry them on, are not followed.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx2
import orjson

from models.errors import BadPayload, GraphRefused, GraphUnreachable, MachineFailed, ParleyError
from models.message import OutboundMessage, Recipient
from whatsapp.decisions import Decision, decide
from whatsapp.lenient import integer_in, text_in
from whatsapp.limits import INBOUND_MEDIA_MAX_BYTES, MEDIA_MAX_BYTES
from whatsapp.payloads import BAD_PARAMETER, parse_graph_error, parse_send_response, read_receipt, to_graph

TokenFor = Callable[[str], Awaitable[str]]
"""The access token of a number, by Meta's id of it. Called for every request: keep the answer in memory."""

META_URL: Final = "https://graph.facebook.com"
TOKEN_REFUSED: Final = 190  # Graph's code for a token that is wrong or has expired
MEDIA_NOT_DOWNLOADABLE: Final = 131052

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphOptions:
    """Where Graph is and how long we wait for it."""

    base_url: str = META_URL
    version: str = "v26.0"
    connect_timeout: timedelta = timedelta(seconds=1.5)  # with the next one shorter than `call_timeout`, so that
    pool_timeout: timedelta = timedelta(seconds=1.5)  # what was never sent is known as such
    read_timeout: timedelta = timedelta(seconds=4)
    write_timeout: timedelta = timedelta(seconds=4)
    call_timeout: timedelta = timedelta(seconds=4)  # of a whole call; shorter than the sender's lease of 5 s
    media_timeout: timedelta = timedelta(seconds=30)  # of a whole up- or download
    max_connections: int = 200
    max_idle_connections: int = 100
    idle_timeout: timedelta = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLocation:
    """Where a file can be fetched, for 5 minutes."""

    url: str  # a capability: never logged
    mime_type: str
    sha256: str | None = None
    size_bytes: int | None = None


class GraphClient:
    """Implements `actors.ports.GraphApi`; one a process, for all numbers. Closed with `aclose` or `async with`."""

    def __init__(
        self,
        token_for: TokenFor,
        options: GraphOptions | None = None,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """`transport` stands in for the network; by default it is HTTP/1.1 with connections kept open."""
        self._token_for = token_for
        self._options = options or GraphOptions()
        self._http = _http_client(self._options, transport)

    async def __aenter__(self) -> "GraphClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections; safe to repeat."""
        await self._http.aclose()

    async def send(self, phone_number_id: str, to: Recipient, message: OutboundMessage, attempt_id: str) -> str:
        """Send one message and give its wamid; see `GraphApi.send`.

        Raises:
            GraphRefused: Graph, or our own check of its limits (HTTP status 0), said no; nothing was sent.
            GraphUnreachable: the outcome is unknown unless `never_sent`; codes 1, 2, 131000, 131016 are among it.
        """
        body = to_graph(message, to, attempt_id)
        answer = await self._post_message(phone_number_id, body)
        try:
            return parse_send_response(answer)
        except BadPayload as error:
            raise GraphUnreachable("Graph accepted a message without naming it") from error

    async def mark_read(self, phone_number_id: str, wamid: str, *, typing: bool) -> None:
        """Show the user that the message was read, and for up to 25 s that we are typing; safe to repeat.

        Raises:
            GraphRefused, GraphUnreachable: the user sees nothing; never worth a retry.
        """
        await self._post_message(phone_number_id, read_receipt(wamid, typing=typing))

    async def upload_media(
        self, phone_number_id: str, content: bytes, *, media_type: str, mime_type: str, filename: str = "file"
    ) -> str:
        """Leave a file with Meta and give its media id, good for 30 days.

        Args:
            media_type: audio, document, image, sticker or video; decides the size that Meta allows.

        Raises:
            GraphRefused: too large (HTTP status 0: not even tried), of a wrong type, or refused by Graph.
            GraphUnreachable: safe to repeat; at worst Meta keeps the file twice.
        """
        if len(content) > MEDIA_MAX_BYTES.get(media_type, 0):
            raise GraphRefused("a file breaks a limit of Meta's", BAD_PARAMETER, "file too large, or of no known type")
        form = {"messaging_product": "whatsapp", "type": mime_type}
        files = {"file": (filename, content, mime_type)}
        path = self._url(phone_number_id, "media")
        answer = await self._json("POST", path, phone_number_id, self._options.media_timeout, data=form, files=files)
        return _named_in(answer, "id")

    async def media_url(self, phone_number_id: str, media_id: str) -> MediaLocation:
        """Ask where a file of a user's can be fetched: the first of two steps.

        Raises:
            GraphRefused, GraphUnreachable: retryable where `decide` says so; media ids of webhooks live 7 days.
        """
        url = self._url(media_id)
        wait = self._options.call_timeout
        answer = await self._json("GET", url, phone_number_id, wait, params={"phone_number_id": phone_number_id})
        return MediaLocation(
            url=_named_in(answer, "url"),
            mime_type=text_in(answer, "mime_type") or "application/octet-stream",
            sha256=text_in(answer, "sha256"),
            size_bytes=integer_in(answer, "file_size"),
        )

    async def download_media(
        self, phone_number_id: str, location: MediaLocation, *, max_bytes: int = INBOUND_MEDIA_MAX_BYTES
    ) -> bytes:
        """Fetch the file: the second step. Stops reading where it grows beyond `max_bytes`.

        Raises:
            GraphRefused: code 131052 if it is too large; HTTP status 404 if the address is over 5 minutes old.
            GraphUnreachable: safe to repeat.
        """
        self._check_may_see_token(location.url)
        if (location.size_bytes or 0) > max_bytes:
            raise _too_large(max_bytes)
        async with self._exchange("GET", location.url, phone_number_id, self._options.media_timeout) as answer:
            if answer.status_code != httpx2.codes.OK:
                raise _refusal(await answer.aread(), answer.status_code)
            return await _read_up_to(answer, max_bytes)

    async def _post_message(self, phone_number_id: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        url = self._url(phone_number_id, "messages")
        return await self._json("POST", url, phone_number_id, self._options.call_timeout, json=body)

    async def _json(
        self, method: str, url: str, phone_number_id: str, time_limit: timedelta, **request: Any
    ) -> Mapping[str, Any]:
        async with self._exchange(method, url, phone_number_id, time_limit, **request) as answer:
            content = await answer.aread()
            if not answer.is_success:
                raise _refusal(content, answer.status_code)
            decoded = _decoded(content)
            if not isinstance(decoded, dict):
                raise GraphUnreachable("Graph's answer could not be read")
            return decoded

    @asynccontextmanager
    async def _exchange(
        self, method: str, url: str, phone_number_id: str, time_limit: timedelta, **request: Any
    ) -> AsyncIterator[httpx2.Response]:
        """One request and its answer within the time limit, reading included; every failure in our words."""
        never_sent = True
        try:
            async with asyncio.timeout(time_limit.total_seconds()):
                headers = {"Authorization": f"Bearer {await self._token(phone_number_id)}"}
                never_sent = False
                async with self._http.stream(method, url, headers=headers, **request) as answer:
                    yield answer
        except TimeoutError as error:
            raise GraphUnreachable("Graph did not answer in time", never_sent) from error
        except _NOT_SENT as error:
            raise GraphUnreachable("Graph could not be reached", never_sent=True) from error
        except (httpx2.LocalProtocolError, httpx2.InvalidURL):
            # Its words may quote the header with the token, so neither they nor the cause go on.
            raise GraphRefused("the request could not be written: bad token or address", TOKEN_REFUSED) from None
        except httpx2.HTTPError as error:
            raise GraphUnreachable("the connection to Graph broke") from error

    async def _token(self, phone_number_id: str) -> str:
        try:
            token = await self._token_for(phone_number_id)
        except MachineFailed as error:
            raise GraphUnreachable("the access token could not be looked up", never_sent=True) from error
        except ParleyError as error:
            raise GraphRefused("the number has no access token", TOKEN_REFUSED) from error
        if not (token.isascii() and token.isprintable() and token.strip() == token != ""):
            raise GraphRefused("the access token is no token", TOKEN_REFUSED)
        return token

    def _url(self, *segments: str) -> str:
        path = "/".join(quote(segment, safe="") for segment in (self._options.version, *segments))
        return f"{self._options.base_url.rstrip('/')}/{path}"

    def _check_may_see_token(self, url: str) -> None:
        """Refuse to send a token in the clear, except to where the base URL itself is plain (a simulator)."""
        base, wanted = urlsplit(self._options.base_url), urlsplit(url)
        if wanted.scheme != "https" and (wanted.scheme, wanted.netloc) != (base.scheme, base.netloc):
            raise GraphRefused("a media address is not https", MEDIA_NOT_DOWNLOADABLE)


def _http_client(options: GraphOptions, transport: httpx2.AsyncBaseTransport | None) -> httpx2.AsyncClient:
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # at INFO it logs every URL; a media URL is a capability
    return httpx2.AsyncClient(
        transport=transport,
        http2=False,
        headers={"User-Agent": "parley", "Accept-Encoding": "identity"},  # a size limit counts what really comes
        follow_redirects=False,
        trust_env=urlsplit(options.base_url).hostname not in _LOOPBACK,  # a proxy has no part in our own machine
        timeout=httpx2.Timeout(
            connect=options.connect_timeout.total_seconds(),
            read=options.read_timeout.total_seconds(),
            write=options.write_timeout.total_seconds(),
            pool=options.pool_timeout.total_seconds(),
        ),
        limits=httpx2.Limits(
            max_connections=options.max_connections,
            max_keepalive_connections=options.max_idle_connections,
            keepalive_expiry=options.idle_timeout.total_seconds(),
        ),
    )


def _refusal(content: bytes, http_status: int) -> GraphRefused | GraphUnreachable:
    """The error to raise for an answer that is no success, by the table of `decisions.py`."""
    refused = parse_graph_error(_decoded(content), http_status)
    if decide(refused) is not Decision.UNKNOWN_OUTCOME:
        return refused
    return GraphUnreachable(f"Graph failed with code {refused.code}, HTTP {http_status}; the outcome is unknown")


def _decoded(content: bytes) -> object:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


def _named_in(answer: Mapping[str, Any], key: str) -> str:
    value = text_in(answer, key)
    if value is None:
        raise GraphUnreachable("Graph's answer about a file could not be read")
    return value


async def _read_up_to(answer: httpx2.Response, max_bytes: int) -> bytes:
    content = bytearray()
    async for piece in answer.aiter_bytes():
        content += piece
        if len(content) > max_bytes:
            raise _too_large(max_bytes)
    return bytes(content)


def _too_large(max_bytes: int) -> GraphRefused:
    return GraphRefused("a file of a user's is too large", MEDIA_NOT_DOWNLOADABLE, f"over {max_bytes} bytes")
