"""`knowledge`: what a business knows."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from deployments.commands.common import Open, fail, installation, out, run
from deployments.sample import wait_until_indexed
from models.conversation import Tenant

knowledge = typer.Typer(no_args_is_help=True, help="What a business knows.")
MOST_FILE_BYTES = 50 * 1024 * 1024
TenantOption = Annotated[str | None, typer.Option("--tenant", help="Short name; needed when there are several.")]


@knowledge.command("add")
def add(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of files.", exists=True)],
    tenant: TenantOption = None,
    wait: Annotated[bool, typer.Option(help="Return only when they can be found.")] = True,
) -> None:
    """Add documents: PDF, DOCX, HTML, Markdown, CSV, XLSX or plain text. The same name replaces what it held."""

    async def work() -> None:
        async with installation() as opened:
            business = await chosen_tenant(opened, tenant)
            for path in _files(paths):
                if path.stat().st_size > MOST_FILE_BYTES:
                    fail(f"{path.name} has more than {MOST_FILE_BYTES // 1024 // 1024} MB; split it")
                await opened.documents.add(business.id, path.name, await asyncio.to_thread(path.read_bytes))
            if wait:
                await wait_until_indexed(opened.documents, business, lambda line: out.print(line))
                await _list(opened, business)

    run(work())


@knowledge.command("list")
def list_documents(tenant: TenantOption = None) -> None:
    """Show all documents with their state."""

    async def work() -> None:
        async with installation() as opened:
            await _list(opened, await chosen_tenant(opened, tenant))

    run(work())


@knowledge.command("remove")
def remove(name: Annotated[str, typer.Argument(help="Name of the file.")], tenant: TenantOption = None) -> None:
    """Forget a document, everywhere."""

    async def work() -> None:
        async with installation() as opened:
            if not await opened.documents.remove((await chosen_tenant(opened, tenant)).id, name):
                fail(f"no document is called '{name}'; ./parley knowledge list shows all")
            out.print(f"{name} is being removed")

    run(work())


@knowledge.command("ask")
def ask(question: Annotated[str, typer.Argument(help="As a user would ask it.")], tenant: TenantOption = None) -> None:
    """Ask without WhatsApp: print the passages that are found, and the answer made of them."""
    run(_ask(question, tenant))


async def _ask(text: str, tenant: str | None) -> None:
    from deployments.offline import offline_ports
    from knowledge.extractive import ExtractiveAnswerer
    from knowledge.language import detect
    from models.answer import Question

    async with installation() as opened:
        business = await chosen_tenant(opened, tenant)
        embedder, index = await offline_ports(opened.settings)
        (vector,) = await embedder.embed([text])
        found = await index.search(business.id, vector, text, 8)
        question = Question(
            business=business.name,
            language=detect(text, business.languages, business.languages[0]),
            text=text,
            standalone=text,
            passages=tuple(found),
            deadline=datetime.now(UTC) + timedelta(seconds=20),
        )
        answer = await ExtractiveAnswerer(embedder).answer(question)
        await index.close()
    table = Table("similarity", "source", "passage", box=None, padding=(0, 2))
    for each in found:
        page = f", page {each.passage.page}" if each.passage.page else ""
        table.add_row(
            f"{each.similarity or 0:.2f}", each.passage.title + page, " ".join(each.passage.text.split())[:90]
        )
    out.print(table)
    out.print()
    out.print(answer.text)
    out.print(f"confidence {answer.confidence}, {'abstained' if answer.abstained else 'answered'}")


async def chosen_tenant(opened: Open, slug: str | None) -> Tenant:
    """Give the tenant that was named, or the only one."""
    if slug is not None:
        return await opened.accounts.tenant(slug)
    found = await opened.accounts.tenants()
    if len(found) != 1:
        fail("name the business with --tenant; ./parley tenants list shows all")
    return found[0]


async def _list(opened: Open, business: Tenant) -> None:
    table = Table("document", "state", "passages", "title or reason", box=None, padding=(0, 2))
    for document in await opened.documents.of_tenant(business.id):
        table.add_row(
            document.name, document.state, str(document.passage_count), document.reason or document.title or ""
        )
    out.print(table)


def _files(paths: list[Path]) -> list[Path]:
    return [
        file
        for path in paths
        for file in (sorted(path.iterdir()) if path.is_dir() else [path])
        if file.is_file() and not file.name.startswith(".")
    ]
