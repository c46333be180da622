"""`bench`: starts a service of its own, measures one scenario against its targets, and ends everything again."""

import importlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.commands import trial
from deployments.commands.common import fail, installation, run
from models.errors import ParleyError

if TYPE_CHECKING:  # what measures takes a second to import; other commands need none of it
    from benchmarks.site import Needs, Outcome, Wishes


_SCENARIOS = """\
ack: webhooks acknowledged a second. batch: a POST of 1,000 updates. steady: messages answered a second. \
burst: ten times as many for a while. retrieval: searches among 10,000 passages. \
api: the operators' doors. soak: half the load for an hour, or for --seconds: does anything grow?"""


class Scenario(StrEnum):
    """What can be measured."""

    ACK = "ack"
    BATCH = "batch"
    STEADY = "steady"
    BURST = "burst"
    RETRIEVAL = "retrieval"
    API = "api"
    SOAK = "soak"


def bench(
    scenario: Annotated[Scenario, typer.Argument(help=_SCENARIOS)],
    seconds: Annotated[float | None, typer.Option(min=1, help="Length of one stretch of load.")] = None,
    seed: Annotated[int, typer.Option(help="Of bodies and arrivals: the same seed, the same load.")] = 7,
    pairs: Annotated[int, typer.Option(min=1, help="How often ours and the baseline take turns.")] = 7,
    rate: Annotated[float | None, typer.Option(min=0.1, help="Arrivals a second, where the scenario has them.")] = None,
    results: Annotated[Path | None, typer.Option(help="Folder for the figures; benchmarks/results if unset.")] = None,
) -> None:
    """Measure one scenario with a service of its own. Ends with 1 when a target is missed."""
    from benchmarks import report
    from benchmarks.load import require_locust
    from benchmarks.site import Wishes

    measuring = importlib.import_module(f"benchmarks.scenarios.{scenario}")
    wishes = Wishes(seed=seed, seconds=seconds or measuring.SECONDS, pairs=pairs, rate=rate)
    try:
        require_locust()
        with _house(measuring.NEEDS) as folder:
            outcome = run(_measure(measuring, wishes, folder))
    except ParleyError as error:
        fail(error)
    found = trial.judged(outcome, seed)
    data, page = report.write(found, results or report.RESULTS)
    trial.show(found, data, page)
    if not found.is_met:
        raise typer.Exit(1)


@contextmanager
def _house(needs: "Needs") -> Iterator[Path]:
    """Run what a scenario needs, in a temporary home on free ports, for the length of a block."""
    from deployments.owner import owning

    trial.let_terms_interrupt()
    home = Path(tempfile.mkdtemp(prefix="parley-bench-"))
    try:
        settings = trial.own_settings(home, is_scripted=needs.is_scripted)
        trial.share_models(home)
        with owning(settings, trial.say, applications=needs.applications) as owner:
            owner.start()
            yield home
            trial.say("stopping …")
    finally:
        trial.forget(home)


async def _measure(measuring: Any, wishes: "Wishes", folder: Path) -> "Outcome":
    async with installation() as opened:
        site = await trial.make_site(opened, measuring.NEEDS, folder)
        outcome: Outcome = await measuring.run(site, wishes, trial.say)
    return outcome
