"""What happens to replies when ten times as many people write at once, and how long until all is as before?"""

from benchmarks.figures import Figure, by_leg
from benchmarks.plan import Leg
from benchmarks.road import Trip, common_figures, reply_figures, travel, waits_ms, where_it_goes
from benchmarks.scenarios.steady import conditions
from benchmarks.site import Needs, Outcome, Say, Site, Wishes

NEEDS = Needs(tenants=2, numbers=4, passages=1_000, is_scripted=True)
SECONDS = 5.0  # of the burst
RATE = 300.0  # in the burst
CALM = 0.1  # of that, before and after
BEFORE_S, AFTER_S = 15.0, 30.0
WARM_UP_S = 5.0


async def run(site: Site, wishes: Wishes, say: Say) -> Outcome:
    """Load calmly, then with the burst, then calmly again, without a pause."""
    rate = wishes.rate or RATE
    url = f"{site.simulator_url}/simulator/messages"
    shape = {"before": (CALM * rate, BEFORE_S), "burst": (rate, wishes.seconds), "after": (CALM * rate, AFTER_S)}
    warm_up = Leg(target="warm-up", url=url, kind="say", seconds=WARM_UP_S, rate=CALM * rate, warm_up=True)
    legs = [
        Leg(target=name, url=url, kind="say", seconds=seconds, rate=of_leg) for name, (of_leg, seconds) in shape.items()
    ]
    road = await travel(site, wishes, [warm_up, *legs], say)
    before, burst, after = (road.of_legs(name) for name in shape)
    calm_p95_s = reply_figures(before)["reply_p95"].value
    figures = {
        **reply_figures(burst),
        **common_figures(road),
        "before_p95": Figure(value=calm_p95_s, unit="s"),
        "after_p95": reply_figures(after)["reply_p95"],
        "recovered_after": Figure(value=recovery_s(burst, after, 2 * calm_p95_s), unit="s"),
        "burst_rate": Figure(value=rate, unit="1/s"),
    }
    return Outcome(
        scenario="burst",
        question=(__doc__ or "").partition("\n")[0],
        conditions={**conditions(site), "burst": f"{rate:g}/s for {wishes.seconds:g} s, {CALM:.0%} of it around"},
        figures=figures,
        legs=by_leg(road.plan, road.samples),
        series={name: waits_ms(road.of_legs(name)) for name in shape},
        notes=(
            where_it_goes(road),
            "Recovered: from the end of the burst to the last message that waited over twice the p95 from before.",
        ),
    )


def recovery_s(burst: list[Trip], after: list[Trip], usual_s: float) -> float:
    """From the burst's last message to the last one, written then or later, that waited longer than usual."""
    end = max(trip.due for trip in burst)
    return max((trip.due - end for trip in after if trip.reply_s > usual_s), default=0.0)
