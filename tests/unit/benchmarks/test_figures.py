"""Percentiles, legs and pairs."""

import pytest

from benchmarks.figures import Figure, LegResult, by_leg, measured, pairs, percentile, percentiles_ms
from benchmarks.health import growth
from benchmarks.plan import Leg, Plan, Sample


def leg(target: str, *, warm_up: bool = False) -> Leg:
    return Leg(target=target, url="http://127.0.0.1:1/", kind="text", seconds=1, warm_up=warm_up)


def plan(*legs: Leg) -> Plan:
    return Plan(seed=1, connections=1, lines=(), legs=legs)


def sample(at: int, *, due: float = 10.0, sent: float = 10.0, done: float = 10.5, status: int = 200) -> Sample:
    return Sample(leg=at, due=due, sent=sent, done=done, status=status, id="w")


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, 1), (0.5, 5), (0.9, 9), (0.91, 10), (0.99, 10), (1.0, 10)],  # of 1 to 10: the rank is share * 10, upwards
)
def test_a_percentile_is_the_nearest_rank(share: float, expected: int) -> None:
    assert percentile([10, 1, 2, 3, 4, 9, 8, 7, 6, 5], share) == expected


def test_of_nothing_there_is_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_waiting_to_be_sent_counts_as_latency() -> None:
    assert percentiles_ms([sample(0, due=9.0, sent=10.0, done=10.5)])["p50"] == 1500.0


def test_a_failed_request_is_counted_and_has_no_latency() -> None:
    found = LegResult.of(leg("ours"), [sample(0), sample(0, done=12.0, status=503)])
    assert (found.requests, found.failed, found.latency_ms["p99"]) == (1, 1, 500.0)
    assert found.seconds == 2.0
    assert found.rate == 0.5


def test_a_leg_without_samples_has_no_rate() -> None:
    assert LegResult.of(leg("ours"), []).rate == 0.0


def test_pairs_are_in_the_order_they_were_run_and_without_the_warm_up() -> None:
    legs = [leg("ours", warm_up=True), leg("bare", warm_up=True), leg("ours"), leg("bare"), leg("ours"), leg("bare")]
    samples = [sample(at, done=10.0 + at) for at in range(1, 6)]
    found = pairs(by_leg(plan(*legs), samples), "bare")
    assert [(mine.seconds, its.seconds) for mine, its in found] == [(2.0, 3.0), (4.0, 5.0)]


def test_the_warm_up_is_dropped_from_what_is_measured() -> None:
    samples = [sample(0), sample(1), sample(2)]
    assert measured(plan(leg("ours", warm_up=True), leg("ours"), leg("bare")), samples, "ours") == [samples[1]]


def test_a_median_is_told_with_its_spread() -> None:
    assert Figure.median_of([3.0, 1.0, 2.0], "x") == Figure(value=2.0, unit="x", low=1.0, high=3.0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 1, 10, 10, 10, 10], 0.0),  # warming up is no growth
        ([9, 9, 10, 10, 12, 12], 0.2),  # (12 - 10) / 10
        ([9, 9, 9, 10, 10, 99, 10, 10, 99], 0.0),  # single peaks count for nothing
        ([0, 0, 0], 0.0),
        ([1, 2], 0.0),
    ],
)
def test_growth_is_of_the_last_third_over_the_middle_one(values: list[float], expected: float) -> None:
    assert growth(values) == pytest.approx(expected)
