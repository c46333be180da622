"""What Serve puts before every HTTP door: RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH names `middlewares`."""

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

WEBHOOKS = "/webhooks/"
# Serve's own switch (http_util.parse_disconnect_disabled_header). To see a client go, it runs two tasks and a queue
# beside every request, a fifth of a webhook's processor, only to cancel a handler whose write goes on all the same.
_UNWATCHED = (b"x-request-disconnect-disabled", b"?1")


class UnwatchedWebhooks:
    """Lets webhooks run without a watch for their client's leaving; reading a body notices that by itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(WEBHOOKS):
            scope["headers"] = [*scope["headers"], _UNWATCHED]
        await self._app(scope, receive, send)


def middlewares() -> list[Middleware]:
    """Give them from the outermost inwards; Serve calls this once in each process that has a door."""
    return [Middleware(UnwatchedWebhooks)]
