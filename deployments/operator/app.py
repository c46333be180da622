"""The operator application: a table of routes, each with the permission that it asks for."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx2
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException

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


_ROUTES: tuple[tuple[str, Callable[..., Awaitable[Response]], Permission], ...] = (
    ("/healthz", healthz, Permission.PUBLIC),
    ("/readyz", readyz, Permission.PUBLIC),
    ("/status", status, Permission.OBSERVE),
    ("/metrics", metrics, Permission.OBSERVE),
)


def build_app(ports: OperatorPorts) -> FastAPI:
    """Make the application inside the process that serves it; without pages of documentation, which would be public."""
    app = FastAPI(title="Parley operator", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan)
    app.state.house = House(ports)
    for path, endpoint, permission in _ROUTES:
        app.add_api_route(path, endpoint, dependencies=[Depends(Guard(permission))], response_model=None)
    app.add_exception_handler(HTTPException, answer_http_error)
    app.add_exception_handler(RequestValidationError, answer_invalid)
    app.add_middleware(RequestScope)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await app.state.house.client.aclose()


def _house(request: Request) -> House:
    house: House = request.app.state.house
    return house
