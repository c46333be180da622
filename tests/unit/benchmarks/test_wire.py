"""The small HTTP client understands what servers answer, and opens a lost connection again."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from benchmarks.wire import Connection


@contextmanager
def serving(*connections: Sequence[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """Accept so many connections, and give each request of them its answer; then hang up."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answers in connections:
                peer, _ = listener.accept()
                with peer:
                    for answer in answers:
                        requests.append(peer.recv(65536))
                        peer.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/hook?x=1", requests
        thread.join(timeout=10)


def test_headers_and_body_arrive_and_the_connection_is_kept() -> None:
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with serving([ok, ok]) as (url, requests), Connection(url, timeout_s=5) as connection:
        assert connection.request({"X-Signed": "yes"}, b"{}") == (200, b"ok")
        assert connection.request({}, b"") == (200, b"ok")
    assert requests[0].startswith(b"POST /hook?x=1 HTTP/1.1\r\n")
    assert b"\r\nX-Signed: yes\r\n" in requests[0]
    assert requests[0].endswith(b"\r\n\r\n{}")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 503 Busy\r\nretry-after: 2\r\nCONTENT-LENGTH: 0\r\n\r\n", (503, b"")),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=1\r\nde\r\n0\r\n\r\n", (200, b"abcde")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"")),
    ],
)
def test_an_answer_is_understood(answer: bytes, expected: tuple[int, bytes]) -> None:
    with serving([answer]) as (url, _), Connection(url, timeout_s=5) as connection:
        assert connection.request({}, b"") == expected


def test_after_connection_close_a_new_one_is_opened() -> None:
    last = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    with serving([last], [last]) as (url, _), Connection(url, timeout_s=5) as connection:
        assert [connection.request({}, b"")[0] for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", b"nonsense\r\n\r\n"])
def test_an_answer_that_cannot_be_read_is_no_answer(answer: bytes) -> None:
    with serving([answer]) as (url, _), Connection(url, timeout_s=5) as connection, pytest.raises(OSError):  # noqa: PT011
        connection.request({}, b"")
