"""The lean client of webhooks against servers that behave, and some that do not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from whatsapp.simulator.posting import PostClient

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[tuple[str, list[int]]]:
    """The address of a server, and a list that grows with every connection."""
    connections: list[int] = []
    tasks: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(one, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/hook?a=1", connections
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return head, await reader.readexactly(length)


def answering(*answers: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await request(reader)
            writer.write(answer)
            await writer.drain()

    return serve


async def test_a_connection_is_used_again() -> None:
    client = PostClient(connections=4)
    seen: list[tuple[bytes, bytes]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen.append(await request(reader))
            writer.write(OK)

    async with server(serve) as (url, connections):
        bodies = [b"one", b"x" * 3_000_000, b""]
        assert [await client.post(url, {"X-Test": "yes"}, body, 5) for body in bodies] == [200, 200, 200]
        assert [body for _, body in seen] == bodies
        assert seen[0][0].startswith(b"POST /hook?a=1 HTTP/1.1\r\nHost: 127.0.0.1:")
        assert b"\r\nX-Test: yes\r\n" in seen[0][0]
        assert len(connections) == 1
        client.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ],
)
async def test_a_server_may_close_after_its_answer(answer: bytes) -> None:
    client = PostClient(connections=1)
    async with server(answering(answer)) as (url, connections):
        assert [await client.post(url, {}, b"x", 5) for _ in range(2)] == [200, 200]
        assert len(connections) == 2


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n", b"no HTTP at all\r\n\r\n"])
async def test_what_is_no_answer_is_none_and_the_next_call_goes_on(answer: bytes) -> None:
    client = PostClient(connections=1)
    async with server(answering(answer)) as (url, connections):
        assert [await client.post(url, {}, b"x", 5) for _ in range(2)] == [None, None]
        assert len(connections) == 2


async def test_silence_ends_with_the_time_limit() -> None:
    client = PostClient(connections=1)
    never = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await never.wait()

    async with server(serve) as (url, _):
        assert await client.post(url, {}, b"x", 0.05) is None


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/", "https://127.0.0.1:9/", "no address", "ftp://127.0.0.1/", "http://a\nb/"]
)
async def test_where_nobody_is_there_is_no_answer(url: str) -> None:
    assert await PostClient(connections=1).post(url, {}, b"x", 5) is None


async def test_any_status_is_told() -> None:
    client = PostClient(connections=1)
    async with server(answering(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", OK)) as (url, connections):
        assert [await client.post(url, {}, b"x", 5) for _ in range(2)] == [503, 200]
        assert len(connections) == 1
        client.close()
