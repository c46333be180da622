"""The embedded Milvus Lite in server mode, on a Unix socket that only we reach: it has no password.

It writes its log of changes at every batch but leaves it to the operating system when that reaches the disk: a killed
process loses nothing, a power cut may. Passages can be rebuilt from PostgreSQL.
"""

import logging
import socket
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from deployments.embedded.private import (
    environment_without_secrets,
    private_folder,
    private_socket,
    remove_private_socket,
)
from deployments.embedded.processes import RunFolder, RunRecord, end, find, instance_of
from deployments.embedded.server import Say, has_ended, last_line, launch, trim_log, wait_until
from models.errors import SearchUnavailable

logger = logging.getLogger(__name__)

_SCHEME = "unix:"
_PORT = "0"  # the server joins host and port by a colon, whatever the host is: the socket's name ends in ":0"
# What is not yet written out has no index: each search orders it anew. 1,000 passages that were just added cost
# 136 ms a search, and 15 ms once they were written out; the server by itself would keep 128 MB so.
_UNSORTED, _UNSORTED_BYTES = "MILVUS_LITE_MEMTABLE_MEMORY_LIMIT_BYTES", 64 * 1024
_START_S = 120
_STOP_S = 20


class EmbeddedMilvus:
    """See `EmbeddedServer`."""

    name = "milvus"

    def __init__(self, home: Path, *, say: Say = logger.info) -> None:
        self._home = home.resolve()
        self._say = say
        self._log = self._home / "logs" / "milvus.log"
        self._runs = RunFolder(self._home)
        self._child: psutil.Process | None = None  # kept so that it is reaped

    def start(self) -> str:
        """Give a URI for pymilvus, once the server answers there."""
        uri = self.begin()
        self.finish(uri)
        return uri

    def begin(self) -> str:
        """Start, or take over, and give the URI at once: whoever starts other things meanwhile calls `finish` later."""
        uri = self._adopt()
        if uri is None:
            self.stop()
            uri = self._uri()
            self._launch(uri)
        return uri

    def finish(self, uri: str) -> None:
        """Wait until the server answers there and all its collections can be searched.

        Raises:
            SearchUnavailable: it did not come up; the log says why.
        """
        if not wait_until(lambda: self._is_ready(uri), _START_S, self._say, "Milvus is loading its data"):
            raise SearchUnavailable(f"Milvus was not ready after {_START_S} s; see {self._log}.")
        _load_collections(uri)

    def is_alive(self) -> bool:
        """Whether the server takes connections."""
        trim_log(self._log)
        record = self._running()
        return record is not None and _accepts(record.address)

    def stop(self) -> None:
        """End the server; what it has acknowledged is on its way to the disk already."""
        end(self.processes(), grace_s=_STOP_S)
        self._reap()
        self._runs.remove(self.name)
        remove_private_socket(Path(self._uri().removeprefix(_SCHEME)), self._home)

    def processes(self) -> list[psutil.Process]:
        """Give the servers of this home's data; there is more than one only while something is wrong."""
        return [process for process in find(instance_of(self._home)) if self._serves_ours(process)]

    def _adopt(self) -> str | None:
        """Take over a server whose owner has died, if it answers and is where the settings want it."""
        record = self._running()
        if record is None or record.address != self._uri() or not _answers(record.address):
            return None
        return record.address

    def _running(self) -> RunRecord | None:
        self._reap()
        record = self._runs.read(self.name)
        process = record.process() if record else None
        return record if process is not None and self._serves_ours(process) else None

    def _serves_ours(self, process: psutil.Process) -> bool:
        try:
            command = process.cmdline()
        except (psutil.Error, OSError):
            return False
        return "milvus_lite" in command and str(self._data) in command

    @property
    def _data(self) -> Path:
        return self._home / "milvus"

    def _uri(self) -> str:
        return f"{_SCHEME}{private_socket(self._home, f'milvus:{_PORT}')}"

    def _launch(self, uri: str) -> None:
        private_folder(self._data)
        where = ["--data-dir", str(self._data), "--host", uri.removesuffix(f":{_PORT}"), "--port", _PORT]
        self._child = launch(
            [sys.executable, "-P", "-m", "milvus_lite", "server", *where],
            log=self._log,
            cwd=self._data,
            environment={**environment_without_secrets(self._home), _UNSORTED: str(_UNSORTED_BYTES)},
        )
        with suppress(psutil.NoSuchProcess):  # it ended at once; the wait that follows says why
            self._runs.write(self.name, RunRecord.of(self._child.pid, uri))

    def _is_ready(self, uri: str) -> bool:
        if self._child is not None and has_ended(self._child):
            self._child = None
            raise SearchUnavailable(f"Milvus did not start: {last_line(self._log)}")
        return _accepts(uri) and _answers(uri)

    def _reap(self) -> None:
        if self._child is not None and has_ended(self._child):
            self._child = None


def _accepts(uri: str) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        return client.connect_ex(uri.removeprefix(_SCHEME)) == 0


def _answers(uri: str) -> bool:
    """A client connects at its first call only, so one call is made."""
    from pymilvus import MilvusClient  # takes a second to import, while Milvus itself is starting
    from pymilvus.exceptions import MilvusException

    try:
        client = MilvusClient(uri, timeout=5)
        client.list_collections(timeout=5)
        client.close()
    except MilvusException:
        return False
    return True


def _load_collections(uri: str) -> None:
    """Make collections searchable again, as a Milvus server does by itself when it restarts; Lite leaves them released.

    Raises:
        SearchUnavailable: one cannot be loaded.
    """
    from pymilvus import MilvusClient
    from pymilvus.exceptions import MilvusException

    client = MilvusClient(uri, timeout=10)
    try:
        for name in client.list_collections(timeout=10):
            client.load_collection(name, timeout=_START_S)
    except MilvusException as error:
        raise SearchUnavailable("Milvus could not load a collection of its data.") from error
    finally:
        client.close()
