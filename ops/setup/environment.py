"""Makes `.venv` from the locks, for setup.sh: standard library only, since nothing else is there yet.

The rule that must not be broken: a stamp is written only after every step has succeeded, and an interrupted
environment is never mended but made anew (the package caches make that cheap). So there is no half-made state.
"""

# ruff: noqa: S603 - it starts the programs of the environment that it makes, with arguments of its own

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
LOCKS = ROOT / "ops" / "locks"
PYTHON = VENV / "bin" / "python"
UNFINISHED = VENV / ".unfinished"
MADE_FOR = VENV / ".made-for"
LOG = VENV / "setup.log"

# torch's CPU build has a local version and is not on the main package index. pip, not uv, fetches it, because pip
# honours the machine's own pip configuration, where the wheel may be at hand. The lock has the hashes of its wheels
# for Python 3.11 and 3.12 on x86-64 and aarch64.
TORCH = ["-r", LOCKS / "torch.txt", "--extra-index-url", "https://download.pytorch.org/whl/cpu", "--retries", "1"]

NEW_BYTES = 5_000_000_000  # measured: 2.9 GB installed, and as much again in the package caches while installing
UPDATE_BYTES = 1_000_000_000


class SetupFailed(Exception):
    """The message is the one sentence that says what to do."""


class DiskFull(SetupFailed):
    """Files may be cut short."""


@dataclass(frozen=True)
class Step:
    """One command of the set-up."""

    title: str
    usual_s: int  # on two cores with a fast network
    commands: Sequence[Sequence[str | Path]]  # tried in order until one succeeds
    advice: str  # the sentence to print when none does


def main(kind: str, stamp: str) -> None:
    """Bring `.venv` to the state that `stamp` stands for; another run of the same is waited for."""
    _announce("Setting up .venv (once; about 3 minutes with a fast network).")
    with _alone():
        if _is_ready(kind, stamp):
            return
        _check_disk()
        _make_venv()
        UNFINISHED.touch()
        _perform_all(_steps(kind))
        for ready in ("runtime", kind):
            (VENV / f".ready-{ready}").write_text(stamp)
        UNFINISHED.unlink()
    _announce("The environment is ready.")


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the repository's folder locked; the lock dies with the process, so no stale one can remain."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _announce("Another run is setting up; waiting for it.")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _is_ready(kind: str, stamp: str) -> bool:
    ready = VENV / f".ready-{kind}"
    return PYTHON.exists() and ready.exists() and ready.read_text() == stamp


def _check_disk() -> None:
    is_new = UNFINISHED.exists() or not (VENV / ".ready-runtime").exists()
    needed = NEW_BYTES if is_new else UPDATE_BYTES
    free = shutil.disk_usage(ROOT).free
    if free < needed:
        raise SetupFailed(
            f"The environment needs {needed / 1e9:.0f} GB of free disk, and {ROOT} has {free / 1e9:.1f} GB: "
            "make room and run the same command again."
        )


def _make_venv() -> None:
    if _is_usable():
        return
    # From inside our own activated .venv, the Python that it was made from.
    base = getattr(sys, "_base_executable", None) or sys.executable
    done = subprocess.run([base, "-m", "venv", "--clear", VENV], capture_output=True, text=True, env=_environment())
    if done.returncode:
        reason = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise SetupFailed(f"Python could not make {VENV}: {''.join(reason) or 'no reason given'}")
    UNFINISHED.touch()
    MADE_FOR.write_text(_made_for())


def _is_usable() -> bool:
    """Whether `.venv` is finished, works, stands where it was made and has the Python that would be used now."""
    if UNFINISHED.exists() or not MADE_FOR.exists() or MADE_FOR.read_text() != _made_for():
        return False
    return subprocess.run([PYTHON, "-c", "import pip"], capture_output=True, env=_environment()).returncode == 0


def _made_for() -> str:
    return f"{VENV} python{sys.version_info[0]}.{sys.version_info[1]}"


def _steps(kind: str) -> list[Step]:
    locks = [LOCKS / "runtime.txt", *([LOCKS / "dev.txt"] if kind == "dev" else [])]
    chosen: list[str | Path] = [part for lock in locks for part in ("-r", lock)]
    pip: list[str | Path] = [PYTHON, "-m", "pip", "install", "--no-deps", "--no-input", "--disable-pip-version-check"]
    uv: list[str | Path] = [
        VENV / "bin" / "uv",
        "pip",
        "install",
        "--no-deps",
        "--no-config",
        "--python",
        PYTHON,
        "--require-hashes",
    ]
    offline = "check the network (or pip's index settings) and run the same command again"
    return [
        Step(
            "The installer", 5, [[*pip, "--require-hashes", "-r", LOCKS / "uv.txt"]], f"uv did not install: {offline}"
        ),
        Step(
            "PyTorch for the processor, 190 MB",
            20,
            [[*pip, "--require-hashes", *TORCH]],
            "PyTorch did not install: it comes from its own index, so let this machine reach that, or put the wheel "
            "where pip looks (PIP_FIND_LINKS), and run the same command again",
        ),
        # uv ignores pip's configuration; where only pip knows a mirror, pip does the work, more slowly.
        Step(
            "Packages, 1 GB",
            60,
            [[*uv, *chosen], [*pip, "--require-hashes", *chosen]],
            f"The packages did not install: {offline}",
        ),
    ]


def _perform_all(steps: Sequence[Step]) -> None:
    try:
        for number, step in enumerate(steps, start=1):
            _perform(step, f"[{number}/{len(steps)}]")
    except DiskFull:
        raise
    except SetupFailed:
        UNFINISHED.unlink()  # an installer that fails in order leaves no half package: a working .venv is kept
        raise


def _perform(step: Step, position: str) -> None:
    started = time.monotonic()
    title = f"{position} {step.title} (usually {step.usual_s} s)"
    with LOG.open("ab") as log:
        succeeded = any(_run(command, log, title) for command in step.commands)
    if not succeeded:
        raise _failure(step)
    _announce(f"{title}: done in {time.monotonic() - started:.0f} s.")


def _failure(step: Step) -> SetupFailed:
    if b"No space left" in LOG.read_bytes()[-20_000:]:
        return DiskFull(f"The disk is full: make room and run the same command again (details: {LOG}).")
    return SetupFailed(f"{step.advice} (details: {LOG}).")


def _run(command: Sequence[str | Path], log: IO[bytes], title: str) -> bool:
    """Run to the end with a ticking clock on a terminal; whatever interrupts us ends the child too."""
    started = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_environment()) as child:
        try:
            while True:
                _tick(f"{title}: {time.monotonic() - started:.0f} s")
                try:
                    return child.wait(timeout=1) == 0
                except subprocess.TimeoutExpired:
                    continue
        finally:
            child.kill()


def _environment() -> dict[str, str]:
    """Ours, less what would make Python or pip install elsewhere than into `.venv`."""
    misleading = {"PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_REQUIRE_VIRTUALENV"}
    return {name: value for name, value in os.environ.items() if name not in misleading}


def _tick(line: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line} ")
        sys.stderr.flush()


def _announce(line: str) -> None:
    """Standard error, so that a command's own output can be piped."""
    sys.stderr.write(f"\r\x1b[K{line}\n" if sys.stderr.isatty() else f"{line}\n")
    sys.stderr.flush()


def _end(signal_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + signal_number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    try:
        main(sys.argv[1], sys.argv[2])
    except SetupFailed as failure:
        _announce(f"parley: {failure}")
        sys.exit(1)
    except OSError as error:
        _announce(f"parley: The environment could not be made: {error}.")
        sys.exit(1)
    except KeyboardInterrupt:
        _announce("Stopped; the same command starts over.")
        sys.exit(130)
