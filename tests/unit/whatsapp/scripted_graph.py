"""A small HTTP/1.1 server on loopback that answers as told: real sockets, so that real failures can be made."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

END = b"\r\n\r\n"


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Act = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class ScriptedGraph:
    """Plays one act a request, the last one again and again."""

    acts: list[Act]
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)  # set by the first request
    connections: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while not reader.at_eof():
                self.requests.append(await _read(reader))
                self.asked.set()
                act = self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]
                await act(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def scripted_graph(*acts: Act) -> AsyncIterator[ScriptedGraph]:
    graph = ScriptedGraph(list(acts))
    server = await asyncio.start_server(graph.serve, "127.0.0.1", 0)
    graph.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield graph
    finally:
        server.close()
        for writer in graph.writers:
            writer.close()
        await server.wait_closed()


def answer(status: int, body: object, headers: str = "") -> Act:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status} X\r\n{headers}Content-Length: {len(content)}".encode() + END + content)

    return act


def refusal(code: int, status: int = 400, details: str = "") -> Act:
    return answer(status, {"error": {"message": "no", "code": code, "error_data": {"details": details}}})


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Take the request and close without an answer."""
    writer.close()


async def say_nothing(_: asyncio.StreamWriter) -> None:
    """Take the request and never answer."""


async def stop_half_way(writer: asyncio.StreamWriter) -> None:
    """Send half an answer, then nothing."""
    writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 100" + END + b'{"messages":')


def endless(piece: bytes) -> Act:
    """Send a body of unknown length for as long as the other side reads."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked" + END)
        while not writer.is_closing():
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await writer.drain()
            await asyncio.sleep(0)  # lets the end of the connection be seen

    return act


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(END)).decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:])}
    return Request(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))
