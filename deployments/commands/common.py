"""What all commands share: the settings, the store of a running installation, and how errors are told."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from deployments.running import simulator_url, state_of, uses_simulator
from deployments.settings import PREFIX, Settings, read_settings
from models.errors import ParleyError, WrongSetting
from security.keyring import Keyring
from store.accounts import Accounts
from store.database import Database
from store.documents import Documents
from whatsapp.simulator.client import SimulatorClient

# A pipe has no width: without one, tables would be folded at 80 columns, and a script could not find its line.
_WIDE = None if sys.stdout.isatty() else 240
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # tab and newline stay


class PlainConsole(Console):
    """Shows what customers and documents say as what it is: no markup, and nothing that a terminal would obey."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, soft_wrap=True, width=_WIDE, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Give a text to be shown, cells of tables included."""
        return super().render_str(_CONTROL.sub("", text), **options)


out = PlainConsole()
err = PlainConsole(stderr=True)

USAGE_ERROR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A running installation, as a command sees it."""

    settings: Settings
    database: Database
    keyring: Keyring

    @property
    def accounts(self) -> Accounts:
        """Tenants and numbers."""
        return Accounts(self.database, self.keyring)

    @property
    def documents(self) -> Documents:
        """What businesses know."""
        return Documents(self.database)

    @property
    def callback_url(self) -> str:
        """Where webhooks come in, as seen from this machine."""
        return f"http://127.0.0.1:{self.settings.http_port}/webhooks/whatsapp"

    def simulator(self) -> SimulatorClient:
        """Give a client of this machine's simulator.

        Raises:
            WrongSetting: the service talks to Meta.
        """
        if not uses_simulator(self.settings):
            raise WrongSetting(f"{PREFIX}GRAPH_URL is set, so there is no simulator here; unset it and start again.")
        return SimulatorClient(simulator_url(self.settings))


@asynccontextmanager
async def installation() -> AsyncIterator[Open]:
    """Open the store of the running installation.

    Raises:
        WrongSetting: nothing is up; the sentence says how to start it.
    """
    settings = read_settings()
    url = settings.database_url.get_secret_value() if settings.database_url else _embedded_url(settings)
    database = Database(url, name="command", pool_size=2)
    try:
        yield Open(settings=settings, database=database, keyring=settings.keyring)
    finally:
        await database.close()


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a command's coroutine; an error of ours becomes one sentence and an exit code."""
    try:
        return asyncio.run(work)
    except ParleyError as error:
        fail(error)


def fail(error: ParleyError | str) -> NoReturn:
    """Say what is wrong, and end with 2 for a wrong setting and 1 for everything else."""
    err.print(str(error), style="red")
    raise typer.Exit(USAGE_ERROR if isinstance(error, WrongSetting) else 1)


def read_secret(file: Path | None, what: str) -> str:
    """Read a secret from a file, or from standard input with a prompt where a person sits there; never an empty one."""
    secret = _secret_in(file, what)
    if not secret:
        fail(WrongSetting(f"the {what} is empty"))
    return secret


def _secret_in(file: Path | None, what: str) -> str:
    if file is not None:
        try:
            return file.read_text().strip()
        except OSError as error:
            fail(WrongSetting(f"the file with the {what} cannot be read: {error.strerror}"))
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=True)).strip()
    return sys.stdin.readline().strip()


def _embedded_url(settings: Settings) -> str:
    state = state_of(settings.root)
    if state is None:
        raise WrongSetting("Parley is not up in this folder; start it with ./parley up.")
    return str(state["environment"][f"{PREFIX}DATABASE_URL"])
