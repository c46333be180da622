"""`tenants` and `numbers`: the businesses, and what they are reached by."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from deployments.commands.common import fail, installation, out, read_secret, run
from deployments.running import uses_simulator
from deployments.sample import introduce_numbers
from store.accounts import App

tenants = typer.Typer(no_args_is_help=True, help="The businesses that are served.")
numbers = typer.Typer(no_args_is_help=True, help="The WhatsApp numbers of the businesses.")


@tenants.command("add")
def add_tenant(
    slug: Annotated[str, typer.Argument(help="Short name for the command line, such as 'acme'.")],
    name: Annotated[str, typer.Option(help="As users know it.")],
    languages: Annotated[str, typer.Option(help="ISO 639-1, separated by commas; the first is the default.")] = "en",
    patience_ms: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=6000,  # the longest wait is two and a half times this, and stays under the deadline of an answer
            help="Milliseconds to wait for more after a line that looks unfinished; 1200 if never given, 0: no wait.",
        ),
    ] = None,
    callback_template: Annotated[
        str | None,
        typer.Option(
            help="Template for users whose last message is older than 24 hours when their answer goes out, as "
            "'name:language', approved by Meta and without variables; '' for none: a person is asked instead."
        ),
    ] = None,
) -> None:
    """Add a business, or change its name, its languages, its patience and its callback template."""
    template = None if callback_template is None else _template(callback_template)

    async def work() -> None:
        async with installation() as opened:
            spoken = [part.strip() for part in languages.split(",")]
            patience = None if patience_ms is None else timedelta(milliseconds=patience_ms)
            await opened.accounts.add_tenant(slug, name, spoken, patience=patience, window_template=template)
            out.print(f"tenant {slug} is there; next: ./parley numbers add {slug} …")

    run(work())


def _template(named: str) -> dict[str, Any]:
    """Read 'come_back:en_US' as Meta's template object; an empty text gives an empty one."""
    if not named:
        return {}
    name, colon, language = named.partition(":")
    if not (name and colon and language):
        fail("a template is named like 'come_back:en_US': its name and language at Meta")
    return {"name": name, "language": {"code": language}}


@tenants.command("list")
def list_tenants() -> None:
    """Show all businesses."""

    async def work() -> None:
        async with installation() as opened:
            table = Table("tenant", "name", "languages", "patience", box=None, padding=(0, 2))
            for tenant in await opened.accounts.tenants():
                patience = f"{tenant.patience.total_seconds() * 1000:.0f} ms"
                table.add_row(tenant.slug, tenant.name, ", ".join(tenant.languages), patience)
            out.print(table)

    run(work())


@numbers.command("add")
def add_number(
    tenant: Annotated[str, typer.Argument(help="The business's short name.")],
    phone_number_id: Annotated[str, typer.Option(help="Meta's id of the number.")],
    display: Annotated[str, typer.Option(help="The number as people dial it.")],
    portfolio: Annotated[str, typer.Option(help="Id of the business portfolio at Meta: the scope of user ids.")],
    app: Annotated[
        str | None,
        typer.Option(help="A name of yours for the Meta app that signs the webhooks; the business's own if not given."),
    ] = None,
    access_token_file: Annotated[Path | None, typer.Option(help="File; else asked for, or standard input.")] = None,
    app_secret_file: Annotated[Path | None, typer.Option(help="File; else asked for, or standard input.")] = None,
    verify_token_file: Annotated[Path | None, typer.Option(help="File; else asked for, or standard input.")] = None,
) -> None:
    """Add a number. Secrets: from files, or a line each by standard input: access token, app secret, verify token."""
    access_token = read_secret(access_token_file, "access token")
    signing = App(
        name=app or tenant,  # one name for all would let the last business that is added sign for those before it
        secrets=(read_secret(app_secret_file, "app secret").encode(),),
        verify_token=read_secret(verify_token_file, "verify token"),
    )

    async def work() -> None:
        async with installation() as opened:
            business = await opened.accounts.tenant(tenant)
            await opened.accounts.add_number(
                tenant_id=business.id,
                phone_number_id=phone_number_id,
                display_phone_number=display,
                portfolio=portfolio,
                app=signing,
                access_token=access_token,
            )
            if uses_simulator(opened.settings):
                async with opened.simulator() as simulator:
                    await introduce_numbers(opened.accounts, simulator, opened.callback_url)
            out.print("number added; its callback URL ends in /webhooks/whatsapp")

    run(work())


@numbers.command("rotate-secret")
def rotate_secret(
    app: Annotated[str, typer.Argument(help="Name of the app, as ./parley numbers list shows it.")],
    app_secret_file: Annotated[Path | None, typer.Option(help="File; else asked for, or standard input.")] = None,
    forget_old: Annotated[
        bool, typer.Option("--forget-old", help="Let the old secret sign no more at once: it has leaked.")
    ] = False,
) -> None:
    """Let an app sign with a new secret; the one before it may sign until the next rotation."""
    secret = read_secret(app_secret_file, "app secret").encode()

    async def work() -> None:
        async with installation() as opened:
            await opened.accounts.rotate_secret(app, secret, forget_old=forget_old)
            out.print("the new secret may sign within 10 seconds")

    run(work())


@numbers.command("list")
def list_numbers() -> None:
    """Show all numbers, and why sending is stopped where it is."""

    async def work() -> None:
        async with installation() as opened:
            table = Table("tenant", "number", "id", "app", "sending", box=None, padding=(0, 2))
            for number in await opened.accounts.numbers():
                sending = f"stopped: {number.stopped_reason}" if number.stopped_reason else "on"
                table.add_row(
                    number.tenant_slug, number.display_phone_number, number.phone_number_id, number.app_name, sending
                )
            out.print(table)

    run(work())


@numbers.command("start")
def start_number(phone_number_id: Annotated[str, typer.Argument(help="Meta's id of the number.")]) -> None:
    """Send from a stopped number again, after its cause was mended."""

    async def work() -> None:
        async with installation() as opened:
            await opened.accounts.start_number(phone_number_id)
            out.print("sending is on")

    run(work())
