"""A local server in the shape of the model hub's HTTP API, for one folder served under one hub id.

It answers what `huggingface_hub` asks when it downloads a model: the list of files at a revision, and each file with
its ETag and commit. Anything else is 404. `asked` keeps the paths, so that a test can see what was fetched.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "a" * 40


class Hub(ThreadingHTTPServer):
    """Serves `folder` as `hub_id` on a free port of 127.0.0.1."""

    daemon_threads = True

    def __init__(self, folder: Path, hub_id: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.hub_id = hub_id
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        """What `HF_ENDPOINT` is set to."""
        return f"http://127.0.0.1:{self.server_port}"

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


@contextmanager
def local_hub(folder: Path, hub_id: str) -> Iterator[Hub]:
    """Run a hub until the block ends."""
    hub = Hub(folder, hub_id)
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join(timeout=5)


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, *_: Any) -> None:
        """Stay silent: tests print nothing."""

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(path)
        api, files = f"/api/models/{self.server.hub_id}", f"/{self.server.hub_id}/resolve/"
        if path.startswith(f"{api}/tree/"):
            self._json([_entry(self.server.folder, file) for file in self.server.files()])
        elif path == api or path.startswith(f"{api}/revision/"):
            self._json(_model_info(self.server))
        elif path.startswith(files):
            self._file(path.removeprefix(files).partition("/")[2])
        else:
            self._send(404, b"", {"X-Error-Code": "RepoNotFound"})

    def _file(self, name: str) -> None:
        wanted = [file for file in self.server.files() if file.relative_to(self.server.folder).as_posix() == name]
        if not wanted:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
            return
        body = wanted[0].read_bytes()
        etag = hashlib.sha256(body).hexdigest()
        self._send(200, body, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})

    def _json(self, content: Any) -> None:
        self._send(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _model_info(hub: Hub) -> dict[str, Any]:
    siblings = [{"rfilename": file.relative_to(hub.folder).as_posix()} for file in hub.files()]
    return {"_id": "0", "id": hub.hub_id, "modelId": hub.hub_id, "sha": COMMIT, "private": False, "siblings": siblings}


def _entry(folder: Path, file: Path) -> dict[str, Any]:
    body = file.read_bytes()
    name = file.relative_to(folder).as_posix()
    return {"type": "file", "path": name, "size": len(body), "oid": hashlib.sha1(body).hexdigest()}  # noqa: S324
