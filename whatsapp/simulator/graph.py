"""The Graph API, as a business's client calls it.

Source: Meta, Cloud API: "Send messages", "Mark messages as read", "Typing indicators", "Media".
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, cast

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from whatsapp.simulator.exchange import Exchange
from whatsapp.simulator.fate import Fate
from whatsapp.simulator.graph_errors import (
    GraphError,
    bad_parameter,
    bad_token,
    missing,
    no_such_object,
    no_token,
    number_limit_hit,
)
from whatsapp.simulator.hanging_up import HangUp
from whatsapp.simulator.http_shapes import MalformedBody, bearer_token, read_json
from whatsapp.simulator.media import UPLOAD_LIFE_S, MediaFile, check_upload
from whatsapp.simulator.outbound_rules import check_outbound, check_product
from whatsapp.simulator.roster import BusinessNumber

_VERSION = re.compile(r"v\d{1,3}\.\d")
_LINK_PATH = "/whatsapp_business/attachments/"
Endpoint = Callable[[Request], Awaitable[Response]]


class GraphApi:
    """Endpoints over one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def messages_route(self) -> Route:
        """The one path that has to be quick: routes are tried in turn, so this comes before all others."""
        return Route("/{version}/{object_id}/messages", self._guard(self._messages), methods=["POST"])

    def routes(self) -> list[Route]:
        """All other paths; they must come after the simulator's own, which are more special."""
        return [
            Route(_LINK_PATH, self._guard(self._download), methods=["GET"]),
            Route("/{version}/{object_id}/media", self._guard(self._upload), methods=["POST"]),
            Route("/{version}/{object_id}", self._guard(self._read), methods=["GET"]),
            Route("/{version}/{object_id}", self._guard(self._delete), methods=["DELETE"]),
            Route("/{version}/{rest:path}", self._guard(self._unknown), methods=["GET", "POST", "DELETE"]),
        ]

    @staticmethod
    def _guard(endpoint: Endpoint) -> Endpoint:
        """Answer errors in Meta's shape, and refuse what is no version of the API."""

        async def guarded(request: Request) -> Response:
            try:
                if "version" in request.path_params and not _VERSION.fullmatch(request.path_params["version"]):
                    raise GraphError(2500, "Unknown path components", http_status=404)
                return await endpoint(request)
            except GraphError as error:
                return JSONResponse(error.body(), error.http_status)
            except MalformedBody:
                return JSONResponse(bad_parameter("The request body is not a JSON object.").body(), 400)

        return guarded

    async def _unknown(self, request: Request) -> Response:
        raise GraphError(2500, "Unknown path components", http_status=404)

    async def _messages(self, request: Request) -> Response:
        number = self._number(request)
        body = await read_json(request)
        chance = self._exchange.chance
        fate = chance.fate(number.phone_number_id, self._exchange.now())
        if fate is Fate.REFUSED:
            return HangUp()
        if not fate.takes:
            await asyncio.sleep(chance.latency_s())
            raise chance.error(fate)
        if "status" in body:
            response = self._mark_read(number, body)
            return await self._told(request, fate, response, None)
        entry, contact = self._exchange.accept(number, check_outbound(body))
        if chance.happens("status early", chance.faults.webhook.status_early_share):
            await self._exchange.report_early(entry)
        message: dict[str, Any] = {"id": entry.wamid}
        if entry.kind == "template":
            message["message_status"] = "accepted"
        response = JSONResponse({"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]})
        return await self._told(request, fate, response, entry.wamid)

    async def _told(self, request: Request, fate: Fate, response: Response, wamid: str | None) -> Response:
        """What the caller learns of what was taken, and when; noted in the journal."""
        journal, latency_s = self._exchange.journal, self._exchange.chance.latency_s()
        is_gone = False
        if latency_s:
            await asyncio.sleep(latency_s)
            is_gone = await request.is_disconnected()
        if fate is Fate.TAKEN_ERROR:
            journal.answer(wamid or "", "error")
            raise self._exchange.chance.error(fate)
        if fate is Fate.LOST_ANSWER or is_gone:
            journal.answer(wamid or "", "lost")
            return HangUp()
        journal.answer(wamid or "", "clean")
        return response

    def _mark_read(self, number: BusinessNumber, body: dict[str, Any]) -> Response:
        check_product(body)
        if body["status"] != "read":
            raise bad_parameter("Param status must be one of {READ}.")
        if not isinstance(body.get("message_id"), str):
            raise missing("message_id")
        typing = body.get("typing_indicator")
        if typing is not None and (not isinstance(typing, dict) or typing.get("type") != "text"):
            raise bad_parameter("Param typing_indicator['type'] must be one of {TEXT}.")
        self._exchange.mark_read(number, body["message_id"], typing=typing is not None)
        return JSONResponse({"success": True})

    async def _upload(self, request: Request) -> Response:
        number = self._number(request)
        async with request.form(max_files=1, max_fields=4) as form:
            check_product(dict(form))
            upload = form.get("file")
            if not isinstance(upload, UploadFile):
                raise bad_parameter("The parameter file is required.")
            mime_type = upload.content_type or str(form.get("type", ""))
            check_upload(mime_type, upload.size or 0)
            content, filename = await upload.read(), upload.filename
        expires_at = self._exchange.now() + UPLOAD_LIFE_S
        file = self._exchange.shelf.add(content, mime_type, filename, expires_at=expires_at)
        file.numbers.add(number.phone_number_id)
        return JSONResponse({"id": file.id})

    async def _read(self, request: Request) -> Response:
        """A number's own data, or the first step of a download."""
        object_id = request.path_params["object_id"]
        if self._exchange.roster.number(object_id) is not None:
            return JSONResponse(_number_view(self._number(request)))
        file = self._file(request)
        query = self._exchange.shelf.link_query(file.id, self._exchange.now())
        return JSONResponse(
            {
                "messaging_product": "whatsapp",
                "url": str(request.base_url.replace(path=_LINK_PATH).include_query_params(**query)),
                "mime_type": file.mime_type,
                "sha256": file.sha256.hex(),
                "file_size": len(file.content),
                "id": file.id,
            }
        )

    async def _download(self, request: Request) -> Response:
        """The second step: the bytes, for whoever holds the link and the token."""
        tokens = self._tokens_of(request)
        file = self._exchange.shelf.follow_link(dict(request.query_params), self._exchange.now())
        if file is None:
            return Response(status_code=404)
        if not file.numbers & tokens:
            raise bad_token()
        return Response(file.content, media_type=file.mime_type)

    async def _delete(self, request: Request) -> Response:
        self._exchange.shelf.remove(self._file(request).id)
        return JSONResponse({"success": True})

    # -- whose token -----------------------------------------------------------------------------------------------

    def _number(self, request: Request) -> BusinessNumber:
        """The number of the path, where the token is its own."""
        phone_number_id = request.path_params["object_id"]
        if phone_number_id not in self._tokens_of(request):
            raise no_such_object(request.method, phone_number_id)
        return cast(BusinessNumber, self._exchange.roster.number(phone_number_id))

    def _file(self, request: Request) -> MediaFile:
        media_id = request.path_params["object_id"]
        tokens = self._tokens_of(request)
        named = request.query_params.get("phone_number_id")
        allowed = tokens & {named} if named else tokens
        file = self._exchange.shelf.find(media_id, self._exchange.now())
        if file is None or not file.numbers & allowed:
            raise no_such_object(request.method, media_id)
        return file

    def _tokens_of(self, request: Request) -> set[str]:
        """The ids of all numbers that the caller's token opens; at least one."""
        token = bearer_token(request) or request.query_params.get("access_token")
        if token is None:
            raise no_token()
        opened = self._exchange.roster.opened_by(token)
        if not opened and not self._exchange.roster.numbers:
            # Started again, it has not been told yet who there is. Meta knows its numbers always; a refusal of the
            # token would stop a number for good.
            raise number_limit_hit()
        if not opened:
            raise bad_token()
        return opened


def _number_view(number: BusinessNumber) -> dict[str, Any]:
    return {
        "verified_name": number.name,
        "code_verification_status": "VERIFIED",
        "display_phone_number": number.display_phone_number,
        "quality_rating": "GREEN",
        "platform_type": "CLOUD_API",
        "throughput": {"level": "STANDARD"},
        "webhook_configuration": {"application": number.callback_url},
        "id": number.phone_number_id,
    }
