"""How long does a POST of 1,000 updates and near 3 MB wait for its acknowledgement?

One connection, one POST after the other, as Meta sends what has piled up; nothing works behind the webhook meanwhile.
The bare program, one INSERT a message, is loaded in turn.
"""

from benchmarks.baselines.running import running
from benchmarks.figures import Figure, by_leg, measured, percentile
from benchmarks.load import run_load
from benchmarks.plan import Leg, Plan, Sample
from benchmarks.site import Needs, Outcome, Say, Site, Wishes
from benchmarks.watching import watching
from benchmarks.workload import BATCH_BYTES, STATUS_SHARE, UPDATES

NEEDS = Needs(applications=("edge", "operator"))
SECONDS = 4.0
WARM_UP_S = 2.0


async def run(site: Site, wishes: Wishes, say: Say) -> Outcome:
    """Measure, one load process for all pairs."""
    async with running("bare", site) as bare, watching(lambda: site.processes("Ingress"), every_s=0.25) as ingress:
        plan = _plan(site, wishes, bare.webhook_url)
        say(f"batch: {wishes.pairs} pairs of {wishes.seconds:g} s, one POST of {UPDATES} updates at a time")
        samples = await run_load(plan, site.folder)
    legs = by_leg(plan, samples)
    ours, theirs = measured(plan, samples, "ours"), measured(plan, samples, "bare")
    figures = {
        "p50": _p50(ours, legs_of="ours", plan=plan),
        "failed": Figure(value=sum(not sample.is_good for sample in ours), unit="requests"),
        "p95": Figure(value=percentile(_latencies(ours), 0.95), unit="ms"),
        "bare_p50": _p50(theirs, legs_of="bare", plan=plan),
        "ingress_mb": Figure(value=ingress.most_memory_mb, unit="MB"),
        "posts": Figure(value=len(ours), unit="POSTs"),
    }
    return Outcome(
        scenario="batch",
        question=__doc__.strip().splitlines()[0] if __doc__ else "",
        conditions={
            "door": "HAProxy and one Ray Serve replica; the bare program directly",
            "body": f"{UPDATES} updates, {STATUS_SHARE:.0%} statuses, the rest texts; {BATCH_BYTES / 1e6:.2f} MB",
            "connections": 1,
            "numbers": len(site.lines),
            "behind it": "no worker runs; the bare program keeps the messages and drops the statuses",
        },
        figures=figures,
        legs=legs,
        series={"ours": sorted(_latencies(ours)), "bare": sorted(_latencies(theirs))},
    )


def _plan(site: Site, wishes: Wishes, bare_url: str) -> Plan:
    targets = {"ours": site.webhook_url, "bare": bare_url}
    warm_ups = [Leg(target=t, url=url, kind="batch", seconds=WARM_UP_S, warm_up=True) for t, url in targets.items()]
    legs = [Leg(target=t, url=url, kind="batch", seconds=wishes.seconds) for t, url in targets.items()] * wishes.pairs
    return Plan(seed=wishes.seed, connections=1, lines=site.lines, legs=(*warm_ups, *legs))


def _latencies(samples: list[Sample]) -> list[float]:
    return [sample.latency_s * 1000 for sample in samples if sample.is_good] or [0.0]


def _p50(samples: list[Sample], *, legs_of: str, plan: Plan) -> Figure:
    """The median of all, with the smallest and the largest median of a leg."""
    legs = [leg for leg in by_leg(plan, samples) if leg.target == legs_of and leg.latency_ms]
    spread = [leg.latency_ms["p50"] for leg in legs]
    return Figure(value=percentile(_latencies(samples), 0.5), unit="ms", low=min(spread), high=max(spread))
