"""One connection and HTTP/1.1, no more: the load shares its cores with what is measured, so it must be cheap.

A full client costs more for a request than the service that answers it. Works under gevent and without.
"""

import socket
from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_MOST_HEADER_BYTES = 64 * 1024


class Connection:
    """Keeps one connection to one server, and opens it again after a failure; use it from one greenlet or thread."""

    def __init__(self, url: str, *, timeout_s: float) -> None:
        """Take an `http://host:port/path`; nothing connects yet."""
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._host = f"{self._address[0]}:{self._address[1]}"
        self._path = parts.path + (f"?{parts.query}" if parts.query else "")
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def request(self, headers: Mapping[str, str], body: bytes, *, method: str = "POST") -> tuple[int, bytes]:
        """Give status and body of the answer.

        Raises:
            OSError: no answer came, or none that can be read; the request may have been handled.
        """
        lines = [f"{method} {self._path} HTTP/1.1", f"Host: {self._host}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        try:
            self._opened().sendall("\r\n".join((*lines, "", "")).encode("latin-1") + body)
            return self._answer()
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Give the connection up; safe twice."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _opened(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=self._timeout_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def _answer(self) -> tuple[int, bytes]:
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._more()
            if len(received) > _MOST_HEADER_BYTES:
                raise OSError("the answer's headers do not end")
        head, body = received[:end].lower(), received[end + 4 :]
        status = _status(head)
        if b"\r\ntransfer-encoding: chunked" in head:
            return status, self._chunked(body)
        length = _content_length(head)
        while len(body) < length:
            body += self._more()
        if b"\r\nconnection: close" in head:
            self.close()
        return status, body

    def _chunked(self, received: bytes) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in received:
                received += self._more()
            size, _, received = received.partition(b"\r\n")
            length = int(size.partition(b";")[0], 16)
            while len(received) < length + 2:
                received += self._more()
            body, received = body + received[:length], received[length + 2 :]
            if length == 0:
                return body

    def _more(self) -> bytes:
        received = self._opened().recv(64 * 1024)
        if not received:
            raise OSError("the server has hung up")
        return received


def _status(head: bytes) -> int:
    try:
        return int(head.split(b" ", 2)[1])
    except (IndexError, ValueError):
        raise OSError("the answer is no HTTP") from None


def _content_length(head: bytes) -> int:
    _, found, rest = head.partition(b"\r\ncontent-length:")
    try:
        return int(rest.partition(b"\r\n")[0]) if found else 0
    except ValueError:
        raise OSError("the answer's length is no number") from None
