"""`up`, `down`, `status` and `demo`: the service as a whole."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx2
import typer
from rich.table import Table

from deployments.commands.common import fail, installation, out, run
from deployments.embedded.private import private_folder
from deployments.embedded.processes import end, environment_of, find, instance_of
from deployments.running import running_owner, simulator_url, state_of, uses_simulator
from deployments.sample import DEFAULT_SAMPLE, add_sample, introduce_numbers
from deployments.settings import ROOT, Settings, read_settings
from models.errors import MachineFailed, ParleyError, WrongSetting
from security.tokens import token_file

STOP_LIMIT_S = 90.0
Sample = Annotated[Path | None, typer.Option(help="Folder of a business to load, such as samples/faro-y-ruta.")]


def up() -> None:
    """Start the service in the background and return when it answers. A second `up` says that it is up."""
    settings = _settings()
    if running_owner(settings.root):
        out.print("Parley is up already.")
        print_doors(settings)
        return
    log = private_folder(settings.root / "logs") / "owner.log"
    with log.open("w") as file:
        owner = subprocess.Popen(
            [sys.executable, "-P", "-m", "deployments", "own"],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=Path.cwd(),
            env={**environment_of(settings.root), "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
    if not _follow(owner, log):
        raise typer.Exit(owner.returncode or 1)
    owner.returncode = 0  # it lives on; this handle must not warn of it
    print_doors(settings)


def own() -> None:
    """Be the owner, in the foreground, until told to stop."""
    from deployments.owner import owning

    settings = _settings()
    try:
        with owning(settings, _say) as owner, _stopping() as stopping:
            owner.start()
            if uses_simulator(settings):
                run(_introduce())
            _say("ready")
            owner.watch(stopping)
    except ParleyError as error:
        fail(error)


def demo(sample: Sample = None) -> None:
    """Start everything with a sample business, print where to click, and end it all with Ctrl-C."""
    from deployments.owner import owning  # what an owner needs takes a second to import; other commands need none of it

    settings = _settings()
    try:
        with owning(settings, _say) as owner, _stopping() as stopping:
            owner.start()
            if uses_simulator(settings):
                run(_load(sample or DEFAULT_SAMPLE))
            print_doors(settings)
            out.print("\nCtrl-C ends everything.")
            owner.watch(stopping)
            out.print("stopping …")
    except ParleyError as error:
        fail(error)
    out.print("everything has ended")


def down() -> None:
    """End everything that was started in this folder, and return when no process is left."""
    settings = _settings()
    owner = running_owner(settings.root)
    left = find(instance_of(settings.root))
    if owner is None and not left:
        out.print("Parley is not up.")
        return
    if owner is not None:
        owner.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_LIMIT_S
        while owner.is_running() and running_owner(settings.root) and time.monotonic() < deadline:
            time.sleep(0.2)
    _end_servers(settings)
    end(find(instance_of(settings.root)), grace_s=5)
    out.print("everything has ended")


def status(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Show what runs, which model answers, and what waits. Ends with 1 while it is not up, or not ready."""
    settings = _settings()
    if state_of(settings.root) is None:
        fail("Parley is not up; start it with ./parley up.")
    try:
        answer = httpx2.get(
            f"http://127.0.0.1:{settings.http_port}/status",
            headers={"Authorization": f"Bearer {settings.operator_token_text}"},
            timeout=15,
            trust_env=False,
        )
        answer.raise_for_status()
    except httpx2.HTTPError as error:
        fail(MachineFailed(f"The operator application does not answer ({type(error).__name__})."))
    page = answer.json()
    if as_json:
        out.print_json(data=page)
    else:
        _show(page, settings)


def migrate() -> None:
    """Bring the database of PARLEY_DATABASE_URL up to this version's schema; `up` does it by itself."""
    from store import schema

    settings = _settings()
    if settings.database_url is None:
        fail(WrongSetting("Set PARLEY_DATABASE_URL; the embedded database is brought up to date by ./parley up."))
    run(schema.upgrade(settings.database_url.get_secret_value()))
    out.print("the schema is up to date")


def print_doors(settings: Settings) -> None:
    """Say where to click."""
    table = Table.grid(padding=(0, 2))
    if uses_simulator(settings):
        table.add_row("Chat page", simulator_url(settings))
    table.add_row("API", f"http://127.0.0.1:{settings.http_port}   (/webhooks/whatsapp, /healthz, /readyz)")
    table.add_row("Status", "./parley status")
    table.add_row("Ray dashboard", f"http://127.0.0.1:{settings.dashboard_port}")
    table.add_row("", f"sign in with the token in {settings.root / 'secrets' / 'ray_token'}")
    table.add_row("Operator token", f"in {settings.root / 'secrets' / 'operator_token'}")
    token_file(settings.root / "secrets" / "operator_token")
    out.print()
    out.print(table)


async def _introduce() -> None:
    async with installation() as opened, opened.simulator() as simulator:
        await introduce_numbers(opened.accounts, simulator, opened.callback_url)


async def _load(folder: Path) -> None:
    async with installation() as opened, opened.simulator() as simulator:
        await add_sample(opened.accounts, opened.documents, simulator, folder, opened.callback_url, _say)


def _settings() -> Settings:
    try:
        return read_settings()
    except WrongSetting as error:
        fail(error)


def _say(line: str) -> None:
    out.print(line)


def _follow(owner: "subprocess.Popen[bytes]", log: Path) -> bool:
    """Show the owner's lines until it is ready; False when it has ended instead."""
    with log.open() as lines:
        while True:
            line = lines.readline()
            if line.strip() == "ready":
                return True
            if line:
                out.print(line.rstrip())
            elif owner.poll() is not None:
                out.print(lines.read().rstrip())
                return False
            else:
                time.sleep(0.1)


@contextmanager
def _stopping() -> Iterator[Any]:
    """Turn Ctrl-C, SIGTERM and a closed terminal into a quiet wish to stop; a start under way is broken off."""
    asked: list[int] = []

    def ask(number: int, _frame: object) -> None:
        if not asked:
            asked.append(number)
            raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        signal.signal(number, ask)
    try:
        yield lambda: bool(asked)
    except KeyboardInterrupt:
        _say("stopping …")
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave half of it running


def _end_servers(settings: Settings) -> None:
    """End embedded servers whose owner was killed: PostgreSQL is not found by its environment."""
    from deployments.embedded.postgres import EmbeddedPostgres

    if settings.database_url is None and (settings.root / "run").exists():
        postgres = EmbeddedPostgres(settings.root)
        if postgres.processes():
            postgres.stop()


def _show(page: dict[str, Any], settings: Settings) -> None:
    out.print(f"engine  {page.get('engine')}   model  {page.get('model')}   ready  {page.get('ready')}")
    table = Table("application", "deployment", "status", "replicas", box=None, padding=(0, 2))
    for application in page.get("applications") or []:
        for deployment in application["deployments"]:
            replicas = ", ".join(f"{count} {state.lower()}" for state, count in deployment["replicas"].items())
            table.add_row(application["name"], deployment["name"], deployment["status"], replicas)
    out.print(table)
    waiting = ", ".join(f"{name} {value}" for name, value in (page.get("queues") or {}).items())
    out.print(f"waiting  {waiting}")
    print_doors(settings)
