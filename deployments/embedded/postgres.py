"""The embedded PostgreSQL 18: durable, on a Unix socket only, with one owner.

Its programs are driven directly, not by the package's `get_server`: that counts dead owners as users, gives crash
recovery 10 s, and opens other people's folders. Several processes may use the server; one starts and stops it.
"""

import logging
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import psutil

from deployments.embedded.postgres_place import Place, find_place, refuse_left_behind
from deployments.embedded.private import environment_without_secrets
from deployments.embedded.processes import end, is_running
from deployments.embedded.server import Say, has_ended, last_line, launch, trim_log, wait_until
from models.errors import StoreUnavailable

logger = logging.getLogger(__name__)

_DATABASE = "parley"
_RECOVERY_S = 1800  # replaying a full max_wal_size takes minutes on a slow disk; giving up would help nobody
_STOP_S = 60
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    # LOG and worse only: errors of statements may quote what people wrote, and their callers learn of them anyway.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """See `EmbeddedServer`. With `durable=False`, for tests, a power cut may lose everything."""

    name = "postgres"

    def __init__(self, home: Path, *, durable: bool = True, say: Say = logger.info) -> None:
        self._home = home
        self._durable = durable
        self._say = say
        self._log = home / "logs" / "postgres.log"
        self._child: psutil.Process | None = None  # kept so that it is reaped

    def start(self) -> str:
        """Give a URL for SQLAlchemy with asyncpg, once the database `parley` answers there."""
        refuse_left_behind(self._home)
        place = find_place(self._home)
        if self._postmaster(place) is None:
            self._end_orphans(place)
            self._initialise(place)
            self._launch(place)
        if not wait_until(lambda: self._is_ready(place), _RECOVERY_S, self._say, "PostgreSQL is recovering its data"):
            raise StoreUnavailable(f"PostgreSQL was not ready after {_RECOVERY_S} s; see {self._log}.")
        self._create_database(place)
        return f"postgresql+asyncpg://postgres:@/{_DATABASE}?host={quote(str(self._socket_folder(place)), safe='/')}"

    def is_alive(self) -> bool:
        """Whether the server takes connections."""
        place = find_place(self._home)
        trim_log(self._log)
        return self._postmaster(place) is not None and self._accepts(place)

    def stop(self) -> None:
        """Break off what clients are doing, write everything out and end; the next start needs no recovery."""
        place = find_place(self._home)
        postmaster = self._postmaster(place)
        if postmaster is not None:
            postmaster.send_signal(signal.SIGINT)  # "fast shutdown"; SIGTERM would wait for clients to leave
            psutil.wait_procs([postmaster], timeout=_STOP_S)
        self._end_orphans(place)
        if self._child is not None:
            has_ended(self._child)
            self._child = None

    def processes(self) -> list[psutil.Process]:
        """Give the postmaster and its children."""
        return _working_in(find_place(self._home).data)

    def _postmaster(self, place: Place) -> psutil.Process | None:
        """Give the server that postmaster.pid names, if that pid is a postmaster of these data still."""
        if self._child is not None:
            has_ended(self._child)
        lines = _pid_file(place)
        if not lines or not lines[0].strip().lstrip("-").isdigit():
            return None
        running = {process.pid: process for process in _working_in(place.data)}
        return running.get(abs(int(lines[0])))

    def _end_orphans(self, place: Place) -> None:
        """End what a killed postmaster left, then drop its pid file, which may name somebody else's process by now."""
        end(_working_in(place.data), grace_s=10)
        (place.data / "postmaster.pid").unlink(missing_ok=True)

    def _initialise(self, place: Place) -> None:
        """Make the data folder under another name first, so that a broken-off attempt is not taken for data."""
        if (place.data / "PG_VERSION").exists():
            return
        draft = place.data.with_name(f"{place.data.name}.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        os.chown(draft, place.user.pw_uid, place.user.pw_gid, follow_symlinks=False)
        options = [
            "--username=postgres",
            "--auth-local=trust",
            "--auth-host=reject",
            "--encoding=UTF8",
            "--data-checksums",
        ]
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        hurry = [] if self._durable else ["--no-sync"]
        self._run(place, "initdb", [*options, *locale, *hurry, "-D", str(draft)], limit_s=300)
        draft.replace(place.data)

    def _launch(self, place: Place) -> None:
        settings = {**_SETTINGS, **(_DURABLE if self._durable else _FAST)}
        settings["unix_socket_directories"] = f'"{place.sockets}"'
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._child = launch(
            [place.programs / "postgres", "-D", place.data, *options],
            log=self._log,
            cwd=place.data,
            environment=environment_without_secrets(self._home),
            **place.identity(),
        )

    def _is_ready(self, place: Place) -> bool:
        """Whether start-up, recovery included, is over.

        Raises:
            StoreUnavailable: the server has ended instead.
        """
        if self._child is not None and has_ended(self._child):
            self._child = None
            raise StoreUnavailable(f"PostgreSQL did not start: {last_line(self._log)}")
        lines = _pid_file(place)
        return len(lines) >= 8 and lines[7].strip() == "ready" and self._accepts(place)

    def _socket_folder(self, place: Place) -> Path:
        """Where the running server listens; it may have been started by an earlier version of us."""
        lines = _pid_file(place)
        return Path(lines[4]) if len(lines) > 4 and lines[4] else place.sockets

    def _accepts(self, place: Place) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            try:
                client.connect(str(self._socket_folder(place) / ".s.PGSQL.5432"))
            except OSError:
                return False
            return True

    def _create_database(self, place: Place) -> None:
        known = self._query(place, f"SELECT 1 FROM pg_database WHERE datname = '{_DATABASE}'")  # noqa: S608 - a constant
        if not known:
            self._query(place, f"CREATE DATABASE {_DATABASE}")

    def _query(self, place: Place, statement: str) -> str:
        connection = ["--host", str(self._socket_folder(place)), "--username", "postgres", "--dbname", "postgres"]
        options = ["--no-psqlrc", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1", "--command", statement]
        return self._run(place, "psql", [*connection, *options], limit_s=60)

    def _run(self, place: Place, program: str, arguments: Sequence[str], limit_s: float) -> str:
        environment = {
            name: value for name, value in environment_without_secrets(self._home).items() if not name.startswith("PG")
        }
        try:
            done = subprocess.run(  # type: ignore[call-overload]  # noqa: S603 - the package's own program
                [place.programs / program, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                cwd="/",
                env=environment,
                timeout=limit_s,
                check=True,
                **place.identity(),
            )
        except subprocess.CalledProcessError as error:
            raise StoreUnavailable(f"{program} failed: {error.stderr.strip().splitlines()[-1:]}") from error
        except subprocess.TimeoutExpired as error:
            raise StoreUnavailable(f"{program} took longer than {limit_s:.0f} s.") from error
        return str(done.stdout).strip()


def _pid_file(place: Place) -> list[str]:
    """Lines of postmaster.pid: pid, data, start, port, socket folder, address, shared memory, state."""
    try:
        return (place.data / "postmaster.pid").read_text().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []


def _working_in(data: Path) -> list[psutil.Process]:
    """Give the PostgreSQL processes of these data: all of them keep the data folder as their current one."""
    return [process for process in psutil.process_iter() if _works_in(process, str(data))]


def _works_in(process: psutil.Process, data: str) -> bool:
    try:
        return process.name() == "postgres" and process.cwd() == data and is_running(process)
    except (psutil.Error, OSError):
        return False
