"""How long do the operators' doors take while they are asked all the time: is it alive, is it ready, how is it?"""

from benchmarks.figures import Figure, by_leg, measured, percentile
from benchmarks.load import run_load
from benchmarks.plan import Leg, Plan
from benchmarks.site import Needs, Outcome, Say, Site, Wishes

NEEDS = Needs()
SECONDS = 10.0
RATE = 5.0  # an orchestrator, a scraper and some people; status and metrics are gathered anew for each
CONNECTIONS = 8
DOORS = ("/healthz", "/readyz", "/status", "/metrics")


async def run(site: Site, wishes: Wishes, say: Say) -> Outcome:
    """Ask one door after the other, open loop, of an otherwise idle service."""
    rate = wishes.rate or RATE
    say(f"api: {rate:g} requests a second to each of {', '.join(DOORS)}")
    plan = Plan(
        seed=wishes.seed,
        connections=CONNECTIONS,
        lines=site.lines,
        legs=tuple(
            Leg(target=door, url=site.operator_url + door, kind="get", seconds=wishes.seconds, rate=rate)
            for door in DOORS
        ),
        headers=(("Authorization", f"Bearer {site.operator_token}"),),
    )
    samples = await run_load(plan, site.folder)
    series = {door: sorted(s.latency_s * 1000 for s in measured(plan, samples, door) if s.is_good) for door in DOORS}
    p95 = {door: Figure(value=percentile(values or [0.0], 0.95), unit="ms") for door, values in series.items()}
    return Outcome(
        scenario="api",
        question=(__doc__ or "").strip(),
        conditions={"door": "HAProxy and one replica", "arrivals": f"{rate:g} a second, Poisson", "load": "none else"},
        figures={
            "failed": Figure(value=sum(not sample.is_good for sample in samples), unit="requests"),
            **{f"p95 of {door}": figure for door, figure in p95.items()},
        },
        legs=by_leg(plan, samples),
        series=series,
    )
