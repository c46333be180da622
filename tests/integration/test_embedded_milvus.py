"""The embedded Milvus Lite under what really happens to it: killed owners, crashes, taken ports, pids of others."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pymilvus import MilvusClient

from deployments.embedded.milvus import EmbeddedMilvus
from deployments.embedded.processes import find, instance_of, is_running

pytestmark = pytest.mark.milvus

ROOT = Path(__file__).resolve().parents[2]
OWNER = """
import sys, signal
from pathlib import Path
from deployments.embedded.milvus import EmbeddedMilvus
print(EmbeddedMilvus(Path(sys.argv[1])).start(), flush=True)
signal.pause()
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "my home"
    home.mkdir()
    yield home
    EmbeddedMilvus(home).stop()
    assert find(instance_of(home)) == []


def write(uri: str) -> None:
    client = MilvusClient(uri, timeout=10)
    client.create_collection("notes", dimension=4, timeout=10)
    client.insert("notes", [{"id": 7, "vector": [0.5, 0.5, 0.5, 0.5]}], timeout=10)
    client.close()


def read(uri: str) -> list[int]:
    client = MilvusClient(uri, timeout=10)
    rows = client.query("notes", filter="id >= 0", output_fields=["id"], timeout=10)
    client.close()
    return [row["id"] for row in rows]


def test_no_other_user_of_the_machine_can_reach_it_or_read_its_data(home: Path) -> None:
    server = EmbeddedMilvus(home)
    uri = server.start()
    write(uri)
    listening = [
        connection
        for process in server.processes()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == []
    socket_folder = Path(uri.removeprefix("unix:")).parent
    for folder in (socket_folder, home / "milvus", home / "logs"):
        assert folder.stat().st_mode & 0o077 == 0, folder


def test_it_knows_none_of_our_secrets(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_ENCRYPTION_KEYS", "k1:secret")
    server = EmbeddedMilvus(home)
    server.start()
    (process,) = server.processes()
    assert [name for name in process.environ() if name.startswith("PARLEY_")] == ["PARLEY_INSTANCE"]


def test_a_home_with_a_path_too_long_for_a_socket_is_no_obstacle(home: Path) -> None:
    far = home / ("a" * 100) / "home 100 %"
    server = EmbeddedMilvus(far)
    try:
        uri = server.start()
        write(uri)
        assert read(uri) == [7]
        assert Path(uri.removeprefix("unix:")).parent.stat().st_mode & 0o077 == 0
    finally:
        server.stop()
    assert not Path(uri.removeprefix("unix:")).parent.exists()


def test_what_was_written_is_there_after_stop_and_start(home: Path) -> None:
    server = EmbeddedMilvus(home)
    write(server.start())
    server.stop()
    assert not server.is_alive()
    assert server.processes() == []
    assert read(server.start()) == [7]


def test_a_server_whose_owner_was_killed_is_taken_over(home: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", OWNER, home], stdout=subprocess.PIPE, env=environment) as owner:
        assert owner.stdout is not None
        uri = owner.stdout.readline().decode().strip()
        write(uri)
        owner.send_signal(signal.SIGKILL)
    heir = EmbeddedMilvus(home)
    before = [process.pid for process in heir.processes()]
    assert heir.start() == uri
    assert [process.pid for process in heir.processes()] == before
    assert read(uri) == [7]


def test_a_killed_server_is_noticed_and_comes_back_with_the_data(home: Path) -> None:
    server = EmbeddedMilvus(home)
    write(server.start())
    for process in server.processes():
        process.kill()
        process.wait(10)
    assert not server.is_alive()
    assert read(server.start()) == [7]


def test_a_server_without_a_record_is_ended_before_another_opens_its_data(home: Path) -> None:
    server = EmbeddedMilvus(home)
    write(server.start())
    (home / "run" / "milvus.json").unlink()
    assert read(EmbeddedMilvus(home).start()) == [7]
    assert len(server.processes()) == 1


@pytest.fixture
def stranger() -> Iterator[psutil.Process]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield psutil.Process(process.pid)
        process.kill()


def test_a_record_that_names_somebody_elses_process_is_not_believed(home: Path, stranger: psutil.Process) -> None:
    server = EmbeddedMilvus(home)
    write(server.start())
    record = json.loads((home / "run" / "milvus.json").read_text())
    server.stop()
    for started_at in (record["started_at"], stranger.create_time()):
        fake = {**record, "pid": stranger.pid, "started_at": started_at}
        (home / "run" / "milvus.json").write_text(json.dumps(fake))
        assert not server.is_alive()
    assert read(server.start()) == [7]
    assert is_running(stranger)
