"""How many webhooks a second are acknowledged, durably, and how long does each wait?

Ours through Ray Serve beside the bare program, both up all the time and loaded in turn: ours, bare, ours, bare …
Nothing works behind our webhook meanwhile (no conversation is answered), as nothing does behind the bare one's.
"""

from collections import Counter
from collections.abc import Sequence

from benchmarks.baselines.running import Baseline, running
from benchmarks.figures import Figure, by_leg, measured, pairs
from benchmarks.load import run_load
from benchmarks.plan import Leg, Plan, Sample
from benchmarks.site import Needs, Outcome, Say, Site, Wishes
from benchmarks.watching import processor_s, watching

NEEDS = Needs(applications=("edge", "operator"))
CONNECTIONS = 32
SECONDS = 5.0
WARM_UP_S = 3.0
OPEN_RATE = 500.0  # arrivals a second, Poisson: the load at which latencies are told
OPEN_S = 10.0


async def run(site: Site, wishes: Wishes, say: Say) -> Outcome:
    """Measure, one load process for all pairs."""
    async with (
        running("bare", site) as bare,
        running("pywa_bot", site) as pywa,
        watching(lambda: site.processes("Ingress")) as ingress,
    ):
        plan = _plan(site, wishes, bare.webhook_url, pywa.webhook_url)
        say(f"ack: {wishes.pairs} pairs of {wishes.seconds:g} s, {CONNECTIONS} connections, one text a body")
        before = _used(site, bare)
        samples = await run_load(plan, site.folder)
        after = _used(site, bare)
    legs = by_leg(plan, samples)
    found = pairs([leg for leg in legs if leg.arrivals is None], "bare")
    ours, theirs = measured(plan, samples, "ours"), measured(plan, samples, "bare")
    figures = {
        "ratio": Figure.median_of([mine.rate / its.rate for mine, its in found], "x"),
        "failed": Figure(value=sum(not sample.is_good for sample in ours), unit="requests"),
        "ingress_mb": Figure(value=ingress.most_memory_mb, unit="MB"),
        "rate": Figure.median_of([leg.rate for leg, _ in found], "1/s"),
        "bare_rate": Figure.median_of([leg.rate for _, leg in found], "1/s"),
        "pywa_rate": Figure(value=sum(leg.rate for leg in legs if leg.target == "pywa"), unit="1/s"),
        "bare_failed": Figure(value=sum(not sample.is_good for sample in theirs), unit="requests"),
    }
    return Outcome(
        scenario="ack",
        question=__doc__.strip().splitlines()[0] if __doc__ else "",
        conditions={
            "door": "HAProxy and one Ray Serve replica; the bare program directly",
            "body": "one text message, some 600 bytes, signed",
            "connections": CONNECTIONS,
            "loop": f"closed for the rates; open at {OPEN_RATE:g} a second for the latencies",
            "numbers": len(site.lines),
            "behind it": "no worker runs",
        },
        figures=figures,
        legs=legs,
        series={
            f"{target}, {OPEN_RATE:g} a second": sorted(
                sample.latency_s * 1000 for sample in of_target if plan.legs[sample.leg].rate and sample.is_good
            )
            for target, of_target in (("ours", ours), ("bare", theirs))
        },
        notes=(
            _where_it_goes(before, after, samples, plan),
            "pywa promises less, so it makes no ratio: it acknowledges before its handler runs, and stores nothing.",
        ),
    )


def _plan(site: Site, wishes: Wishes, bare_url: str, pywa_url: str) -> Plan:
    targets = {"ours": site.webhook_url, "bare": bare_url}
    legs = [
        Leg(target=target, url=url, kind="text", seconds=WARM_UP_S, warm_up=True) for target, url in targets.items()
    ]
    for _ in range(wishes.pairs):
        legs += [Leg(target=target, url=url, kind="text", seconds=wishes.seconds) for target, url in targets.items()]
    legs.append(Leg(target="pywa", url=pywa_url, kind="text", seconds=wishes.seconds))
    legs += [
        Leg(target=target, url=url, kind="text", seconds=OPEN_S, rate=OPEN_RATE) for target, url in targets.items()
    ]
    return Plan(seed=wishes.seed, connections=CONNECTIONS, lines=site.lines, legs=tuple(legs))


def _used(site: Site, bare: Baseline) -> dict[str, float]:
    """Seconds of processor so far, by what used it."""
    parts = {**site.parts(), "bare": [bare.pid]}
    return {part: processor_s(parts[part]) for part in ("Ingress", "HAProxy", "bare", "PostgreSQL") if part in parts}


def _where_it_goes(before: dict[str, float], after: dict[str, float], samples: Sequence[Sample], plan: Plan) -> str:
    """Microseconds a request: unlike the rates, these hardly change when others use the machine, too."""
    asked = Counter(plan.legs[sample.leg].target for sample in samples)
    requests = {"Ingress": asked["ours"], "HAProxy": asked["ours"], "bare": asked["bare"]}
    spent = {
        part: (after[part] - before[part]) * 1e6 / max(requests.get(part, asked["ours"] + asked["bare"]), 1)
        for part in after
    }
    told = ", ".join(f"{part} {value:.0f}" for part, value in spent.items())
    return f"Processor, microseconds a request (PostgreSQL: of both): {told}."
