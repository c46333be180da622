"""Only webhooks run without a watch for their client's leaving."""

import pytest
from ray.serve._private.http_util import parse_disconnect_disabled_header
from starlette.types import Receive, Scope, Send

from deployments.middlewares import middlewares
from deployments.ray_cluster import ENVIRONMENT


@pytest.mark.parametrize(
    ("kind", "path", "is_unwatched"),
    [
        ("http", "/webhooks/whatsapp", True),
        ("http", "/status", False),
        ("http", "/console/webhooks/", False),
        ("websocket", "/webhooks/whatsapp", False),
    ],
)
async def test_only_webhooks_are_unwatched(kind: str, path: str, is_unwatched: bool) -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    (middleware,) = middlewares()
    scope = {"type": kind, "path": path, "headers": [(b"a", b"b")]}
    await middleware.cls(app, *middleware.args, **middleware.kwargs)(scope, None, None)  # type: ignore[arg-type]
    assert parse_disconnect_disabled_header(dict(seen[0]["headers"])) is is_unwatched
    assert seen[0]["headers"][0] == (b"a", b"b")


def test_serve_is_told_where_they_are() -> None:
    path = ENVIRONMENT["RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"]
    assert path == f"{middlewares.__module__}:{middlewares.__qualname__}"
