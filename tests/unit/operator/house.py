"""An operator application with neighbours that a test chooses, and node agents that really listen."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from fastapi import FastAPI

from deployments.operator.app import build_app
from deployments.operator.ports import ApplicationStatus, DeploymentStatus, NodeAgent, OperatorPorts
from models.status import QueueDepths
from security.keyring import Keyring
from security.tokens import hash_token, new_token
from store.database import Database
from store.handoff import Handoff

TOKEN = new_token()
KEYRING = Keyring({"test": b"k" * 32})
NOBODY_LISTENS = "postgresql+asyncpg://nobody@127.0.0.1:1/nothing"
DEPTHS = QueueDepths(inbox_unfinished=3, inbox_oldest_age_s=4.5, outbox_unsent=2, quarantined=7, dead=1)
RUNNING = ApplicationStatus(
    name="edge",
    status="RUNNING",
    message="",
    deployments=(DeploymentStatus(name="Ingress", status="HEALTHY", message="", replicas={"RUNNING": 2}),),
)


def giving(value: Any) -> Callable[[], Awaitable[Any]]:
    """A neighbour that gives this, or raises it."""

    async def call() -> Any:
        if isinstance(value, Exception):
            raise value
        return value

    return call


async def silent() -> Any:
    """A neighbour that never answers."""
    await asyncio.Event().wait()


def ports(**changes: Any) -> OperatorPorts:
    """A house in which all is well; `changes` are values, exceptions or callables by name of port."""
    values: dict[str, Any] = {
        "can_keep": None,
        "queue_depths": DEPTHS,
        "node_agents": [],
        "applications": [RUNNING],
        "workers": {"conversation": {"running": True}},
        "generator": {"engine": "vllm", "model": "tiny", "is_warm": True},
    } | changes
    handoff = values.pop("handoff", None) or Handoff(Database(NOBODY_LISTENS, name="tests"), KEYRING)
    calls = {name: value if callable(value) else giving(value) for name, value in values.items()}
    return OperatorPorts(token_hash=hash_token(TOKEN), handoff=handoff, versions={"ray": "2.60.0"}, **calls)


@asynccontextmanager
async def caller(app: FastAPI, token: str | None = TOKEN) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the application; with a token of None it has none."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://operator", headers=headers) as client:
        yield client
    await app.state.house.client.aclose()


@asynccontextmanager
async def calling(token: str | None = TOKEN, **changes: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a house with these neighbours."""
    async with caller(build_app(ports(**changes)), token) as client:
        yield client


@asynccontextmanager
async def node(page: str, *, status: int = 200) -> AsyncIterator[NodeAgent]:
    """A node's agent that shows this page on a port of its own."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = page.encode()
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield NodeAgent(address="127.0.0.1", port=server.sockets[0].getsockname()[1])


def samples(text: str, name: str) -> Sequence[str]:
    """The lines of a page that are samples of exactly this name."""
    return [line for line in text.splitlines() if line.split("{")[0].split(" ")[0] == name]
