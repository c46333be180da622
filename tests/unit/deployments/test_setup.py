"""The set-up from nothing, on machines that lack something: the programs are stand-ins, the scripts are real."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TOOLS = ("sh", "cat", "cksum", "dirname", "readlink", "make", "awk", "env")
NEEDS_PYTHON = (
    "parley: Python 3.11 or 3.12 was not found: install it (Debian, Ubuntu: apt-get install python3 python3-venv), "
    "or name one in PARLEY_PYTHON.\n"
)


class Machine:
    """A copy of the scripts in a folder with a space in its name, and a path with only what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "my parley"
        self.programs = folder / "programs"
        self.programs.mkdir(parents=True)
        self.root.mkdir()
        for tool in TOOLS:
            (self.programs / tool).symlink_to(str(shutil.which(tool)))
        for name in ("parley", "Makefile"):
            shutil.copy2(ROOT / name, self.root / name)
        for name in ("setup", "locks"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / "ops" / name, self.root / "ops" / name, ignore=ignored)

    def add_python(self, script: str, name: str = "python3") -> None:
        write_program(self.programs / name, script)

    def add_environment(self, script: str) -> None:
        """Make a `.venv` that counts as ready; its python is the script."""
        self.add_python('case "$1" in -c) exit 0;; esac; printf %s "$3" > "$(dirname "$0")/stamp"')
        self.run("sh", "ops/setup/setup.sh", "runtime")
        write_program(self.root / ".venv" / "bin" / "python", script)
        shutil.copy(self.programs / "stamp", self.root / ".venv" / ".ready-runtime")
        self.add_python("echo 'set-up ran again'; exit 9")

    def run(self, *command: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=cwd or self.root,
            env={"PATH": str(self.programs), "HOME": str(self.root), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def write_program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_python_one_sentence_says_what_to_install(machine: Machine) -> None:
    done = machine.run("./parley", "up")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", NEEDS_PYTHON)


def test_a_python_of_another_version_counts_as_none(machine: Machine) -> None:
    machine.add_python("exit 1")
    assert machine.run("./parley", "up").stderr == NEEDS_PYTHON


def test_a_python_without_its_venv_module_is_one_sentence(machine: Machine) -> None:
    machine.add_python('case "$2" in *ensurepip*) exit 1;; esac; exit 0')
    done = machine.run("make", "setup")
    assert "python3 has no venv module: install it (Debian, Ubuntu: apt-get install python3-venv)" in done.stderr
    assert done.stderr.count("parley:") == 1


def test_another_python_is_taken_when_the_first_has_no_venv_module(machine: Machine) -> None:
    machine.add_python('case "$2" in *ensurepip*) exit 1;; esac; exit 0')
    machine.add_python('case "$1" in -c) exit 0;; esac; echo "chosen: $2"', name="python3.12")
    assert machine.run("sh", "ops/setup/setup.sh", "runtime").stdout == "chosen: runtime\n"


def test_without_a_network_one_sentence_says_what_to_do(machine: Machine) -> None:
    (machine.programs / "python3").symlink_to(sys.executable)
    offline = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}
    done = machine.run("sh", "ops/setup/setup.sh", "runtime", PIP_NO_CACHE_DIR="1", **offline)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("parley: uv did not install: check the network (or pip's index settings) and run the same")
    assert "Traceback" not in done.stderr


def test_the_second_time_nothing_is_set_up_and_nothing_is_said(machine: Machine) -> None:
    machine.add_environment("exit 0")
    done = machine.run("sh", "ops/setup/setup.sh", "runtime")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_changed_lock_is_installed(machine: Machine) -> None:
    machine.add_environment("exit 0")
    with (machine.root / "ops" / "locks" / "runtime.txt").open("a") as lock:
        lock.write("# changed\n")
    machine.add_python('case "$1" in -c) exit 0;; esac; echo "set-up of $2"')
    assert machine.run("sh", "ops/setup/setup.sh", "runtime").stdout == "set-up of runtime\n"


def test_an_environment_in_a_moved_folder_is_made_anew(machine: Machine) -> None:
    machine.add_environment("exit 0")
    machine.root = machine.root.rename(machine.root.with_name("moved"))
    assert machine.run("sh", "ops/setup/setup.sh", "runtime").returncode == 1


def test_parley_runs_through_a_link_from_another_folder_and_keeps_that_folder(machine: Machine) -> None:
    machine.add_environment('printf "%s|" "$PWD" "$PYTHONPATH" "$@"')
    elsewhere = machine.programs.with_name("elsewhere")
    elsewhere.mkdir()
    link = elsewhere / "link to parley"
    link.symlink_to(machine.root / "parley")
    done = machine.run(str(link), "say", "two words", cwd=elsewhere)
    assert done.stdout == f"{elsewhere}|{machine.root}|-P|-m|deployments|say|two words|"


def test_parley_hands_on_the_exit_code(machine: Machine) -> None:
    machine.add_environment("exit 7")
    assert machine.run("./parley", "status").returncode == 7
