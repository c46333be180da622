"""The operator application's part for people who answer: lists, threads, take, reply, hand back.

One rule: nothing is decided here; `store.handoff` decides, for the command line too.
"""

import asyncio
from collections.abc import Awaitable
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import ClientDisconnect

from deployments.operator.problems import problem
from deployments.operator.told import told_page, told_thread, told_why
from models.errors import StoreUnavailable
from models.handoff import LINES, MOST_LINES, HandoffRefused, NotSayable, UnknownConversation, Which, WithSomebodyElse
from store.handoff import Handoff

T = TypeVar("T")
Body = TypeVar("Body", bound=BaseModel)

MOST_BODY_BYTES = 64 * 1024  # a text of 4,096 characters, each escaped, has half of it
BODY_LIMIT_S = 10.0
STORE_LIMIT_S = 8.0
RETRY_AFTER = {"Retry-After": "2"}

PageSize = Annotated[int, Query(ge=1, le=MOST_LINES)]


class Taking(BaseModel):
    """Who takes a conversation, and from whom."""

    model_config = ConfigDict(extra="forbid")

    by: str
    instead_of: str | None = None  # null: it is believed to be with nobody


class Reply(BaseModel):
    """What a person says."""

    model_config = ConfigDict(extra="forbid")

    by: str
    text: str
    request_id: UUID  # the same for a second try of the same reply


class HandingBack(BaseModel):
    """Who gives a conversation back to the bot."""

    model_config = ConfigDict(extra="forbid")

    by: str


async def list_conversations(
    request: Request,
    which: Which = Which.WAITING,
    tenant: str | None = None,
    after: str | None = None,
    limit: PageSize = LINES,
) -> Response:
    """A page of the conversations that wait, are taken, or were written in lately."""
    page = await _within(_desk(request).conversations(which, tenant=tenant, after=after, limit=limit))
    return JSONResponse(told_page(page))


async def show(request: Request, key: UUID, before: str | None = None, limit: PageSize = LINES) -> Response:
    """A conversation with a page of its lines."""
    return JSONResponse(told_thread(await _within(_desk(request).show(key, before=before, limit=limit))))


async def why(request: Request, key: UUID, turn_id: UUID) -> Response:
    """Why the bot said what it said in a turn."""
    return JSONResponse(told_why(await _within(_desk(request).why(key, turn_id))))


async def take(request: Request, key: UUID) -> Response:
    """Let a person answer instead of the bot."""
    asked = await _body(request, Taking)
    await _within(_desk(request).take(key, asked.by, instead_of=asked.instead_of))
    return Response(status_code=204)


async def reply(request: Request, key: UUID) -> Response:
    """Queue what a person says."""
    asked = await _body(request, Reply)
    queued = await _within(_desk(request).reply(key, asked.by, asked.text, request_id=asked.request_id))
    return JSONResponse({"outbox_id": queued}, status_code=202)


async def hand_back(request: Request, key: UUID) -> Response:
    """Let the bot answer again."""
    asked = await _body(request, HandingBack)
    await _within(_desk(request).hand_back(key, asked.by))
    return Response(status_code=204)


async def answer_refusal(request: Request, error: Exception) -> JSONResponse:
    """Tell why a person's wish cannot be, and who has the conversation where that is why."""
    who = {"taken_by": error.taken_by} if isinstance(error, WithSomebodyElse) else {}
    return problem(request.state.request_id, request.url.path, _status(error), str(error), **who)


async def answer_unavailable(request: Request, _error: Exception) -> JSONResponse:
    """Tell that the same may be asked again."""
    response = problem(
        request.state.request_id, request.url.path, 503, "PostgreSQL does not answer in time; try again."
    )
    response.headers.update(RETRY_AFTER)
    return response


def _status(error: Exception) -> int:
    if isinstance(error, UnknownConversation):
        return 404
    return 422 if isinstance(error, NotSayable) else 409


async def _within(call: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(STORE_LIMIT_S):
            return await call
    except TimeoutError as error:
        raise StoreUnavailable("PostgreSQL does not answer in time") from error


async def _body(request: Request, model: type[Body]) -> Body:
    """Read a body of bounded size within a bounded time; what is wrong in it is named, not repeated."""
    try:
        async with asyncio.timeout(BODY_LIMIT_S):
            body = await _bytes(request)
        return model.model_validate_json(body)
    except TimeoutError:
        raise HTTPException(408, "The body did not come in time.") from None
    except ClientDisconnect:
        raise HTTPException(400, "The body did not come to its end.") from None
    except ValidationError as error:
        wrong = sorted({str(one["loc"][0]) for one in error.errors() if one["loc"]} & set(model.model_fields))
        detail = f"Wrong or missing: {', '.join(wrong)}." if wrong else "The body is not the JSON object asked for."
        raise HTTPException(422, detail) from None


async def _bytes(request: Request) -> bytes:
    received = bytearray()
    async for piece in request.stream():
        received += piece
        if len(received) > MOST_BODY_BYTES:
            raise HTTPException(413, f"The body has more than {MOST_BODY_BYTES // 1024} KB.")
    return bytes(received)


def _desk(request: Request) -> Handoff:
    desk: Handoff = request.app.state.house.ports.handoff
    return desk


REFUSALS = ((HandoffRefused, answer_refusal), (StoreUnavailable, answer_unavailable))
