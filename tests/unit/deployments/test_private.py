"""What the other users of a machine must not reach."""

import os
from pathlib import Path

import psutil
import pytest

from deployments.embedded.private import environment_without_secrets, private_folder, private_socket
from deployments.embedded.processes import INSTANCE_VARIABLE, instance_of
from deployments.embedded.server import has_ended, launch
from models.errors import WrongSetting


def is_private(path: Path) -> bool:
    return path.stat().st_mode & 0o077 == 0


def test_a_folder_is_made_private_and_an_open_one_is_closed(tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    opened.mkdir(mode=0o755)
    assert is_private(private_folder(opened))
    assert is_private(private_folder(tmp_path / "a" / "new one"))


def test_logs_of_servers_lie_where_nobody_else_can_enter(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "server.log"
    child = launch(["true"], log=log, cwd=tmp_path, environment={})
    child.wait(10)
    has_ended(child)
    assert is_private(log.parent)
    assert is_private(log)


def test_what_is_launched_leaves_no_memory_on_the_disk_when_it_crashes(tmp_path: Path) -> None:
    child = launch(
        ["sleep", "60"], log=tmp_path / "logs" / "log", cwd=tmp_path, environment={"PATH": os.environ["PATH"]}
    )
    try:
        assert child.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    finally:
        child.kill()
        child.wait(10)


def test_embedded_servers_are_told_none_of_our_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENCRYPTION_KEYS", "DATABASE_URL", "APP_SECRETS", "OPERATOR_TOKEN"):
        monkeypatch.setenv(f"PARLEY_{name}", "a secret")
    environment = environment_without_secrets(tmp_path)
    assert {name for name in environment if name.startswith("PARLEY_")} == {INSTANCE_VARIABLE}
    assert environment["PATH"] == os.environ["PATH"]


def test_a_socket_lies_in_a_private_folder_of_the_home(tmp_path: Path) -> None:
    socket = private_socket(tmp_path, "s")
    assert socket == tmp_path / "run" / "s"
    assert is_private(socket.parent)


def test_a_folder_that_somebody_else_has_put_in_the_way_is_not_used(tmp_path: Path) -> None:
    home = tmp_path / ("a" * 100)
    folder = Path("/tmp") / f"parley-{os.geteuid()}-{instance_of(home)}-sockets"
    strangers = tmp_path / "strangers"
    strangers.mkdir(mode=0o700)
    folder.symlink_to(strangers)
    try:
        with pytest.raises(WrongSetting, match="not a private folder"):
            private_socket(home, "s")
    finally:
        folder.unlink()
    folder.mkdir()
    folder.chmod(0o777)
    try:
        with pytest.raises(WrongSetting, match="not a private folder"):
            private_socket(home, "s")
        folder.chmod(0o700)
        assert private_socket(home, "s").parent == folder
    finally:
        folder.rmdir()
