"""Loads the whole road and reads what came of it: what `steady` and `burst` share.

A user's message is a call to the simulator, at an instant of the load process's; the simulator signs and delivers the
webhook, and plays Graph. Both clocks are this machine's. Messages and replies are joined by the number ("#17") in the
text, which the scripted model repeats, and by the wamid that the simulator gave.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from benchmarks.figures import Figure, percentile
from benchmarks.load import run_load
from benchmarks.plan import Leg, Plan, Sample
from benchmarks.site import Say, Site, Wishes
from benchmarks.watching import processor_s
from models.errors import MachineFailed
from whatsapp.simulator.client import SimulatorClient
from whatsapp.simulator.verdict import Verdict

CONNECTIONS = 32  # to the simulator, which answers at once; more only wait for each other
EVERY_S = 20.0  # how long a user waits before writing again: Meta takes one reply a user in 6 s
QUIET_LIMIT_S = 120.0  # for what waits at the end of the load
QUIET_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """One message and its reply; instants are unix seconds."""

    leg: int
    due: float  # when the user wanted to write
    accepted: float  # 200 to its webhook
    replied: float  # Graph took the reply

    @property
    def reply_s(self) -> float:
        """Webhook accepted to reply received."""
        return self.replied - self.accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """What a load of the road came to."""

    plan: Plan
    samples: Sequence[Sample]
    trips: Sequence[Trip]  # of messages that were answered, in the order in which they were written
    verdict: Verdict
    processor_ms: Mapping[str, float]  # used a message, by what used it; the load process not among them

    def of_legs(self, target: str) -> list[Trip]:
        """The trips of the legs with this name."""
        return [trip for trip in self.trips if self.plan.legs[trip.leg].target == target]


async def travel(site: Site, wishes: Wishes, legs: Sequence[Leg], say: Say) -> Road:
    """Let users write as the legs say, wait until nothing waits any more, and read the simulator's ledger.

    Raises:
        MachineFailed: nothing was answered at all.
    """
    async with SimulatorClient(site.simulator_url) as simulator:
        most = max(leg.rate or 0.0 for leg in legs)
        users = await simulator.add_users(max(100, int(most * EVERY_S)), seed=wishes.seed)
        await simulator.reset_ledger()
        say(f"{len(users)} users write: " + ", ".join(f"{leg.rate:g}/s for {leg.seconds:g} s" for leg in legs))
        plan = Plan(
            seed=wishes.seed,
            connections=CONNECTIONS,
            lines=site.lines,
            legs=tuple(legs),
            users=tuple(user.id for user in users),
            pause_s=0.0,
        )
        before = await asyncio.to_thread(_used, site)
        samples = await run_load(plan, site.folder)
        say("waiting for the last replies")
        await simulator.wait_until_quiet(QUIET_LIMIT_S, QUIET_S)
        after = await asyncio.to_thread(_used, site)
        trips = await joined(simulator, samples)
        verdict = await simulator.verdict()
    if not trips:
        raise MachineFailed("No message was answered.")
    spent = {part: round((used - before.get(part, 0.0)) * 1000 / len(samples), 2) for part, used in after.items()}
    return Road(plan=plan, samples=samples, trips=trips, verdict=verdict, processor_ms=spent)


def _used(site: Site) -> dict[str, float]:
    return {part: processor_s(pids) for part, pids in site.parts().items()}


class KeepsLedger(Protocol):
    """The little that is needed of `SimulatorClient` to join."""

    def ledger(self, side: Literal["written", "told"]) -> AsyncIterator[Mapping[str, Any]]: ...


async def joined(simulator: KeepsLedger, samples: Sequence[Sample]) -> list[Trip]:
    """Give the messages that were accepted and answered, in the order in which they were due."""
    replied: dict[int, float] = {}
    async for told in simulator.ledger("told"):
        for token in told["tokens"]:
            replied[token] = min(told["posted_at"], replied.get(token, told["posted_at"]))
    written = {message["wamid"]: message async for message in simulator.ledger("written")}
    trips = []
    for sample in samples:
        row = written.get(sample.id)
        if row is not None and row["accepted_at"] is not None and row["token"] in replied:
            accepted, answered = row["accepted_at"], replied[row["token"]]
            trips.append(Trip(leg=sample.leg, due=sample.due, accepted=accepted, replied=answered))
    return sorted(trips, key=lambda trip: trip.due)


def common_figures(road: Road) -> dict[str, Figure]:
    """What must hold at any load."""
    verdict = road.verdict
    counts = {
        "lost": verdict.lost,
        "twice": verdict.answered_twice,
        "out_of_order": verdict.out_of_order,
        "possible_duplicates": verdict.possible_duplicates,
        "refused": sum(not sample.is_good for sample in road.samples),
        "accepted": verdict.accepted,
    }
    return {name: Figure(value=count, unit="messages") for name, count in counts.items()}


def reply_figures(trips: Sequence[Trip]) -> dict[str, Figure]:
    """Percentiles of the time from the accepted webhook to the received reply."""
    waits = [trip.reply_s for trip in trips]
    return {f"reply_p{share}": Figure(value=percentile(waits, share / 100), unit="s") for share in (50, 95, 99)}


def waits_ms(trips: Sequence[Trip]) -> list[float]:
    """The same in milliseconds, sorted, for a plot."""
    return sorted(trip.reply_s * 1000 for trip in trips)


def where_it_goes(road: Road) -> str:
    """The parts by the processor that they take, the greediest first: one line for a report."""
    parts = sorted(road.processor_ms.items(), key=lambda item: -item[1])
    total = sum(road.processor_ms.values())
    told = ", ".join(f"{part} {spent:.1f}" for part, spent in parts if spent >= 0.05)
    return f"Processor, ms a message: {total:.1f} in all, without the load process. {told}."
