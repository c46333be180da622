"""The command line behind `./parley`."""

import os

import typer

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its lines about pings would stand among ours

from deployments.commands.accounts import numbers, tenants
from deployments.commands.bench import bench
from deployments.commands.chaos import chaos
from deployments.commands.check import demo_check
from deployments.commands.conversations import conversations
from deployments.commands.dead import dead
from deployments.commands.knowledge import knowledge
from deployments.commands.service import demo, down, migrate, own, status, up
from deployments.commands.talk import say

cli = typer.Typer(
    name="parley",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals hold people's messages
    help="Parley answers a business's customers on WhatsApp. Start with: ./parley demo",
)

for command in (up, down, status, demo, say, migrate):
    cli.command()(command)
cli.command("demo-check")(demo_check)
cli.command("bench")(bench)
cli.command("chaos")(chaos)
cli.command("own", hidden=True)(own)
cli.add_typer(tenants, name="tenants")
cli.add_typer(numbers, name="numbers")
cli.add_typer(knowledge, name="knowledge")
cli.add_typer(dead, name="dead")
cli.add_typer(conversations, name="conversations")

if __name__ == "__main__":
    cli()
