"""How the environment is made: one run at a time, nothing half made, one sentence for what is missing."""

import fcntl
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "ops" / "setup" / "environment.py"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the script, which makes its `.venv` two folders up."""
    script = tmp_path / "ops" / "setup" / "environment.py"
    script.parent.mkdir(parents=True)
    script.write_text(SCRIPT.read_text())
    return tmp_path


@pytest.fixture
def environment(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    specification = importlib.util.spec_from_file_location("environment", root / "ops" / "setup" / "environment.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "environment", module)
    specification.loader.exec_module(module)
    return module


def test_too_little_disk_is_one_sentence_before_anything_is_made(
    environment: ModuleType, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda _: SimpleNamespace(free=1.04e9))
    with pytest.raises(environment.SetupFailed, match=r"needs 5 GB of free disk, and .* has 1\.0 GB: make room"):
        environment.main("runtime", "stamp")
    assert not (root / ".venv").exists()


def test_an_interrupted_or_moved_environment_is_not_used(environment: ModuleType) -> None:
    environment.PYTHON.parent.mkdir(parents=True)
    environment.PYTHON.symlink_to(sys.executable)
    environment.MADE_FOR.write_text(environment._made_for())
    assert environment._is_usable()
    environment.UNFINISHED.touch()
    assert not environment._is_usable()
    environment.UNFINISHED.unlink()
    environment.MADE_FOR.write_text("/elsewhere/.venv python3.11")
    assert not environment._is_usable()


def test_a_failed_update_keeps_a_working_environment(environment: ModuleType) -> None:
    environment.VENV.mkdir()
    environment.UNFINISHED.touch()
    with pytest.raises(environment.SetupFailed):
        environment._perform_all([environment.Step("Packages", 1, [["false"]], "No network")])
    assert not environment.UNFINISHED.exists()


def test_when_one_way_to_install_fails_the_next_is_tried(environment: ModuleType) -> None:
    environment.VENV.mkdir()
    environment._perform(environment.Step("Packages", 1, [["false"], ["true"]], "Neither worked"), "[1/1]")
    with pytest.raises(environment.SetupFailed, match=r"^Neither worked \(details: .*setup\.log\)\.$"):
        environment._perform(environment.Step("Packages", 1, [["false"], ["false"]], "Neither worked"), "[1/1]")


def test_a_full_disk_is_told_apart(environment: ModuleType) -> None:
    environment.VENV.mkdir()
    full = ["sh", "-c", "echo 'OSError: [Errno 28] No space left on device' >&2; exit 1"]
    with pytest.raises(environment.DiskFull, match=r"^The disk is full: make room"):
        environment._perform(environment.Step("Packages", 1, [full], "check the network"), "[1/1]")


def test_a_second_run_waits_for_the_first_and_then_has_nothing_to_do(root: Path) -> None:
    folder = os.open(root, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    command = [sys.executable, str(root / "ops" / "setup" / "environment.py"), "runtime", "stamp"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as second:
        assert second.stderr is not None
        assert second.stderr.readline().startswith("Setting up")
        assert second.stderr.readline() == "Another run is setting up; waiting for it.\n"
        (root / ".venv" / "bin").mkdir(parents=True)
        (root / ".venv" / "bin" / "python").symlink_to(sys.executable)
        (root / ".venv" / ".ready-runtime").write_text("stamp")
        os.close(folder)
        assert second.stderr.read() == ""
        assert second.wait(30) == 0
