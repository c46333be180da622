"""The embedded PostgreSQL under what really happens to it: killed owners, crashes, pids of others, locked folders."""

# ruff: noqa: ASYNC220, ASYNC240 - nothing else runs in the loop of these tests

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from sqlalchemy.engine import make_url

from deployments.embedded.postgres import EmbeddedPostgres
from deployments.embedded.processes import instance_of, is_running
from models.errors import WrongSetting

pytestmark = pytest.mark.postgres

ROOT = Path(__file__).resolve().parents[2]
OWNER = """
import sys, signal
from pathlib import Path
from deployments.embedded.postgres import EmbeddedPostgres
print(EmbeddedPostgres(Path(sys.argv[1])).start(), flush=True)
signal.pause()
"""


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with a space in its name; pytest keeps its folders from other users, so as root the data move out."""
    home = tmp_path_factory.mktemp("postgres") / "my home"
    home.mkdir()
    yield home
    server = EmbeddedPostgres(home)
    server.stop()
    assert server.processes() == []
    shutil.rmtree(Path("/var/lib/parley") / instance_of(home), ignore_errors=True)


async def connect(url: str) -> asyncpg.Connection:
    parts = make_url(url)
    return await asyncpg.connect(user=parts.username, database=parts.database, host=parts.query["host"], timeout=10)


async def write(url: str, note: str) -> None:
    connection = await connect(url)
    await connection.execute("CREATE TABLE IF NOT EXISTS notes (note text)")
    await connection.execute("INSERT INTO notes VALUES ($1)", note)
    await connection.close()


async def read(url: str) -> list[str]:
    connection = await connect(url)
    rows = await connection.fetch("SELECT note FROM notes ORDER BY note")
    await connection.close()
    return [row["note"] for row in rows]


def postmaster_of(server: EmbeddedPostgres) -> psutil.Process:
    running = server.processes()
    pids = {process.pid for process in running}
    return next(process for process in running if process.ppid() not in pids)


async def test_it_is_durable_has_room_for_all_workers_and_listens_on_no_network(home: Path) -> None:
    server = EmbeddedPostgres(home)
    connection = await connect(server.start())
    names = ["fsync", "synchronous_commit", "full_page_writes", "data_checksums", "max_connections", "listen_addresses"]
    settings = [await connection.fetchval(f"SHOW {name}") for name in names]
    await connection.close()
    assert settings == ["on", "on", "on", "on", "200", ""]
    listening = [socket for process in server.processes() for socket in process.net_connections("tcp")]
    assert listening == []


async def test_only_its_own_user_and_root_can_reach_the_socket(home: Path) -> None:
    folder = Path(str(make_url(EmbeddedPostgres(home).start()).query["host"]))
    assert folder.stat().st_mode & 0o077 == 0


async def test_what_was_written_is_there_after_stop_and_start(home: Path) -> None:
    server = EmbeddedPostgres(home)
    await write(server.start(), "kept")
    server.stop()
    assert not server.is_alive()
    assert server.processes() == []
    assert await read(server.start()) == ["kept"]


async def test_a_server_whose_owner_was_killed_is_taken_over(home: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", OWNER, home], stdout=subprocess.PIPE, env=environment) as owner:
        assert owner.stdout is not None
        url = owner.stdout.readline().decode().strip()
        await write(url, "kept")
        owner.send_signal(signal.SIGKILL)
    heir = EmbeddedPostgres(home)
    before = postmaster_of(heir).pid
    assert heir.start() == url
    assert postmaster_of(heir).pid == before
    assert await read(url) == ["kept"]


async def test_a_killed_server_is_noticed_and_recovers_with_the_data(home: Path) -> None:
    server = EmbeddedPostgres(home)
    await write(server.start(), "kept")
    postmaster_of(server).kill()
    assert not server.is_alive()
    assert await read(server.start()) == ["kept"]
    assert server.is_alive()


@pytest.fixture
def stranger() -> Iterator[psutil.Process]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield psutil.Process(process.pid)
        process.kill()


async def test_a_pid_file_that_names_somebody_elses_process_is_not_believed(
    home: Path, stranger: psutil.Process
) -> None:
    server = EmbeddedPostgres(home)
    await write(server.start(), "kept")
    data = (home / "postgres").resolve()
    lines = (data / "postmaster.pid").read_text().splitlines()
    postmaster_of(server).kill()
    assert not server.is_alive()
    (data / "postmaster.pid").write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
    assert not server.is_alive()
    assert await read(server.start()) == ["kept"]
    assert is_running(stranger)


async def test_an_interrupted_first_start_leaves_nothing_that_passes_for_data(home: Path) -> None:
    server = EmbeddedPostgres(home, durable=False)
    server.start()
    server.stop()
    data = (home / "postgres").resolve()
    data.rename(data.with_name("postgres.new"))
    (data.with_name("postgres.new") / "PG_VERSION").unlink()
    connection = await connect(server.start())
    assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    await connection.close()


async def test_a_path_too_long_for_a_socket_is_no_obstacle(home: Path) -> None:
    deep = home / ("a-rather-long-folder-name-" * 6)
    deep.mkdir()
    server = EmbeddedPostgres(deep, durable=False)
    try:
        await write(server.start(), "kept")
        assert server.is_alive()
    finally:
        server.stop()
        shutil.rmtree(Path("/var/lib/parley") / instance_of(deep), ignore_errors=True)
        shutil.rmtree(Path("/tmp") / f"parley-{instance_of(deep)}", ignore_errors=True)


async def test_its_log_does_not_quote_what_a_failed_statement_held(home: Path) -> None:
    connection = await connect(EmbeddedPostgres(home).start())
    await connection.execute("CREATE TABLE people (phone text PRIMARY KEY)")
    await connection.execute("INSERT INTO people VALUES ('+4915112345678')")
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute("INSERT INTO people VALUES ('+4915112345678')")
    await connection.close()
    assert "15112345678" not in (home / "logs" / "postgres.log").read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's data lie outside the home")
def test_rows_whose_home_was_removed_are_not_opened_with_new_keys(home: Path) -> None:
    server = EmbeddedPostgres(home, durable=False)
    server.start()
    data = (home / "postgres").resolve()
    if data.parent == home.resolve():
        pytest.skip("the server's user can enter this home")
    shutil.rmtree(home)
    EmbeddedPostgres(home).stop()  # it can still be stopped
    with pytest.raises(WrongSetting, match=f"rm -r {data.parent}"):
        EmbeddedPostgres(home).start()
    shutil.rmtree(data.parent)
    server = EmbeddedPostgres(home, durable=False)
    server.start()
    server.stop()


def test_stopping_what_never_ran_and_stopping_twice_are_both_fine(home: Path) -> None:
    server = EmbeddedPostgres(home, durable=False)
    server.stop()
    server.start()
    server.stop()
    server.stop()
    assert server.processes() == []
