"""Does anything grow that should not, when half of what the service can bear comes for an hour?"""

from benchmarks.figures import Figure, by_leg
from benchmarks.health import DEPLOYMENTS, growth, keeping_diary
from benchmarks.plan import Leg
from benchmarks.road import common_figures, reply_figures, travel, waits_ms, where_it_goes
from benchmarks.scenarios.steady import RATE, conditions
from benchmarks.site import Needs, Outcome, Say, Site, Wishes

NEEDS = Needs(tenants=2, numbers=4, passages=1_000, is_scripted=True)
SECONDS = 3_600.0
LOOKS = 240  # over the whole run, but at least LEAST_EVERY_S apart
LEAST_EVERY_S = 2.0


async def run(site: Site, wishes: Wishes, say: Say) -> Outcome:
    """Load at half of the steady rate, and look at processes and database all along."""
    rate = wishes.rate or RATE / 2
    leg = Leg(
        target="soak", url=f"{site.simulator_url}/simulator/messages", kind="say", seconds=wishes.seconds, rate=rate
    )
    async with keeping_diary(site, max(wishes.seconds / LOOKS, LEAST_EVERY_S)) as diary:
        road = await travel(site, wishes, [leg], say)
    memory = {name: growth(diary.values.get(f"{name}_mb", [])) for name in DEPLOYMENTS}
    descriptors = {name: growth(diary.values.get(f"{name}_descriptors", [])) for name in DEPLOYMENTS}
    figures = {
        "memory_growth": Figure(value=max(memory.values()), unit="of it"),
        "descriptor_growth": Figure(value=max(descriptors.values()), unit="of them"),
        "dead_rows_growth": Figure(value=growth(diary.values.get("dead_rows", [])), unit="of them"),
        **common_figures(road),
        **reply_figures(road.trips),
        **{f"{name}_mb": Figure(value=diary.values[f"{name}_mb"][-1], unit="MB") for name in DEPLOYMENTS},
    }
    return Outcome(
        scenario="soak",
        question=(__doc__ or "").strip(),
        conditions={**conditions(site), "load": f"{rate:g} messages a second for {wishes.seconds / 60:g} minutes"},
        figures=figures,
        legs=by_leg(road.plan, road.samples),
        series={"webhook accepted to reply received": waits_ms(road.trips)},
        notes=(
            where_it_goes(road),
            "Growth is the median of the last third over that of the middle third; the first is left to warm up.",
            *(f"{name}: {', '.join(f'{value:g}' for value in values)}" for name, values in diary.values.items()),
        ),
    )
