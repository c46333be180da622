"""One trial: load with faults on, kills meanwhile, silence, verdict."""

import asyncio
import random
import time
from dataclasses import dataclass

from benchmarks.chaos.hand import Ground, Hand, Kill
from benchmarks.chaos.victims import order
from benchmarks.figures import Figure
from benchmarks.site import Outcome, Say
from models.errors import MachineFailed
from whatsapp.simulator.client import SimulatorClient
from whatsapp.simulator.knobs import GraphFaults, Latency, LoadPlan, WebhookFaults
from whatsapp.simulator.verdict import Verdict

MESSAGES_A_USER = 10  # Meta takes a reply a user in 6 s, 45 at once
LAST_REPLIES_S = 300.0  # after the load: a send whose outcome is unknown waits for up to 60 s
QUIET_S = 15.0
_PROGRESS_EVERY_S = 10.0
GRAPH = GraphFaults(
    latency=Latency(kind="lognormal", mean_s=0.05, spread=0.5, longest_s=5.0),
    server_error_share=0.01,
    refused_share=0.01,
    lost_answer_share=0.01,
    taken_error_share=0.005,
)
WEBHOOKS = WebhookFaults(
    duplicate_share=0.05,
    copies=3,
    repeat_share=0.05,
    reorder_share=0.05,
    redelivery_copies=2,
    time_scale=0.1,
    timeout_s=10.0,
    status_early_share=0.1,
    status_late_share=0.05,
    status_missing_share=0.01,
    unknown_share=0.01,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is tried; the same seed gives the same load, faults and order of kills."""

    messages: int
    rate: float  # messages a second
    seed: int
    pause_s: float  # at most, between a recovery and the next kill


async def run(plan: Plan, simulator: SimulatorClient, ground: Ground, say: Say) -> Outcome:
    """Let people write while the hand kills; give the ledger's verdict.

    Raises:
        MachineFailed: the load itself broke down.
    """
    await simulator.reset_ledger()
    await simulator.set_faults(graph=GRAPH, webhook=WEBHOOKS, seed=plan.seed)
    load = await simulator.start_load(
        LoadPlan(
            messages=plan.messages,
            rate_per_s=plan.rate,
            new_users=max(10, plan.messages // MESSAGES_A_USER),
            without_phone_share=0.2,
            seed=plan.seed,
            burst_share=0.1,
        )
    )
    hand = Hand(ground, say)
    telling = asyncio.create_task(_tell_progress(simulator, plan, say))
    try:
        await _kill_on(hand, plan, simulator, load.id)
        state = await simulator.load(load.id)
        if state.written < plan.messages:
            raise MachineFailed(f"Only {state.written} of {plan.messages} messages were written.")
        await simulator.set_faults()
        say("all is written; waiting for the last replies")
        await simulator.wait_until_quiet(LAST_REPLIES_S, QUIET_S)
    finally:
        telling.cancel()
    verdict = await simulator.verdict("token")
    if not verdict.is_whole:
        raise MachineFailed("The simulator's journal was full, so nothing is proven: write fewer messages.")
    return _outcome(plan, verdict, hand.kills)


async def _kill_on(hand: Hand, plan: Plan, simulator: SimulatorClient, load_id: str) -> None:
    """Kill until everything is written, and at least once everything at the same instant."""
    dice = random.Random(plan.seed)  # noqa: S311 - a test must be repeatable
    names = order(plan.seed, _expected_kills(plan))
    for name in names:
        await asyncio.sleep(dice.uniform(0.3, 1.0) * plan.pause_s)
        await hand.kill(name)
    await simulator.wait_for_load(load_id, 2 * plan.messages / plan.rate + 60.0)


def _expected_kills(plan: Plan) -> int:
    """As many as the load leaves time for, at some seconds a recovery."""
    return max(3, int(plan.messages / plan.rate / (plan.pause_s + 6.0)))


async def _tell_progress(simulator: SimulatorClient, plan: Plan, say: Say) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(_PROGRESS_EVERY_S)
        seen = await simulator.progress()
        say(
            f"{time.monotonic() - began:4.0f} s: {seen.written} of {plan.messages} written, {seen.accepted} accepted, "
            f"{seen.delivered} replies, {seen.waiting_chats} people wait"
        )


def _outcome(plan: Plan, verdict: Verdict, kills: list[Kill]) -> Outcome:
    recovered = [kill.recovery_s for kill in kills if kill.recovery_s is not None]
    figures = {
        "lost": _count(verdict.lost),
        "answered_twice": _count(verdict.answered_twice),
        "out_of_order": _count(verdict.out_of_order),
        "misdirected": _count(verdict.misdirected),
        "not_back": _count(len(kills) - len(recovered)),
        "accepted": _count(verdict.accepted),
        "answered": _count(verdict.answered),
        "replies": _count(verdict.replies),
        "possible_duplicates": _count(verdict.possible_duplicates),
        "unexplained_duplicates": _count(verdict.unexplained_duplicates),
        "duplicates_despite_status": _count(verdict.duplicates_despite_status),
        "kills": _count(len(kills)),
        **({"recovery": Figure.median_of(recovered, "s")} if recovered else {}),
        **{f"reply_{name}": Figure(value=value, unit="s") for name, value in verdict.answer_s.items()},
    }
    return Outcome(
        scenario="chaos",
        question="Is every accepted message answered once and in order while everything is killed?",
        conditions={
            "messages": plan.messages,
            "rate": plan.rate,
            "model": "scripted",
            "graph faults": GRAPH.model_dump(mode="json", exclude_defaults=True),
            "webhook faults": WEBHOOKS.model_dump(mode="json", exclude_defaults=True),
        },
        figures=figures,
        legs=(),
        notes=tuple(map(str, kills)),
    )


def _count(value: int) -> Figure:
    return Figure(value=value, unit="")
