"""`dead`: what could not be processed, and again."""

from typing import Annotated

import typer
from rich.table import Table

from deployments.commands.common import fail, installation, out, run
from store.dead import Dead

dead = typer.Typer(no_args_is_help=True, help="What could not be processed, and again.")


@dead.command("list")
def list_dead() -> None:
    """Show the newest rows that were given up, with the reason."""

    async def work() -> None:
        async with installation() as opened:
            rows = await Dead(opened.database).rows()
            if not rows:
                out.print("nothing was given up")
                return
            table = Table("queue", "id", "since", "reason", box=None, padding=(0, 2))
            for row in rows:
                table.add_row(row.queue, str(row.id), f"{row.at:%Y-%m-%d %H:%M:%S}Z", row.reason)
            out.print(table)

    run(work())


@dead.command("replay")
def replay(
    queue: Annotated[str, typer.Argument(help="inbox or outbox.")],
    ids: Annotated[list[int] | None, typer.Argument(help="Ids as listed; all of the queue if none is given.")] = None,
) -> None:
    """Process rows again, after their cause was mended."""

    async def work() -> None:
        if queue not in ("inbox", "outbox"):
            fail("rows of inbox and outbox can be replayed; quarantine is for reading")
        async with installation() as opened:
            buried = Dead(opened.database)
            chosen = ids or await buried.all_ids(queue)
            count = await (buried.replay_inbox(chosen) if queue == "inbox" else buried.replay_outbox(chosen))
            out.print(f"{count} rows are processed again")

    run(work())
