"""The webhook: size, signature, parse, keep, 200. A plain handler, since FastAPI costs this path a quarter.

One rule: 200 is answered only after the commit, and nothing that Meta has signed is ever answered with 4xx.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from deployments.group_commit import GroupCommit, Overloaded
from deployments.signers import Signers, SignerSource, may_sign, signing_apps
from models.errors import BadPayload, StoreUnavailable
from models.message import RejectedUpdate, WebhookUpdates
from security.redaction import pseudonym
from security.tokens import matches
from store.inbox import Receipt
from telemetry.metrics import (
    BAD_SIGNATURES,
    INBOX_DUPLICATES,
    INBOX_MESSAGES,
    STATUSES,
    UNKNOWN_NUMBERS,
    UPDATES_QUARANTINED,
    WEBHOOKS,
    Step,
    timed,
)
from whatsapp.inbound import decode_body, parse_updates, phone_number_ids

logger = logging.getLogger(__name__)

MOST_BODY_BYTES = 3 * 1024 * 1024  # Meta: up to 3 MB
MOST_BYTES_IN_FLIGHT = 64 * 1024 * 1024  # of all bodies together
BIG_BODY_BYTES = 32 * 1024  # above this, checking and parsing hold a loop for too long: they go to a thread
COMMIT_LIMIT_S = 4.0
PACE_S = 0.004  # between two commits under load: a commit costs as much processor as four webhooks
MOST_IDS_LOGGED = 256  # of one commit
BODY_LIMIT_S = 10.0  # for a client that sends slowly
RETRY_AFTER = {"Retry-After": "2"}
KEPT = Response()  # 200 without a body, which would be written by a system call of its own


class InboxWriter(Protocol):
    """What the ingress needs of `store.inbox.Inbox`."""

    async def receive(self, bodies: Sequence[WebhookUpdates]) -> Receipt: ...
    async def quarantine(self, reason: str, body: bytes) -> None: ...


class Ingress:
    """Answers Meta's GET verification and its POSTs."""

    def __init__(self, inbox: InboxWriter, signers: SignerSource) -> None:
        """Take the ports; call `start` inside the event loop."""
        self._inbox = inbox
        self._signers = signers
        self._group: GroupCommit[WebhookUpdates, Receipt] = GroupCommit(
            self._receive_group, most_together=256, most_waiting=4096, pace_s=PACE_S
        )
        self._bytes_in_flight = BytesInFlight()

    def start(self) -> None:
        """Begin to commit."""
        self._group.start()

    async def drain(self) -> None:
        """Commit what waits."""
        await self._group.drain()

    def require_alive(self) -> None:
        """Raise when the commit loop has died, so that Serve replaces the replica."""
        if not self._group.is_alive:
            raise RuntimeError("the commit loop has died")

    def waiting(self) -> int:
        """How many requests wait for a commit."""
        return self._group.waiting

    async def handle(self, request: Request) -> Response:
        """Answer one request; never with a 5xx but 503, when nothing was kept and Meta should come again."""
        if request.method == "GET":
            return await self._verify(request)
        if request.method != "POST":
            return PlainTextResponse("only GET and POST", status_code=405, headers={"Allow": "GET, POST"})
        with timed(Step.ACK):
            try:
                response = await self._receive(request)
            except StoreUnavailable:
                response = PlainTextResponse("try again", status_code=503, headers=RETRY_AFTER)
        WEBHOOKS.add(1, status=response.status_code)
        return response

    async def _receive_group(self, bodies: Sequence[WebhookUpdates]) -> Receipt:
        receipt = await self._inbox.receive(bodies)
        for kind, count in receipt.new.items():
            INBOX_MESSAGES.add(count, kind=kind)
        if receipt.repeated:
            INBOX_DUPLICATES.add(receipt.repeated)
        _tell(bodies)
        return receipt

    async def _verify(self, request: Request) -> Response:
        """Answer `hub.challenge` to whoever knows a verify token of ours. Source: Meta, "Create a webhook endpoint"."""
        query = request.query_params
        presented = query.get("hub.verify_token", "")
        try:
            signers = await self._signers.current(fresh=True)
        except StoreUnavailable:
            return PlainTextResponse("try again", status_code=503, headers=RETRY_AFTER)
        known = any(app.verify_token and matches(presented, app.verify_token) for app in signers.apps.values())
        if query.get("hub.mode") == "subscribe" and known:
            return PlainTextResponse(query.get("hub.challenge", ""))
        return PlainTextResponse("wrong verify token", status_code=403)

    async def _receive(self, request: Request) -> Response:
        if _content_length(request) > MOST_BODY_BYTES:
            return PlainTextResponse("too large", status_code=413)
        with self._bytes_in_flight.of_a_body() as take:
            try:
                body = await _read(request, take)
                if body is None:
                    return PlainTextResponse("too large", status_code=413)
                return await self._keep(body, request.headers.get("x-hub-signature-256"))
            except (ClientDisconnect, TimeoutError):
                return PlainTextResponse("the body did not come", status_code=408)

    async def _keep(self, body: bytes, signature: str | None) -> Response:
        signers = await self._signers.current()
        signing = await _signing(body, signature, signers)
        # The app may have been added a moment ago; the same signers again would only cost a stranger's time twice.
        if not signing and (fresh := await self._signers.current(fresh=True)) is not signers:
            signers = fresh
            signing = await _signing(body, signature, signers)
        if not signing:
            BAD_SIGNATURES.add()
            return PlainTextResponse("wrong signature", status_code=401)
        try:
            payload, updates = await _parsed(body)
        except BadPayload:
            UPDATES_QUARANTINED.add(1, reason="no valid JSON")
            await self._inbox.quarantine("no valid JSON", body)
            return KEPT
        if not may_sign(phone_number_ids(payload), signing, signers):
            BAD_SIGNATURES.add()
            return PlainTextResponse("wrong signature", status_code=401)
        return await self._commit(body, set_aside_unknown(updates, signers.app_of_number))

    async def _commit(self, body: bytes, updates: WebhookUpdates) -> Response:
        try:
            await self._group.keep(updates, COMMIT_LIMIT_S)
        except StoreUnavailable:
            raise
        except Exception:  # this body alone cannot be stored: sending it back would make Meta repeat it for days
            logger.exception("a webhook could not be stored and lies in quarantine")
            UPDATES_QUARANTINED.add(1, reason="not storable")
            await self._inbox.quarantine("not storable", body)
            return KEPT
        _count(updates)
        return KEPT


class BytesInFlight:
    """The bytes held of all bodies together, counted as they come.

    Not as they are announced: whoever announces much and sends nothing would take the room of everybody else.
    """

    def __init__(self) -> None:
        """Nothing yet."""
        self._total = 0

    @contextmanager
    def of_a_body(self) -> Iterator[Callable[[int], None]]:
        """Give what counts the bytes of one body as they come; they are given back at the end of the block.

        What is given raises Overloaded where there is no room for so many.
        """
        held = 0

        def take(size: int) -> None:
            nonlocal held
            if self._total + size > MOST_BYTES_IN_FLIGHT:
                raise Overloaded("too many bytes are in flight")
            self._total += size
            held += size

        try:
            yield take
        finally:
            self._total -= held


def set_aside_unknown(updates: WebhookUpdates, app_of_number: Mapping[str, str]) -> WebhookUpdates:
    """Move messages for numbers that nobody has added to quarantine; they are not answered."""
    unknown = [message for message in updates.messages if message.phone_number_id not in app_of_number]
    if not unknown:
        return updates
    UNKNOWN_NUMBERS.add(len(unknown))
    rejected = tuple(
        RejectedUpdate(reason="unknown number", phone_number_id=message.phone_number_id, raw=dict(message.raw))
        for message in unknown
    )
    known = tuple(message for message in updates.messages if message.phone_number_id in app_of_number)
    return replace(updates, messages=known, rejected=(*updates.rejected, *rejected))


async def _signing(body: bytes, signature: str | None, signers: Signers) -> frozenset[str]:
    """Who signed; a pass over the body for each app, asked for by anybody who can reach the port."""
    if len(body) > BIG_BODY_BYTES:
        return await asyncio.to_thread(signing_apps, body, signature, signers)
    return signing_apps(body, signature, signers)


async def _parsed(body: bytes) -> tuple[object, WebhookUpdates]:
    if len(body) > BIG_BODY_BYTES:
        return await asyncio.to_thread(_parse, body)
    return _parse(body)


def _parse(body: bytes) -> tuple[object, WebhookUpdates]:
    payload = decode_body(body)
    return payload, parse_updates(payload)


def _content_length(request: Request) -> int:
    """Bytes that are announced; 0 where none are, since they are counted as they come."""
    try:
        return max(int(request.headers["content-length"]), 0)
    except (KeyError, ValueError):
        return 0


async def _read(request: Request, take: Callable[[int], None]) -> bytes | None:
    """Read the body; None as soon as it is more than Meta ever sends."""
    chunks: list[bytes] = []
    size = 0
    async with asyncio.timeout(BODY_LIMIT_S):
        async for chunk in request.stream():
            size += len(chunk)
            if size > MOST_BODY_BYTES:
                return None
            take(len(chunk))
            chunks.append(chunk)
    return b"".join(chunks)


def _tell(bodies: Sequence[WebhookUpdates]) -> None:
    """One line a commit: a line is made, redacted and written in the time of three whole webhooks."""
    wamids = [message.wamid for body in bodies for message in body.messages]
    if wamids:
        ids = [pseudonym(wamid) for wamid in wamids[:MOST_IDS_LOGGED]]
        logger.info("webhooks kept", extra={"webhooks": len(bodies), "messages": len(wamids), "message_ids": ids})


def _count(updates: WebhookUpdates) -> None:
    if updates.statuses:
        for state, count in Counter(status.state for status in updates.statuses).items():
            STATUSES.add(count, state=state)
    if updates.rejected:
        for reason, count in Counter(rejected.reason for rejected in updates.rejected).items():
            UPDATES_QUARANTINED.add(count, reason=reason)
