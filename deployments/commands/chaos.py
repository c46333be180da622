"""`chaos`: a service of its own, people who write, and a hand that kills; ends with the ledger's verdict.

The simulator is no part of what is killed: it stands for Meta and its ledger is the truth.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import httpx2
import psutil
import typer

from deployments.commands import trial
from deployments.commands.common import fail, installation, run
from deployments.embedded.postgres import EmbeddedPostgres
from deployments.embedded.processes import end, find, instance_of
from deployments.embedded.server import launch
from deployments.running import simulator_url
from deployments.settings import PREFIX, ROOT, Settings
from models.errors import MachineFailed, ParleyError

if TYPE_CHECKING:
    from benchmarks.chaos.trial import Plan
    from benchmarks.site import Outcome

UP_LIMIT_S = 400.0


def chaos(
    messages: Annotated[int, typer.Option(min=10, help="How many messages are written.")] = 10_000,
    seed: Annotated[int, typer.Option(help="The same seed: the same load, faults and order of kills.")] = 7,
    rate: Annotated[float, typer.Option(min=0.1, help="Messages a second.")] = 20.0,
    pause: Annotated[float, typer.Option(min=0.0, help="Seconds, at most, from a recovery to the next kill.")] = 6.0,
    results: Annotated[Path | None, typer.Option(help="Folder for the figures; benchmarks/results if unset.")] = None,
) -> None:
    """Kill everything, again and again, while people write. Ends with 1 unless 0 are lost, doubled or out of order."""
    from benchmarks import report
    from benchmarks.chaos.trial import Plan

    plan = Plan(messages=messages, rate=rate, seed=seed, pause_s=pause)
    try:
        with _ground() as ground:
            outcome = run(_tried(plan, ground))
    except ParleyError as error:
        fail(error)
    found = trial.judged(outcome, seed)
    data, page = report.write(found, results or report.RESULTS)
    trial.show(found, data, page, most_notes=len(outcome.notes))
    if not found.is_met:
        raise typer.Exit(1)


class Ground:
    """`benchmarks.chaos.hand.Ground`: an installation that `./parley up` starts, in a home of its own."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings under which `up` runs."""
        self._settings = settings
        self._home = settings.root
        self._postgres = EmbeddedPostgres(self._home)

    def processes(self) -> Sequence[psutil.Process]:
        """Everything of the installation; PostgreSQL hides its marks and is asked for apart."""
        return [*find(instance_of(self._home)), *self._postgres.processes()]

    async def is_well(self) -> bool:
        """Ask the operator's page."""
        url = f"http://127.0.0.1:{self._settings.http_port}/status"
        headers = {"Authorization": f"Bearer {self._settings.operator_token_text}"}
        try:
            async with httpx2.AsyncClient(trust_env=False, timeout=10.0) as client:
                answer = await client.get(url, headers=headers)
            return answer.status_code == 200 and answer.json()["status"] == "ok"
        except (httpx2.HTTPError, ValueError, KeyError):
            return False

    async def up(self) -> None:
        """Run `./parley up`.

        Raises:
            MachineFailed: it did not come up.
        """
        await asyncio.to_thread(self._command, "up", UP_LIMIT_S)

    def down(self) -> None:
        """Run `./parley down`."""
        self._command("down", UP_LIMIT_S)

    def _command(self, name: str, limit_s: float) -> None:
        # Without the marks of the installation: the owner ends whatever carries them.
        environment = os.environ | {"PYTHONPATH": str(ROOT), f"{PREFIX}GRAPH_URL": simulator_url(self._settings)}
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-P", "-m", "deployments", name],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
        if done.returncode:
            raise MachineFailed(f"./parley {name} failed: {(done.stdout + done.stderr)[-500:]}")


@contextmanager
def _ground() -> Iterator[Ground]:
    """Run an installation and a simulator for the length of a block; whatever happens in it, nothing stays."""
    trial.let_terms_interrupt()
    folder = Path(tempfile.mkdtemp(prefix="parley-chaos-"))
    home = folder / "home"
    home.mkdir()
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        undo.callback(trial.forget, home)
        settings = trial.own_settings(home, is_scripted=True)
        trial.share_models(home)
        undo.callback(end, [_simulator(folder, settings)], grace_s=5)
        ground = Ground(settings)
        undo.callback(ground.down)
        trial.say("starting the service")
        run(ground.up())
        yield ground
        trial.say("stopping …")


def _simulator(folder: Path, settings: Settings) -> psutil.Process:
    options = ["--host", "127.0.0.1", "--port", str(settings.simulator_port)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return launch(
        [sys.executable, "-P", "-m", "whatsapp.simulator", *options],
        log=folder / "simulator.log",
        cwd=ROOT,
        environment={**environment, "PYTHONPATH": str(ROOT)},
    )


async def _tried(plan: "Plan", ground: Ground) -> "Outcome":
    from benchmarks.chaos import trial as kill_test
    from benchmarks.site import Needs

    async with installation() as opened:
        await trial.make_site(opened, Needs(tenants=2, numbers=4, passages=100), opened.settings.root)
        async with opened.simulator() as simulator:
            return await kill_test.run(plan, simulator, ground, trial.say)
