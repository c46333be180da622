"""How we find and end the processes that we started, whoever started them and however their owner died.

Every one carries the name of its installation in its environment, which children inherit. A program that writes its
own title may overwrite that part of its memory: `SPT_NOENV` keeps setproctitle (Ray's workers) from it; PostgreSQL
does it all the same and is found by its own pid file instead (`postgres.py`).
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from json import JSONDecodeError, dumps, loads
from pathlib import Path

import psutil

INSTANCE_VARIABLE = "PARLEY_INSTANCE"


def instance_of(home: Path) -> str:
    """Name an installation by its folder; the same for every spelling of the path."""
    return hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]


def environment_of(home: Path) -> dict[str, str]:
    """Give the current environment with the marks by which `find` knows our processes."""
    return {**os.environ, INSTANCE_VARIABLE: instance_of(home), "SPT_NOENV": "1"}


def find(mark: str, variable: str = INSTANCE_VARIABLE) -> list[psutil.Process]:
    """Give the running processes that carry a mark, without the caller and what the caller descends from.

    Args:
        mark: the name of an installation, for all of its processes.
        variable: what carries the mark in their environment, where only some of them are meant.
    """
    caller = psutil.Process()
    spared = {caller.pid, *(parent.pid for parent in caller.parents())}
    others = (process for process in psutil.process_iter() if process.pid not in spared)
    return [process for process in others if _carries(process, variable, mark)]


def _carries(process: psutil.Process, variable: str, mark: str) -> bool:
    try:
        return process.environ().get(variable) == mark and is_running(process)
    except (psutil.Error, OSError):  # gone meanwhile, or another user's
        return False


def is_running(process: psutil.Process) -> bool:
    """Whether it is the same process still, and no zombie that only waits for its parent."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end(processes: Iterable[psutil.Process], grace_s: float) -> None:
    """Ask each to stop, wait for all together, then kill those that have not; returns when none is left.

    Raises:
        psutil.AccessDenied: one belongs to another user.
    """
    remaining = [process for process in processes if is_running(process)]
    for process in remaining:
        _signal(process, kill=False)
    _, remaining = psutil.wait_procs(remaining, timeout=grace_s)
    for process in remaining:
        _signal(process, kill=True)
    psutil.wait_procs(remaining, timeout=10)


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        process.kill() if kill else process.terminate()
    except psutil.NoSuchProcess:
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One line in PARLEY_HOME/run: a process, and where it listens."""

    pid: int
    started_at: float  # seconds since 1970 by the kernel's clock; tells a recycled pid
    address: str  # "" when it does not listen

    @classmethod
    def of(cls, pid: int, address: str = "") -> "RunRecord":
        """Describe a process that runs now.

        Raises:
            psutil.NoSuchProcess: it does not.
        """
        return cls(pid=pid, started_at=psutil.Process(pid).create_time(), address=address)

    def process(self) -> psutil.Process | None:
        """Give the process, unless it has ended or its pid is another's by now."""
        try:
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.started_at) < 1
        except psutil.Error:
            return None
        return process if is_same and is_running(process) else None


class RunFolder:
    """PARLEY_HOME/run: which processes run, by name."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "run"

    def write(self, name: str, record: RunRecord) -> None:
        """Keep a record; a reader sees the old one or the new one, never half of it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / f".{name}.{os.getpid()}"
        draft.write_text(dumps(asdict(record)))
        draft.replace(self._path(name))

    def read(self, name: str) -> RunRecord | None:
        """Give the record of a process that still runs; a stale or unreadable one counts as none."""
        try:
            record = RunRecord(**loads(self._path(name).read_text()))
            return record if record.process() else None
        except (OSError, JSONDecodeError, TypeError):
            return None

    def remove(self, name: str) -> None:
        """Forget a process; safe twice."""
        self._path(name).unlink(missing_ok=True)

    def names(self) -> Sequence[str]:
        """Give the names that have a record, believed or not, in order."""
        return sorted(path.stem for path in self._folder.glob("[!.]*.json"))

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"
