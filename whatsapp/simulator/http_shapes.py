"""Small pieces of HTTP that the Graph API and the control API share."""

import json
from typing import Any, Protocol

from starlette.requests import Request


class MalformedBody(Exception):
    """The body is no JSON object."""


class HasHeaders(Protocol):
    """Anything with headers."""

    @property
    def headers(self) -> Any: ...


async def read_json(request: Request) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        MalformedBody: it is not one.
    """
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise MalformedBody from error
    if not isinstance(body, dict):
        raise MalformedBody
    return body


def bearer_token(request: HasHeaders) -> str | None:
    """The token of the Authorization header."""
    scheme, _, token = str(request.headers.get("authorization", "")).partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None
