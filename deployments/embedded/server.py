"""What the embedded servers have in common: their shape, and a log that cannot fill the disk."""

import os
import resource
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import psutil

from deployments.embedded.private import private_folder

Say = Callable[[str], None]
"""Takes one line for a person who waits."""

_LOG_BYTES = 10_000_000


class EmbeddedServer(Protocol):
    """A server with one owner. Every method is safe twice and in any order; all block, so call them in a thread."""

    name: str

    def start(self) -> str:
        """Start it, or take over one whose owner has died, and give its address once it answers.

        Raises:
            WrongSetting: the place it was given cannot be used; the sentence says what to do.
            MachineFailed: it did not come up; the same call may succeed later.
        """
        ...

    def is_alive(self) -> bool:
        """Whether it runs and takes connections, within 2 s; does not start it."""
        ...

    def stop(self) -> None:
        """Stop it, whoever started it, and return when its processes are gone."""
        ...

    def processes(self) -> list[psutil.Process]:
        """Give its running processes, whoever started them."""
        ...


def launch(
    command: Sequence[str | Path], *, log: Path, cwd: Path, environment: Mapping[str, str], **identity: Any
) -> psutil.Process:
    """Start a program that may outlive us, in a session of its own: Ctrl-C in the owner's terminal is for the owner."""
    # Ours, and by inheritance that of all that we start: memory holds keys and what people wrote.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    log_file = _open_log(log)
    try:
        child = subprocess.Popen(  # noqa: S603 - the callers name installed programs
            command,
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=log_file,
            cwd=cwd,
            env=environment,
            start_new_session=True,
            **identity,
        )
    finally:
        os.close(log_file)
    process = psutil.Process(child.pid)
    child.returncode = 0  # psutil watches and reaps it; Popen's own handle would warn that its child outlives it
    return process


def has_ended(child: psutil.Process) -> bool:
    """Whether a process that we launched is gone; takes its exit status from the kernel, so that no zombie stays."""
    try:
        child.wait(timeout=0)
    except psutil.TimeoutExpired:
        return False
    return True


def _open_log(path: Path) -> int:
    """Give a descriptor that appends; an overlong log is emptied first, its opening being of no use any more."""
    private_folder(path.parent)
    trim_log(path)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def trim_log(path: Path) -> None:
    """Empty a log over 10 MB; writers that append go on at its start."""
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        os.truncate(path, 0)


def last_line(path: Path) -> str:
    """Give the last line of a log, for the sentence that says why a server did not start."""
    lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
    return lines[-1] if lines else "its log is empty"


def wait_until(is_true: Callable[[], bool], limit_s: float, say: Say, what: str) -> bool:
    """Poll ten times a second; every 10 s a line says what is waited for. False when the limit has passed."""
    started = time.monotonic()
    next_word_s = 10.0
    while not is_true():
        waited_s = time.monotonic() - started
        if waited_s > limit_s:
            return False
        if waited_s > next_word_s:
            say(f"{what} ({waited_s:.0f} s so far)")
            next_word_s += 10
        time.sleep(0.1)
    return True
