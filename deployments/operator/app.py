"""The operator application: a table of routes, each with the permission that it asks for."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx2
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException

from deployments.operator import conversations
from deployments.operator.console_files import console, console_file
from deployments.operator.health import ReadinessProbe
from deployments.operator.metrics_page import CONTENT_TYPE, MetricsPage
from deployments.operator.permissions import Guard, Permission
from deployments.operator.ports import OperatorPorts
from deployments.operator.problems import RequestScope, answer_http_error, answer_invalid
from deployments.operator.status_page import status_page


class House:
    """What the routes share, one for each application."""

    def __init__(self, ports: OperatorPorts) -> None:
        self.ports = ports
        self.probe = ReadinessProbe(ports.can_keep)
        # Agents are neighbours inside the cluster: no proxy of the environment, and no redirects.
        self.client = httpx2.AsyncClient(trust_env=False, follow_redirects=False, timeout=5.0)
        self.page = MetricsPage(ports, self.probe, self.client)


async def healthz() -> Response:
    """Alive: this process answers."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """Ready: messages can be kept."""
    if await _house(request).probe.is_ready():
        return JSONResponse({"status": "ok"})
    return JSONResponse({"status": "not ok"}, status_code=503, headers={"Retry-After": "1"})


async def status(request: Request) -> Response:
    """The state of the house, for people and `./parley status`."""
    house = _house(request)
    return JSONResponse(await status_page(house.ports, house.probe))


async def metrics(request: Request) -> Response:
    """The page that Prometheus scrapes."""
    return PlainTextResponse(await _house(request).page.text(), media_type=CONTENT_TYPE)


_ROUTES: tuple[tuple[str, str, Callable[..., Awaitable[Response]], Permission], ...] = (
    ("GET", "/healthz", healthz, Permission.PUBLIC),
    ("GET", "/readyz", readyz, Permission.PUBLIC),
    ("GET", "/status", status, Permission.OBSERVE),
    ("GET", "/metrics", metrics, Permission.OBSERVE),
    ("GET", "/console", console, Permission.PUBLIC),
    ("GET", "/console/{name}", console_file, Permission.PUBLIC),
    ("GET", "/conversations", conversations.list_conversations, Permission.ANSWER),
    ("GET", "/conversations/{key}", conversations.show, Permission.ANSWER),
    ("GET", "/conversations/{key}/turns/{turn_id}", conversations.why, Permission.ANSWER),
    ("POST", "/conversations/{key}/take", conversations.take, Permission.ANSWER),
    ("POST", "/conversations/{key}/reply", conversations.reply, Permission.ANSWER),
    ("POST", "/conversations/{key}/hand-back", conversations.hand_back, Permission.ANSWER),
)


def build_app(ports: OperatorPorts) -> FastAPI:
    """Make the application inside the process that serves it; without pages of documentation, which would be public."""
    app = FastAPI(title="Parley operator", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan)
    app.state.house = House(ports)
    for method, path, endpoint, permission in _ROUTES:
        guard = Depends(Guard(permission))
        app.add_api_route(path, endpoint, methods=[method], dependencies=[guard], response_model=None)
    app.add_exception_handler(HTTPException, answer_http_error)
    app.add_exception_handler(RequestValidationError, answer_invalid)
    for error, answer in conversations.REFUSALS:
        app.add_exception_handler(error, answer)
    app.add_middleware(RequestScope)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await app.state.house.client.aclose()


def _house(request: Request) -> House:
    house: House = request.app.state.house
    return house
