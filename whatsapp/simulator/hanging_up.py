"""An answer that is none: the connection is closed in the middle of the call."""

import asyncio
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_TRANSPORT: Final = "simulator.transport"  # key in the scope of a request
_NOTICED_WITHIN_S: Final = 5.0


def remember_transport(scope: Scope, send: Send) -> None:
    """Keep the connection of a request within reach; `send` must be the server's own, not a middleware's.

    ASGI has no word for closing a connection, so this knows uvicorn: its `send` is a method of an object that holds
    the transport. Under another server `HangUp` is mere silence.
    """
    scope[_TRANSPORT] = getattr(getattr(send, "__self__", None), "transport", None)


class HangUp(Response):
    """Closes the connection, and says nothing."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = scope.get(_TRANSPORT)
        if transport is not None:
            transport.abort()
        async with asyncio.timeout(_NOTICED_WITHIN_S if transport is not None else None):
            while (await receive())["type"] != "http.disconnect":
                continue
