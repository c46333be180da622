"""`demo-check`: start everything, ask all golden questions through WhatsApp's own road, and judge the replies."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from deployments.commands.common import fail, installation, out, run
from deployments.sample import DEFAULT_SAMPLE, add_sample
from deployments.settings import read_settings
from knowledge.evaluate import Verdict, summarise, summary_table, table
from knowledge.golden import GoldenQuestion, read_golden
from models.errors import ParleyError
from store.turns import Turns
from whatsapp.simulator.client import ChatMessage, SimulatorClient

REPLY_LIMIT_S = 40.0
AT_ONCE = 4  # users that ask side by side


def demo_check(
    business: Annotated[Path, typer.Argument(help="Folder with business.yaml, documents/ and golden.yaml.")] = (
        DEFAULT_SAMPLE
    ),
) -> None:
    """Start everything, ask a business's golden questions through the simulator, and judge the replies."""
    from deployments.owner import owning

    try:
        questions = read_golden(business / "golden.yaml")
        settings = read_settings()
        with owning(settings, lambda line: out.print(line)) as owner:
            owner.start()
            verdicts = run(_ask_all(business, questions))
    except ParleyError as error:
        fail(error)
    summary = summarise(verdicts)
    out.print(table(verdicts))
    out.print(summary_table(summary))
    if not summary.is_good:
        raise typer.Exit(1)


async def _ask_all(folder: Path, questions: Sequence[GoldenQuestion]) -> list[Verdict]:
    async with installation() as opened, opened.simulator() as simulator:
        number = await add_sample(
            opened.accounts, opened.documents, simulator, folder, opened.callback_url, lambda line: out.print(line)
        )
        asker = Asker(simulator, Turns(opened.database, opened.keyring), number.phone_number_id)
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(question: GoldenQuestion) -> Verdict:
            async with gate:
                return await asker.ask(question)

        return list(await asyncio.gather(*(one(question) for question in questions)))


class Asker:
    """Asks golden questions as users of their own, so that no question knows another's history."""

    def __init__(self, simulator: SimulatorClient, turns: Turns, number: str) -> None:
        """Take the simulator, the record of turns, and the number to write to."""
        self._simulator = simulator
        self._turns = turns
        self._number = number

    async def ask(self, question: GoldenQuestion) -> Verdict:
        """Ask one question, its earlier turns first, and judge the last reply."""
        user = (await self._simulator.add_user(f"golden {question.id}")).id
        start, wamid, replies = time.monotonic(), "", list[ChatMessage]()
        for text in question.turns:
            start = time.monotonic()
            wamid = await self._simulator.send_text(user, self._number, text)
            replies = await self._simulator.wait_for_reply(user, self._number, wamid, REPLY_LIMIT_S)
        elapsed_ms = (time.monotonic() - start) * 1000
        turn = await self._turns.of_message(self._number, wamid)
        return Verdict(
            question=question,
            reply="\n".join(reply.text for reply in replies),
            abstained=bool(turn and turn.abstained),
            source=turn.sources[0].title if turn and turn.sources else "",
            elapsed_ms=elapsed_ms,
        )
