"""Real servers on loopback for these tests: the simulator, and a small business that checks what it is sent."""

import asyncio
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from whatsapp.simulator.app import create_app
from whatsapp.simulator.client import SimulatorClient
from whatsapp.simulator.exchange import Exchange
from whatsapp.simulator.options import SimulatorOptions

NUMBER_ID = "106540352242922"
TOKEN = "EAAsimulated"
APP_SECRET = "app-secret"
VERIFY_TOKEN = "verify-me"
DISPLAY = "+1 555-078-3881"


class _Server(uvicorn.Server):
    """Starts and stops at once; the real one looks up ten times a second."""

    def __init__(self, app: Any) -> None:
        super().__init__(uvicorn.Config(app, log_level="error", access_log=False, timeout_graceful_shutdown=1))
        self.is_up = asyncio.Event()
        self.is_over = asyncio.Event()

    async def main_loop(self) -> None:
        self.is_up.set()
        await self.is_over.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals are the test runner's


def _listener() -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio then sets TCP_NODELAY
    listener.bind(("127.0.0.1", 0))
    return listener


@asynccontextmanager
async def serving(*apps: Any) -> AsyncIterator[list[str]]:
    """The addresses of the apps while they are served from this loop."""
    listeners = [_listener() for _ in apps]
    servers = [_Server(app) for app in apps]
    pairs = zip(servers, listeners, strict=True)
    tasks = [asyncio.create_task(server.serve(sockets=[listener])) for server, listener in pairs]
    try:
        for server in servers:
            await asyncio.wait_for(server.is_up.wait(), 10)
        yield [f"http://127.0.0.1:{listener.getsockname()[1]}" for listener in listeners]
    finally:
        for server in servers:
            server.is_over.set()
        await asyncio.gather(*tasks)
        for listener in listeners:
            listener.close()


@dataclass
class Business:
    """A business's service in miniature; `statuses` are answered in turn, then always 200."""

    verify_token: str = VERIFY_TOKEN
    statuses: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)  # of all tries, signed or not
    updates: list[dict[str, Any]] = field(default_factory=list)  # `value` of each acknowledged webhook
    bad_signatures: int = 0
    judge: Callable[[dict[str, Any]], int] | None = None  # overrides `statuses` for one value
    on_message: Callable[[dict[str, Any]], Any] | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def app(self) -> Starlette:
        """The callback."""
        return Starlette(
            routes=[
                Route("/webhook", self._verify, methods=["GET"]),
                Route("/webhook", self._receive, methods=["POST"]),
            ]
        )

    async def _verify(self, request: Request) -> Response:
        query = request.query_params
        if query["hub.mode"] == "subscribe" and query["hub.verify_token"] == self.verify_token:
            return PlainTextResponse(query["hub.challenge"])
        return PlainTextResponse("no", 403)

    async def _receive(self, request: Request) -> Response:
        body = await request.body()
        self.bodies.append(body)
        expected = "sha256=" + hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(request.headers["x-hub-signature-256"], expected):
            self.bad_signatures += 1
            return PlainTextResponse("bad signature", 401)
        value = json.loads(body)["entry"][0]["changes"][0]["value"]
        status = self.judge(value) if self.judge else self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.updates.append(value)
            for message in value.get("messages", []) if self.on_message else []:
                self._spawn(self.on_message(message))
        self.changed.set()
        return PlainTextResponse("", status)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """All users' messages, in the order acknowledged."""
        return [message for value in self.updates for message in value.get("messages", [])]

    def steps(self, wamid: str) -> list[str]:
        """The statuses of one message, in the order acknowledged."""
        found = [status for value in self.updates for status in value.get("statuses", [])]
        return [status["status"] for status in found if status["id"] == wamid]

    async def until(self, holds: Callable[[], Any], timeout_s: float = 10.0) -> None:
        """Wait for webhooks until this holds."""
        async with asyncio.timeout(timeout_s):
            while not holds():
                self.changed.clear()
                await self.changed.wait()


@dataclass
class Wire:
    """A simulator with one number whose callback is a business, and a client for each side."""

    url: str
    exchange: Exchange
    business: Business
    callback_url: str
    control: SimulatorClient
    graph: httpx2.AsyncClient

    async def send(self, **body: Any) -> httpx2.Response:
        """A call of the business to /messages."""
        return await self.graph.post(f"/v26.0/{NUMBER_ID}/messages", json={"messaging_product": "whatsapp", **body})


async def eventually(holds: Callable[[], Any], timeout_s: float = 10.0) -> None:
    """Wait for something inside the simulator that no webhook tells."""
    async with asyncio.timeout(timeout_s):
        while True:
            if holds():
                return
            await asyncio.sleep(0.005)


def number_fields(callback_url: str) -> dict[str, Any]:
    """What `add_number` takes."""
    return {
        "phone_number_id": NUMBER_ID,
        "display_phone_number": DISPLAY,
        "waba_id": "102290129340398",
        "name": "Casa Luna",
        "access_token": TOKEN,
        "app_secret": APP_SECRET,
        "verify_token": VERIFY_TOKEN,
        "callback_url": callback_url,
    }


@asynccontextmanager
async def wire(**options: Any) -> AsyncIterator[Wire]:
    """Both servers, connected."""
    business = Business()
    app = create_app(SimulatorOptions(**{"sent_after_s": 0.0, "delivered_after_s": 0.01, **options}))
    async with (
        serving(business.app(), app) as (business_url, url),
        SimulatorClient(url, control_token=options.get("control_token")) as control,
        httpx2.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False) as graph,
    ):
        callback_url = f"{business_url}/webhook"
        await control.add_number(**number_fields(callback_url))
        yield Wire(url, app.state.exchange, business, callback_url, control, graph)
