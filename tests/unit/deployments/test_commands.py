"""What the command line does with what it is given, and how it shows what strangers wrote."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from rich.table import Table
from typer.testing import CliRunner

from deployments.__main__ import cli
from deployments.commands import accounts
from deployments.commands.common import PlainConsole

HOSTILE = "[/b] [link=https://evil.example]price list[/link] :bomb: \x1b]0;owned\x07\x1b[2J\x9b"
SHOWN = "[/b] [link=https://evil.example]price list[/link] :bomb: ]0;owned[2J"


class Accounts:
    """Remembers the apps that numbers were added with."""

    def __init__(self) -> None:
        self.apps: list[Any] = []

    async def tenant(self, slug: str) -> Any:
        return SimpleNamespace(id=uuid4(), slug=slug)

    async def add_number(self, **number: Any) -> None:
        self.apps.append(number["app"])


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Accounts:
    known = Accounts()

    @asynccontextmanager
    async def installation() -> AsyncIterator[Any]:
        yield SimpleNamespace(accounts=known, settings=SimpleNamespace(model_fields_set={"graph_url"}))

    monkeypatch.setattr(accounts, "installation", installation)
    return known


def add_number(tenant: str, folder: Path, *options: str, **secrets: str) -> Any:
    arguments = ["numbers", "add", tenant, "--phone-number-id", "1", "--display", "+1 555", "--portfolio", "p"]
    for name in ("access-token", "app-secret", "verify-token"):
        file = folder / name
        file.write_text(secrets.get(name.replace("-", "_"), f"{tenant} {name}"))
        arguments += [f"--{name}-file", str(file)]
    return CliRunner().invoke(cli, [*arguments, *options])


@pytest.mark.parametrize("in_table", [True, False])
def test_what_strangers_wrote_is_shown_as_it_is_and_commands_no_terminal(in_table: bool) -> None:
    console = PlainConsole()
    console.file = io.StringIO()
    table = Table("title", box=None)
    table.add_row(HOSTILE)
    console.print(table if in_table else HOSTILE)
    shown = console.file.getvalue()
    assert SHOWN in shown
    assert not any(mark in shown for mark in ("\x1b", "\x07", "\x9b"))


def test_businesses_share_no_app_unless_it_is_named(known: Accounts, tmp_path: Path) -> None:
    for tenant in ("acme", "other"):
        assert add_number(tenant, tmp_path).exit_code == 0
    assert add_number("acme", tmp_path, "--app", "shared").exit_code == 0
    assert [app.name for app in known.apps] == ["acme", "other", "shared"]


@pytest.mark.parametrize("empty", ["access_token", "app_secret", "verify_token"])
def test_an_empty_secret_is_refused_and_named(known: Accounts, tmp_path: Path, empty: str) -> None:
    result = add_number("acme", tmp_path, **{empty: " \n"})
    assert (result.exit_code, known.apps) == (2, [])
    assert result.output.strip() == f"the {empty.replace('_', ' ')} is empty"
