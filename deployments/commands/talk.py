"""`say`: one message through the simulator, its reply, and where the time went."""

import asyncio
from typing import Annotated

import typer
from rich.table import Table

from deployments.commands.common import Open, fail, installation, out, run
from deployments.sample import DEFAULT_SAMPLE, add_sample
from store.turns import TurnRecord, Turns
from whatsapp.simulator.client import ChatMessage, SimulatorClient

WAIT_S = 40.0  # the promise is 25 s; a user would wait a little longer before calling it lost
RECORD_LIMIT_S = 5.0


def say(
    text: Annotated[str, typer.Argument(help="What the user writes.")],
    user: Annotated[str, typer.Option("--from", help="Name of a user; made on first use.")] = "Command line",
    to: Annotated[str | None, typer.Option(help="Tenant to write to; the first one if not given.")] = None,
) -> None:
    """Send one message as a WhatsApp user, and print the reply with the milliseconds of each step."""
    run(_say(text, user, to))


async def _say(text: str, user: str, to: str | None) -> None:
    async with installation() as opened, opened.simulator() as simulator:
        number = await _number(opened, simulator, to)
        writer = await user_named(simulator, user)
        wamid = await simulator.send_text(writer, number, text)
        replies = await simulator.wait_for_reply(writer, number, wamid, WAIT_S)
        if not replies:
            fail(f"no reply within {WAIT_S:.0f} s; ./parley status and ./parley dead list tell more")
        turn = await _record(Turns(opened.database, opened.keyring), number, wamid)
        sent = next(line for line in await simulator.history(writer, number) if line.wamid == wamid)
        _show(replies, turn, sent)


async def user_named(simulator: SimulatorClient, name: str) -> str:
    """Give the id of a simulated user, made on first use."""
    for user in await simulator.users():
        if user.name == name:
            return user.id
    return (await simulator.add_user(name)).id


async def _number(opened: Open, simulator: SimulatorClient, slug: str | None) -> str:
    numbers = await opened.accounts.numbers()
    if not numbers:
        out.print("No business is there yet: loading the sample.")
        added = await add_sample(
            opened.accounts,
            opened.documents,
            simulator,
            DEFAULT_SAMPLE,
            opened.callback_url,
            lambda line: out.print(line),
        )
        return added.phone_number_id
    mine = [number for number in numbers if slug in (None, number.tenant_slug)]
    if not mine:
        fail(f"no number belongs to '{slug}'; ./parley numbers list shows all")
    return mine[0].phone_number_id


async def _record(turns: Turns, number: str, wamid: str) -> TurnRecord | None:
    try:
        async with asyncio.timeout(RECORD_LIMIT_S):
            while True:
                turn = await turns.of_message(number, wamid)
                if turn is not None and "graph" in turn.sending_ms:
                    return turn
                await asyncio.sleep(0.05)
    except TimeoutError:
        return None


def _show(replies: list[ChatMessage], turn: TurnRecord | None, sent: ChatMessage) -> None:
    for reply in replies:
        out.print(reply.text)
    if turn is None:
        return
    table = Table("step", "ms", box=None, padding=(0, 2))
    for step, value in turn.step_ms.items():
        table.add_row(step, f"{value:.1f}")
    for step, value in turn.sending_ms.items():
        table.add_row(step, f"{value:.1f}")
    whole_s = replies[0].times.get("accepted", 0.0) - sent.times.get("sent", sent.times.get("accepted", 0.0))
    table.add_row("whole, as the user sees it", f"{whole_s * 1000:.0f}")
    out.print()
    out.print(table)
    cited = ", ".join(f"{source.title}{f', page {source.page}' if source.page else ''}" for source in turn.sources)
    out.print(f"answered by {turn.model} ({turn.rung}){f', from {cited}' if cited else ''}")
