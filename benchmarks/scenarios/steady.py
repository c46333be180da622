"""How many messages a second does the whole road answer for as long as they come, and how long does each wait?

Webhook, inbox, routing, turn (embedding and search for real, a scripted model), outbox, Graph, statuses; the
simulator and the load share the cores with the service and its stores.
"""

from benchmarks.figures import Figure, by_leg
from benchmarks.plan import Leg
from benchmarks.road import Road, common_figures, reply_figures, travel, waits_ms, where_it_goes
from benchmarks.site import Needs, Outcome, Say, Site, Wishes
from benchmarks.watching import watching

NEEDS = Needs(tenants=2, numbers=4, passages=1_000, is_scripted=True)
SECONDS = 60.0
RATE = 110.0  # a little above the goal, since arrivals are random and the last replies come after the last message
WARM_UP_S = 10.0


async def run(site: Site, wishes: Wishes, say: Say) -> Outcome:
    """Load at one rate, open loop, after a warm-up at half of it."""
    rate = wishes.rate or RATE
    url = f"{site.simulator_url}/simulator/messages"
    legs = [
        Leg(target="warm-up", url=url, kind="say", seconds=WARM_UP_S, rate=rate / 2, warm_up=True),
        Leg(target="steady", url=url, kind="say", seconds=wishes.seconds, rate=rate),
    ]
    async with watching(lambda: site.processes(""), every_s=10.0) as processes:
        road = await travel(site, wishes, legs, say)
    trips = road.of_legs("steady")
    figures = {
        "answered_rate": Figure(value=answered_rate(road), unit="1/s"),
        **reply_figures(trips),
        **common_figures(road),
        "offered_rate": Figure(value=rate, unit="1/s"),
        "service_mb": Figure(value=processes.most_memory_mb, unit="MB"),
    }
    return Outcome(
        scenario="steady",
        question=(__doc__ or "").partition("\n")[0],
        conditions=conditions(site),
        figures=figures,
        legs=by_leg(road.plan, road.samples),
        series={"webhook accepted to reply received": waits_ms(trips)},
        notes=(
            where_it_goes(road),
            "The rates of the legs are those at which users write; the replies come by another door.",
        ),
    )


def answered_rate(road: Road) -> float:
    """Messages of the steady leg that were answered, a second, until the last of them was."""
    trips = road.of_legs("steady")
    return len(trips) / (max(trip.replied for trip in trips) - trips[0].due)


def conditions(site: Site) -> dict[str, object]:
    """What was measured on, for whoever compares."""
    return {
        "door": "simulator, HAProxy, one replica of everything, simulator's Graph",
        "body": "one text message, 40 characters",
        "model": "scripted: quotes the best passage at no cost; embedding and hybrid search are real",
        "tenants": site.tenants,
        "numbers": len(site.lines),
        "passages": site.passages,
        "stores": "embedded, durable",
    }
