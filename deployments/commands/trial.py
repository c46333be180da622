"""What `bench` and `chaos` share: a home of their own, a site in it, and how a result is judged and shown.

One rule: neither touches the installation in PARLEY_HOME, nor anybody but the simulator: whatever the environment says
of other servers is left out.
"""

import os
import secrets
import shutil
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import psutil
from rich.table import Table

from benchmarks.parts import deployment_of
from deployments.commands.common import Open, out
from deployments.embedded.processes import find, instance_of
from deployments.running import simulator_url, state_of, uses_simulator
from deployments.sample import introduce_numbers, wait_until_indexed
from deployments.settings import PREFIX, ROOT, Settings, read_settings
from models.conversation import Tenant
from models.errors import WrongSetting
from store.accounts import App

if TYPE_CHECKING:  # what measures takes a second to import; other commands need none of it
    from benchmarks.report import Report
    from benchmarks.site import Needs, Outcome, Site
    from benchmarks.workload import Line

MOST_NOTES = 3  # shown; the report holds all
_FOREIGN = (PREFIX, "RAY_", "HF_", "VLLM_")  # what a developer's shell may hold, and the service must not see


def own_settings(home: Path, *, is_scripted: bool) -> Settings:
    """Settings of this run alone, put where every process of it finds them.

    Raises:
        WrongSetting: the file .env names a server, and we would load it.
    """
    from deployments.ray_cluster import free_ports

    for name in [name for name in os.environ if name.startswith(_FOREIGN)]:
        del os.environ[name]
    ports = zip(("HTTP", "DASHBOARD", "SIMULATOR"), free_ports(3), strict=True)
    os.environ |= {f"{PREFIX}HOME": str(home), **{f"{PREFIX}{name}_PORT": str(port) for name, port in ports}}
    if is_scripted:
        os.environ[f"{PREFIX}MODEL"] = "scripted"
    settings = read_settings()
    if not uses_simulator(settings) or settings.database_url or settings.milvus_uri:
        raise WrongSetting("The benchmark loads servers of its own only: take the addresses of servers out of .env.")
    return settings


def share_models(home: Path) -> None:
    """Use the models that the default home keeps, or leave them there: exporting one takes half a minute."""
    shared = ROOT / ".parley" / "models"
    shared.mkdir(parents=True, exist_ok=True)
    (home / "models").symlink_to(shared)


def forget(home: Path) -> None:
    """Remove the home, and the database where root has had to keep it elsewhere."""
    data = home / "postgres"
    if data.is_symlink():
        shutil.rmtree(data.resolve().parent, ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)


async def make_site(opened: Open, needs: "Needs", folder: Path) -> "Site":
    """Add the tenants, numbers and passages that are needed to a running installation."""
    from benchmarks.site import Site

    settings = opened.settings
    tenants = [await opened.accounts.add_tenant(f"bench-{at}", f"Bench {at}", ["en"]) for at in range(needs.tenants)]
    # One app signs for all numbers, so that one batch may speak of any.
    app = App(name="bench", secrets=(secrets.token_hex(16).encode(),), verify_token=secrets.token_urlsafe(16))
    lines = [await _add_number(opened, tenants[at % len(tenants)], at, app) for at in range(needs.numbers)]
    async with opened.simulator() as simulator:
        await introduce_numbers(opened.accounts, simulator, opened.callback_url)
    state, processes = state_of(settings.root) or {}, _Processes(settings.root)
    return Site(
        folder=folder,
        webhook_url=opened.callback_url,
        simulator_url=simulator_url(settings),
        operator_url=f"http://127.0.0.1:{settings.http_port}",
        operator_token=settings.operator_token_text,
        database_url=state["environment"][f"{PREFIX}DATABASE_URL"],
        milvus_uri=state["environment"][f"{PREFIX}MILVUS_URI"],
        lines=tuple(lines),
        tenants=len(tenants),
        passages=await _add_knowledge(opened, tenants, needs.passages),
        parts=processes.parts,
        processes=processes.pids,
    )


async def _add_number(opened: Open, tenant: Tenant, at: int, app: App) -> "Line":
    from benchmarks.workload import Line

    line = Line(
        phone_number_id=f"7000000000{at:05d}",
        digits=f"1555020{at:04d}",
        waba_id=f"waba-{tenant.slug}",
        app_secret=app.secrets[0].decode(),
    )
    await opened.accounts.add_number(
        tenant_id=tenant.id,
        phone_number_id=line.phone_number_id,
        display_phone_number=f"+{line.digits}",
        portfolio=f"portfolio-{tenant.slug}",
        app=app,
        access_token=f"bench-{secrets.token_urlsafe(32)}",
    )
    return line


async def _add_knowledge(opened: Open, tenants: Sequence[Tenant], passages: int) -> int:
    """Let the service read documents until it holds so many passages; gives how many there are."""
    from benchmarks.corpus import documents

    found = 0
    for tenant in tenants if passages else ():
        for name, content in documents(tenant.slug, passages // len(tenants)):
            await opened.documents.add(tenant.id, name, content)
        records = await wait_until_indexed(opened.documents, tenant, say)
        found += sum(record.passage_count for record in records)
    return found


class _Processes:
    """What runs, looked up once: looking through all processes costs more than what is measured."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._known: dict[str, list[int]] = {}

    def parts(self) -> dict[str, list[int]]:
        """Give the pids of everything by what it is: a deployment's name, or the program's."""
        postmaster = self._looked_up()["PostgreSQL"][:1]
        # PostgreSQL has a process a connection, and these come and go.
        backends = [child.pid for pid in postmaster for child in psutil.Process(pid).children()]
        return {**self._known, "PostgreSQL": [*postmaster, *backends]}

    def pids(self, deployment: str) -> list[int]:
        """Give the pids of a deployment's replicas; of all processes without a name."""
        if deployment:
            return self._looked_up().get(deployment, [])
        return [pid for pids in self.parts().values() for pid in pids]

    def _looked_up(self) -> dict[str, list[int]]:
        if not self._known:
            found = {"PostgreSQL": [_postmaster(self._home)]}
            for process in find(instance_of(self._home)):
                found.setdefault(part_of(_title(process)), []).append(process.pid)
            self._known = found
        return self._known


def _postmaster(home: Path) -> int:
    """Source: PostgreSQL, "Database File Layout": the first line of postmaster.pid."""
    return int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0])


_PROGRAMS = {"haproxy": "HAProxy", "milvus_lite": "Milvus", "whatsapp.simulator": "simulator"}


def part_of(title: str) -> str:
    """Say what a process is, by the title that Ray gives a replica or by its program."""
    if (deployment := deployment_of(title)) is not None:
        return deployment
    return next((name for mark, name in _PROGRAMS.items() if mark in title), "Ray")


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def judged(outcome: "Outcome", seed: int) -> "Report":
    """Hold an outcome against its targets, and write down where it was measured."""
    from benchmarks.machine import commit, machine, versions
    from benchmarks.report import Report
    from benchmarks.targets import judge, read_targets

    return Report(
        outcome=outcome,
        verdicts=judge(read_targets(outcome.scenario), outcome.figures),
        seed=seed,
        commit=commit(),
        machine=machine(),
        versions=versions(),
        at=datetime.now(UTC),
    )


def show(found: "Report", data: Path, page: Path, most_notes: int = MOST_NOTES) -> None:
    """Tell a person what was measured, and where it is written."""
    from benchmarks.report import rows

    table = Table("figure", "measured", "target", "", box=None, padding=(0, 2))
    for row in rows(found):
        table.add_row(*row, style="red" if row[-1] == "MISSED" else None)
    out.print()
    out.print(table)
    for note in found.outcome.notes[:most_notes]:
        out.print(note, markup=False)
    out.print(f"\nwritten: {data} and {page.name}", markup=False)


def let_terms_interrupt() -> None:
    """End on SIGTERM and a closed terminal as on Ctrl-C: everything that was started is ended."""

    def interrupt(number: int, frame: object) -> NoReturn:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


def say(line: str) -> None:
    """Tell whoever waits."""
    out.print(line, markup=False)
