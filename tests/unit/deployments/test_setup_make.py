"""The Makefile: a thin door that hands on what it was given, Ctrl-C among it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.deployments.test_setup import Machine, write_program

ROOT = Path(__file__).resolve().parents[3]
WAITING = """
import signal, sys, os
def end(number, frame):
    os.write(1, f"ended by {signal.Signals(number).name}\\n".encode())
    sys.exit(130)
signal.signal(signal.SIGINT, end)
signal.signal(signal.SIGTERM, end)
print("up", os.getpid(), flush=True)
signal.pause()
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_make_alone_explains_every_target(machine: Machine) -> None:
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert targets is not None
    explained = re.findall(r"^  make (\S+) +\S", machine.run("make").stdout, re.MULTILINE)
    assert explained == targets.group(1).split()


def test_a_model_is_handed_on_and_an_unset_one_stays_unset(machine: Machine) -> None:
    machine.add_environment('echo "${PARLEY_MODEL-unset} $4"')
    assert machine.run("make", "demo").stdout == "unset demo\n"
    assert machine.run("make", "demo", "MODEL=/models/my model").stdout == "/models/my model demo\n"
    assert machine.run("make", "demo", PARLEY_MODEL="given").stdout == "given demo\n"


@pytest.mark.parametrize("door", [("make", "demo"), ("./parley", "up")])
def test_python_keeps_its_bytecode_whatever_the_machine_says(machine: Machine, door: tuple[str, ...]) -> None:
    machine.add_environment('echo "${PYTHONDONTWRITEBYTECODE-kept}"')
    assert machine.run(*door, PYTHONDONTWRITEBYTECODE="1").stdout == "kept\n"


def test_a_business_in_a_folder_with_a_space_is_handed_on(machine: Machine) -> None:
    machine.add_environment('printf "%s|" "$@"')
    assert machine.run("make", "demo-check", "BUSINESS=/my shop").stdout == "-P|-m|deployments|demo-check|/my shop|"
    assert machine.run("make", "demo-check").stdout == "-P|-m|deployments|demo-check|"


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_reaches_the_program_and_nothing_stays(machine: Machine, ending: signal.Signals) -> None:
    machine.add_environment("exit 0")
    (machine.root / "waiting.py").write_text(WAITING)
    write_program(machine.root / ".venv" / "bin" / "python", f'exec "{sys.executable}" waiting.py')
    environment = {"PATH": str(machine.programs)}
    with subprocess.Popen(
        ["make", "demo"], cwd=machine.root, env=environment, stdout=subprocess.PIPE, text=True, process_group=0
    ) as make:
        assert make.stdout is not None
        _, pid = make.stdout.readline().split()
        # A terminal's Ctrl-C goes to the whole group; a service manager's SIGTERM to make alone, which hands it on.
        os.killpg(make.pid, ending) if ending is signal.SIGINT else make.send_signal(ending)
        assert make.stdout.readline() == f"ended by {ending.name}\n"
        make.wait(30)
    assert not Path(f"/proc/{pid}").exists()
