"""The control API: set up numbers and users, speak as a user, watch what happens. JSON, for programs and the page.

One rule: no secret of a number is ever answered.
"""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from models.errors import TheyErred
from whatsapp.simulator.control_input import (
    ControlRefused,
    named_number,
    named_user,
    read_country,
    read_digits,
    read_posted,
    read_seconds,
    read_text,
)
from whatsapp.simulator.control_trials import TrialApi
from whatsapp.simulator.exchange import Exchange
from whatsapp.simulator.http_shapes import MalformedBody, bearer_token
from whatsapp.simulator.ledger import LedgerEntry
from whatsapp.simulator.media import WEBHOOK_LIFE_S, MediaFile
from whatsapp.simulator.options import SimulatorOptions
from whatsapp.simulator.outbound_rules import MEDIA_KINDS
from whatsapp.simulator.roster import BusinessNumber, User
from whatsapp.simulator.user_messages import choice_content, media_content, plain_content
from whatsapp.simulator.views import entry_view

Json = dict[str, Any]
Endpoint = Callable[[Request], Awaitable[Response]]

_HEARTBEAT_S = 15.0
_NUMBER_FIELDS = (
    "phone_number_id",
    "display_phone_number",
    "waba_id",
    "name",
    "access_token",
    "app_secret",
    "verify_token",
    "callback_url",
)


class ControlApi:
    """Endpoints over one exchange."""

    def __init__(self, exchange: Exchange, options: SimulatorOptions) -> None:
        self._exchange = exchange
        self._options = options

    def routes(self) -> list[Route]:
        """All paths below /simulator."""
        table: list[tuple[str, str, Endpoint]] = [
            ("GET", "/simulator/health", self._health),
            ("GET", "/simulator/numbers", self._list_numbers),
            ("POST", "/simulator/numbers", self._add_number),
            ("GET", "/simulator/users", self._list_users),
            ("POST", "/simulator/users", self._add_user),
            ("POST", "/simulator/media", self._add_media),
            ("GET", "/simulator/media/{media_id}", self._show_media),
            ("POST", "/simulator/messages", self._say),
            ("POST", "/simulator/receipts", self._acknowledge),
            ("GET", "/simulator/conversations/{user}/{number}", self._conversation),
            ("GET", "/simulator/events", self._events),
            *TrialApi(self._exchange).table(),
        ]
        return [Route(path, self._guard(endpoint), methods=[method]) for method, path, endpoint in table]

    def _guard(self, endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            try:
                self._check_token(request)
                return await endpoint(request)
            except ControlRefused as error:
                return _refusal(error.http_status, str(error))
            except TheyErred as error:
                return _refusal(422, str(error))
            except MalformedBody:
                return _refusal(400, "the body must be a JSON object")

        return guarded

    def _check_token(self, request: Request) -> None:
        expected = self._options.control_token
        given = bearer_token(request) or ""
        if expected is not None and not hmac.compare_digest(given.encode(), expected.encode()):
            raise ControlRefused(401, "the control API needs its bearer token")

    # -- who takes part --------------------------------------------------------------------------------------------

    async def _health(self, request: Request) -> Response:
        return JSONResponse({"ok": True, "webhooks": self._exchange.postman.counts})

    async def _list_numbers(self, request: Request) -> Response:
        return JSONResponse({"numbers": [number.public() for number in self._exchange.roster.numbers]})

    async def _add_number(self, request: Request) -> Response:
        body = await read_posted(request)
        fields = {name: read_text(body, name) for name in _NUMBER_FIELDS}
        number = BusinessNumber(
            **fields,
            portfolio_id=str(body.get("portfolio_id") or fields["waba_id"]),
            is_test_number=bool(body.get("is_test_number", False)),
        )
        await self._exchange.add_number(number)
        return JSONResponse(number.public(), 201)

    async def _list_users(self, request: Request) -> Response:
        newest = self._exchange.roster.users[-200:]
        return JSONResponse({"users": [user.public() for user in newest]})

    async def _add_user(self, request: Request) -> Response:
        body = await read_posted(request)
        phone = body.get("phone")
        user = self._exchange.roster.add_user(
            read_text(body, "name")[:60],
            phone=None if phone is None else read_digits(str(phone)),
            with_phone=bool(body.get("with_phone", True)),
            username=str(body["username"])[:60] if body.get("username") else None,
            country=read_country(body),
        )
        self._exchange.events.publish("user", user.public())
        return JSONResponse(user.public(), 201)

    # -- files -----------------------------------------------------------------------------------------------------

    async def _add_media(self, request: Request) -> Response:
        """The raw bytes of a file that a user will send; its type is the Content-Type."""
        mime_type = request.headers.get("content-type", "application/octet-stream")
        content = await request.body()
        if not content:
            raise ControlRefused(422, "the file is empty")
        expires_at = self._exchange.now() + WEBHOOK_LIFE_S
        filename = request.query_params.get("filename")
        return JSONResponse({"id": self._exchange.shelf.add(content, mime_type, filename, expires_at=expires_at).id})

    async def _show_media(self, request: Request) -> Response:
        """A file for the page; never as something that a browser would run."""
        file = self._file(request.path_params["media_id"])
        is_plain = file.base_type.startswith(("image/", "audio/", "video/")) and "svg" not in file.base_type
        media_type = file.mime_type if is_plain else "application/octet-stream"
        headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}
        return Response(file.content, media_type=media_type, headers=headers)

    def _file(self, media_id: str) -> MediaFile:
        file = self._exchange.shelf.find(media_id, self._exchange.now())
        if file is None:
            raise ControlRefused(404, "no such file")
        return file

    # -- speaking as a user ----------------------------------------------------------------------------------------

    async def _say(self, request: Request) -> Response:
        """One message of a user; with ?wait_reply_s= the answer carries the business's replies too."""
        body = await read_posted(request)
        user = named_user(self._exchange.roster, read_text(body, "from"))
        number = named_number(self._exchange.roster, read_text(body, "to"))
        kind = str(body.get("type", "text"))
        content: Json
        reply_to = self._reply_to(body)
        if kind == "press":
            reply_to = read_text(body, "message_id")
            kind, content = choice_content(self._exchange.ledger, reply_to, read_text(body, "choice_id"))
        elif kind in MEDIA_KINDS:
            content = self._media(request, kind, body, number)
        else:
            content = plain_content(kind, body.get(kind))
        entry = self._exchange.say(user, number, kind, content, reply_to)
        answer: Json = {"wamid": entry.wamid, "seq": entry.seq}
        wait_s = read_seconds(request, "wait_reply_s")
        if wait_s:
            answer["replies"] = await self._replies(user, number, entry.seq, wait_s)
        return JSONResponse(answer, 201)

    def _reply_to(self, body: Json) -> str | None:
        context = body.get("context")
        return str(context["message_id"]) if isinstance(context, dict) and context.get("message_id") else None

    def _media(self, request: Request, kind: str, body: Json, number: BusinessNumber) -> Json:
        given = body.get(kind)
        if not isinstance(given, dict):
            raise ControlRefused(422, f"'{kind}' must be an object with the id of a file")
        file = self._file(str(given.get("id")))
        file.numbers.add(number.phone_number_id)
        link = None
        if self._options.public_url is not None:
            query = self._exchange.shelf.link_query(file.id, self._exchange.now())
            pairs = "&".join(f"{name}={value}" for name, value in query.items())
            link = f"{self._options.public_url}/whatsapp_business/attachments/?{pairs}"
        return media_content(kind, given, file, link)

    async def _acknowledge(self, request: Request) -> Response:
        """The user has read (or played) a message of the business."""
        body = await read_posted(request)
        entry = self._exchange.ledger.find(read_text(body, "wamid"))
        state = body.get("state", "read")
        if entry is None or entry.by != "business" or not entry.seq or state not in ("read", "played"):
            raise ControlRefused(422, "no such message of a business, or no such state")
        self._exchange.acknowledge(entry, state)
        return JSONResponse({"ok": True})

    # -- watching --------------------------------------------------------------------------------------------------

    async def _conversation(self, request: Request) -> Response:
        """What was shown, after a point; with ?wait_s= only once the business has spoken or the time is up."""
        user = named_user(self._exchange.roster, request.path_params["user"])
        number = named_number(self._exchange.roster, request.path_params["number"])
        after = self._seq(request.query_params.get("after"))
        wait_s = read_seconds(request, "wait_s")
        if wait_s:
            await self._exchange.ledger.wait_for_business(user.id, number.phone_number_id, after, wait_s)
        entries = self._exchange.ledger.after(user.id, number.phone_number_id, after)
        conversation = self._exchange.ledger.conversation(user.id, number.phone_number_id)
        return JSONResponse(
            {
                "messages": [entry_view(entry, self._exchange.ledger) for entry in entries],
                "typing_s": max(0.0, conversation.typing_until - self._exchange.now()),
                "last_event": self._exchange.events.last_id,
            }
        )

    async def _replies(self, user: User, number: BusinessNumber, seq: int, wait_s: float) -> list[Json]:
        ledger = self._exchange.ledger
        await ledger.wait_for_business(user.id, number.phone_number_id, seq, wait_s)
        entries: list[LedgerEntry] = ledger.after(user.id, number.phone_number_id, seq)
        return [entry_view(entry, ledger) for entry in entries if entry.by == "business"]

    def _seq(self, after: str | None) -> int:
        """A point in a conversation: a `seq`, or the id of a message."""
        if not after:
            return 0
        if after.isdigit():
            return int(after)
        entry = self._exchange.ledger.find(after)
        if entry is None:
            raise ControlRefused(404, "the message after which to look is not known")
        return entry.seq

    async def _events(self, request: Request) -> Response:
        """Server-sent events; a page that reconnects names its last event and misses nothing."""
        last = request.headers.get("last-event-id") or request.query_params.get("after")
        after = int(last) if last is not None and last.isdigit() else None
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._stream(after), media_type="text/event-stream", headers=headers)

    async def _stream(self, after: int | None) -> AsyncIterator[str]:
        with self._exchange.events.watch(after) as queue:
            first = self._exchange.events.last_id if after is None else after
            yield f"retry: 1000\nid: {first}\nevent: hello\ndata: {{}}\n\n"
            while not self._exchange.events.is_closed:
                try:
                    event = await asyncio.wait_for(queue.get(), _HEARTBEAT_S)
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                if event.name == "bye":
                    return
                yield f"id: {event.id}\nevent: {event.name}\ndata: {json.dumps(event.body)}\n\n"


def _refusal(http_status: int, message: str) -> Response:
    return JSONResponse({"error": message}, http_status)
