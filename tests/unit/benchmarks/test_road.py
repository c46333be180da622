"""A message is joined to its first reply by the number in its text, and to the load's clock by its wamid."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from benchmarks.plan import Leg, Plan, Sample
from benchmarks.road import Road, Trip, joined, reply_figures, where_it_goes
from benchmarks.scenarios.burst import recovery_s
from benchmarks.scenarios.steady import answered_rate
from whatsapp.simulator.verdict import judge

LEG = Leg(target="steady", url="http://127.0.0.1:1/", kind="say", seconds=1, rate=1.0)


class TwinLedger:
    """The two sides as the simulator's client gives them."""

    def __init__(self, written: Sequence[Mapping[str, Any]], told: Sequence[Mapping[str, Any]]) -> None:
        self._sides = {"written": written, "told": told}

    async def ledger(self, side: str) -> AsyncIterator[Mapping[str, Any]]:
        for row in self._sides[side]:
            yield row


def sample(wamid: str, due: float) -> Sample:
    return Sample(leg=0, due=due, sent=due, done=due, status=201, id=wamid)


def trip(due: float, reply_s: float) -> Trip:
    return Trip(leg=0, due=due, accepted=due + 0.1, replied=due + 0.1 + reply_s)


def road(*trips: Trip) -> Road:
    plan = Plan(seed=1, connections=1, lines=(), legs=(LEG,))
    return Road(plan=plan, samples=[], trips=trips, verdict=judge([], []), processor_ms={"Milvus": 4.0, "Ray": 0.01})


async def test_the_first_reply_that_repeats_the_number_counts() -> None:
    written = [
        {"wamid": "a", "token": 1, "accepted_at": 10.2},
        {"wamid": "b", "token": 2, "accepted_at": 11.2},
        {"wamid": "unanswered", "token": 3, "accepted_at": 12.0},
        {"wamid": "refused", "token": 4, "accepted_at": None},
    ]
    told = [
        {"tokens": [1, 2], "posted_at": 12.0},
        {"tokens": [1], "posted_at": 13.0},
        {"tokens": [4], "posted_at": 13.0},
    ]
    samples = [sample(wamid, due) for wamid, due in (("b", 11.0), ("a", 10.0), ("unanswered", 12.0), ("refused", 13.0))]
    assert await joined(TwinLedger(written, told), [*samples, sample("unknown", 14.0)]) == [
        Trip(leg=0, due=10.0, accepted=10.2, replied=12.0),
        Trip(leg=0, due=11.0, accepted=11.2, replied=12.0),
    ]


def test_waiting_counts_from_the_accepted_webhook() -> None:
    assert reply_figures([trip(1.0, 0.5), trip(2.0, 1.5)])["reply_p95"].value == pytest.approx(1.5)


def test_the_rate_is_of_what_was_answered_until_the_last_reply() -> None:
    assert answered_rate(road(trip(0.0, 0.9), trip(1.0, 0.9))) == pytest.approx(2 / 2.0)  # 1.0 + 0.1 + 0.9


def test_a_burst_is_over_with_the_last_message_that_waited_too_long() -> None:
    burst, after = [trip(1.0, 9.0), trip(2.0, 9.0)], [trip(3.0, 5.0), trip(4.0, 5.0), trip(5.0, 0.5)]
    assert recovery_s(burst, after, usual_s=1.0) == 2.0
    assert recovery_s(burst, after[2:], usual_s=1.0) == 0.0


def test_the_greediest_part_is_told_first_and_crumbs_are_not() -> None:
    assert "Milvus 4.0." in where_it_goes(road(trip(0.0, 1.0)))
