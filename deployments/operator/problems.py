"""Errors as problem details (RFC 9457), each with the id of its request; nothing of an exception is told."""

import logging
import re
from http import HTTPStatus
from uuid import uuid4

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from telemetry.logs import following

logger = logging.getLogger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def problem(request_id: str, path: str, status: int, detail: str = "", **more: object) -> JSONResponse:
    """Make one problem; `type` stays about:blank, so the title is the status's own phrase; `more` are extensions."""
    content: dict[str, object] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    if detail and detail != content["title"]:
        content["detail"] = detail
    content |= {"instance": path, "request_id": request_id, **more}
    return JSONResponse(content, status_code=status, media_type="application/problem+json")


async def answer_http_error(request: Request, error: Exception) -> JSONResponse:
    """Turn what a route or the router raised into a problem; for 404, 405 and 401 alike."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    response = problem(request.state.request_id, request.url.path, error.status_code, error.detail)
    response.headers.update(error.headers or {})
    return response


async def answer_invalid(request: Request, _error: Exception) -> JSONResponse:
    """Answer a request whose parameters are wrong, without repeating them."""
    return problem(request.state.request_id, request.url.path, 422, "A parameter of this request is wrong.")


class RequestScope:
    """Gives each request its id, each response its safe headers, and each unforeseen error its problem."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        # Serve always sends an id along, and puts it on the response itself.
        headers = _HEADERS if request_id == given else {**_HEADERS, "x-request-id": request_id}
        scope.setdefault("state", {})["request_id"] = request_id
        has_started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal has_started
            if message["type"] == "http.response.start":
                has_started = True
                MutableHeaders(scope=message).update(headers)
            await send(message)

        with following(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_headers)
            except Exception:  # the edge: whoever asks gets a problem, whoever must act gets the traceback
                logger.exception("request failed", extra={"path": scope["path"]})
                if not has_started:
                    await problem(request_id, scope["path"], 500)(scope, receive, send_with_headers)
