"""The whole simulator as one ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from whatsapp.simulator.control import ControlApi
from whatsapp.simulator.exchange import Exchange
from whatsapp.simulator.graph import GraphApi
from whatsapp.simulator.hanging_up import remember_transport
from whatsapp.simulator.options import SimulatorOptions
from whatsapp.simulator.samples import sample_image, sample_voice

_STATIC = Path(__file__).parent / "static"
_PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class _Simulator(Starlette):
    """Keeps each request's connection within reach, since some faults close it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            remember_transport(scope, send)
        await super().__call__(scope, receive, send)


class _PageFiles(StaticFiles):
    """Static files under the page's own security headers."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_PAGE_HEADERS)
        return response


async def _page(request: Request) -> Response:
    return FileResponse(_STATIC / "index.html", headers=_PAGE_HEADERS)


async def _sample_image(request: Request) -> Response:
    return Response(sample_image(), media_type="image/png", headers=_PAGE_HEADERS)


async def _sample_voice(request: Request) -> Response:
    return Response(sample_voice(), media_type="audio/ogg", headers=_PAGE_HEADERS)


def create_app(options: SimulatorOptions | None = None) -> Starlette:
    """A simulator with nobody in it yet; `app.state.exchange` is its heart, for tests that look inside."""
    options = options or SimulatorOptions()
    exchange = Exchange(options)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await exchange.start()
        try:
            yield
        finally:
            await exchange.close()

    app = _Simulator(
        lifespan=lifespan,
        routes=[
            GraphApi(exchange).messages_route(),
            Route("/", _page),
            Route("/samples/image.png", _sample_image),
            Route("/samples/voice.ogg", _sample_voice),
            Mount("/static", _PageFiles(directory=_STATIC)),
            *ControlApi(exchange, options).routes(),
            *GraphApi(exchange).routes(),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=list(options.allowed_hosts), www_redirect=False),
            Middleware(RequestBodyLimitMiddleware, max_body_size=options.body_bytes),
        ],
    )
    app.state.exchange = exchange
    return app
