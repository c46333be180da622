"""The whole service in a temporary home, started and asked as its operator does: by the command line and by HTTP."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import psutil
from sqlalchemy.engine import make_url

from deployments.embedded.postgres import EmbeddedPostgres
from deployments.embedded.processes import find, instance_of
from deployments.owner import is_taken
from deployments.ray_cluster import free_ports
from deployments.running import running_owner, state_of
from deployments.settings import PREFIX
from security.keyring import Keyring

ROOT = Path(__file__).resolve().parents[2]
UP_LIMIT_S = 280.0  # some 40 s on two idle cores
COMMAND_LIMIT_S = 120.0
_FOREIGN = (PREFIX, "RAY_", "HF_", "VLLM_")  # what a developer's shell may hold, and the service must not see
_TURN = """
    SELECT turns.*, conversations.wants_person_since, conversations.language AS spoken
      FROM inbox JOIN turns ON turns.id = inbox.turn_id JOIN conversations ON conversations.id = turns.conversation_id
     WHERE inbox.wamid_digest = $1
"""
_WAITING = """
    SELECT (SELECT count(*) FROM inbox WHERE state = 'received')
         + (SELECT count(*) FROM outbox WHERE state IN ('queued', 'sending', 'unknown')) AS waiting
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A command that has ended."""

    code: int
    output: str  # standard output and error together


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """`./parley demo` in a terminal."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self.log.read_text()

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def press_ctrl_c(self, limit_s: float) -> int:
        """Do what a terminal does: SIGINT to all of its foreground; give the exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(limit_s)


@dataclass
class House:
    """One installation. Methods that are not coroutines block."""

    home: Path
    ports: Mapping[str, int] = field(
        default_factory=lambda: dict(zip(("HTTP", "DASHBOARD", "SIMULATOR"), free_ports(3), strict=True))
    )
    extra: dict[str, str] = field(default_factory=dict)  # environment of the next start

    # -- as its operator ---------------------------------------------------------------------------------------------

    def command(self, *words: str, stdin: str = "", limit_s: float = COMMAND_LIMIT_S) -> Done:
        """Run `./parley …` to its end."""
        done = subprocess.run(
            self.program(*words),
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.home.parent,
            env=self.environment(),
            timeout=limit_s,
            check=False,
        )
        return Done(code=done.returncode, output=done.stdout)

    def run(self, *words: str, stdin: str = "", limit_s: float = COMMAND_LIMIT_S) -> str:
        """Run `./parley …`, which must succeed; give what it printed."""
        done = self.command(*words, stdin=stdin, limit_s=limit_s)
        assert done.code == 0, f"parley {words[0]} ended with {done.code}:\n{done.output}"
        return done.output

    def up(self) -> str:
        """Start it, if it is not up."""
        return self.run("up", limit_s=UP_LIMIT_S)

    def down(self) -> str:
        """End it."""
        return self.run("down")

    def start_demo(self, sample: Path, limit_s: float) -> "Demo":
        """Run `./parley demo` as in a terminal of its own, and return when it waits for Ctrl-C."""
        log = self.home.parent / "demo.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                self.program("demo", "--sample", str(sample)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.home.parent,
                env=self.environment(),
                start_new_session=True,
            )
        demo = Demo(process=process, log=log)
        wait_until(lambda: demo.has_ended or "Ctrl-C ends everything" in demo.output, limit_s, "the demo is up")
        assert not demo.has_ended, f"the demo ended by itself:\n{demo.output}"
        return demo

    @staticmethod
    def program(*words: str) -> list[str]:
        """What `./parley` executes once its environment is made."""
        return [sys.executable, "-P", "-m", "deployments", *words]

    def environment(self) -> dict[str, str]:
        """The environment of every command."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        ports = {f"{PREFIX}{name}_PORT": str(port) for name, port in self.ports.items()}
        return {**inherited, "PYTHONPATH": str(ROOT), f"{PREFIX}HOME": str(self.home), **ports, **self.extra}

    # -- where things are --------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['HTTP']}"

    @property
    def webhook(self) -> str:
        return f"{self.url}/webhooks/whatsapp"

    @property
    def dashboard(self) -> str:
        return f"http://127.0.0.1:{self.ports['DASHBOARD']}"

    @property
    def simulator(self) -> str:
        return f"http://127.0.0.1:{self.ports['SIMULATOR']}"

    @property
    def ray_folder(self) -> Path:
        """Where Ray keeps its session and its logs."""
        return Path(tempfile.gettempdir()) / f"parley-{os.getuid()}-{instance_of(self.home)}"

    def secret(self, name: str) -> str:
        """What a file under the home's secrets holds."""
        return (self.home / "secrets" / name).read_text().strip()

    def get(self, path: str, token: str | None = None) -> httpx2.Response:
        """Ask the operator application."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx2.get(self.url + path, headers=headers, timeout=20, trust_env=False)

    # -- what runs ---------------------------------------------------------------------------------------------------

    @property
    def owner(self) -> psutil.Process | None:
        """The process that owns all others."""
        return running_owner(self.home)

    def processes(self) -> list[psutil.Process]:
        """All that runs of it, PostgreSQL included."""
        return [*find(instance_of(self.home)), *self.postgres()]

    def postgres(self) -> list[psutil.Process]:
        """The database's postmaster and its children."""
        return EmbeddedPostgres(self.home).processes()

    def replicas(self, deployment: str) -> list[psutil.Process]:
        """The processes of a deployment's replicas, by the title that Ray gives them."""
        return [process for process in self.processes() if f":{deployment}" in title(process)]

    def left_behind(self) -> list[str]:
        """What should be gone once it has ended: processes, taken ports, the folder of Ray."""
        taken = [f"port {port}" for port in self.ports.values() if is_taken(port)]
        folder = [str(self.ray_folder)] if self.ray_folder.exists() else []
        return [*(title(process) for process in self.processes()), *taken, *folder]

    def share_models(self, home: Path) -> None:
        """Use the models of another home, or make them there: making them takes half a minute."""
        self.home.mkdir(exist_ok=True)
        (self.home / "models").symlink_to(home / "models")

    def forget(self) -> None:
        """Remove what a home leaves outside of itself, once all has ended."""
        shutil.rmtree(Path("/var/lib/parley") / instance_of(self.home), ignore_errors=True)

    # -- its rows ----------------------------------------------------------------------------------------------------

    async def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """Ask the database."""
        state = state_of(self.home)
        assert state is not None, "the service is not up"
        url = make_url(state["environment"][f"{PREFIX}DATABASE_URL"])
        connection = await asyncpg.connect(
            user=url.username, host=url.query["host"], database=url.database, timeout=10, command_timeout=10
        )
        try:
            await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
            return [dict(row) for row in await connection.fetch(statement, *values)]
        finally:
            await connection.close()

    async def turn(self, wamid: str) -> dict[str, Any] | None:
        """The turn that a user's message was answered by."""
        digest = Keyring.parse(self.secret("encryption_keys")).blind_index(wamid, "wamid")
        found = await self.rows(_TURN, digest)
        return found[0] if found else None

    async def sent(self, wamid: str) -> list[str]:
        """The states of the messages that answered a user's."""
        turn = await self.turn(wamid)
        assert turn is not None, "not answered"
        found = await self.rows("SELECT state FROM outbox WHERE turn_id = $1 ORDER BY id", turn["id"])
        return [row["state"] for row in found]

    async def settled(self, limit_s: float = 60.0) -> None:
        """Return when nothing waits for an answer or to be sent: who has no reply by now gets none."""

        async def nothing_waits() -> bool:
            return (await self.rows(_WAITING))[0]["waiting"] == 0

        await until(nothing_waits, limit_s, "the queues are empty")


async def until(holds: Callable[[], Awaitable[Any]], limit_s: float, what: str) -> None:
    """Ask ten times a second."""
    try:
        async with asyncio.timeout(limit_s):
            while not await holds():  # noqa: ASYNC110 - what is waited for happens in other processes
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"not within {limit_s:.0f} s: {what}") from None


def wait_until(holds: Callable[[], Any], limit_s: float, what: str) -> None:
    """Poll ten times a second."""
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {limit_s:.0f} s: {what}"
        time.sleep(0.1)


@contextmanager
def suspended(processes: Sequence[psutil.Process]) -> Iterator[None]:
    """Let these do nothing for the length of the block."""
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def title(process: psutil.Process) -> str:
    """Its command line, or the title that it gave itself; empty once it is gone."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
