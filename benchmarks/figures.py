"""Numbers from samples: percentiles, rates, and ratios of interleaved pairs. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.plan import Leg, Plan, Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured value, with the smallest and the largest of those it is the median of."""

    value: float
    unit: str
    low: float | None = None
    high: float | None = None

    @classmethod
    def median_of(cls, values: Sequence[float], unit: str) -> "Figure":
        """The median with its spread; of at least one value."""
        return cls(value=median(values), unit=unit, low=min(values), high=max(values))


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of them do not exceed: the nearest rank, never interpolated.

    Raises:
        ValueError: there are none.
    """
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, -int(-share * len(ordered) // 1) - 1))]


def percentiles_ms(samples: Sequence[Sample]) -> dict[str, float]:
    """Latency of what was answered with success, in milliseconds; empty where nothing was."""
    values = [sample.latency_s * 1000 for sample in samples if sample.is_good]
    return {f"p{share:g}": round(percentile(values, share / 100), 2) for share in (50, 90, 95, 99)} if values else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class LegResult:
    """What a leg came to."""

    target: str
    warm_up: bool
    arrivals: float | None  # a second, open loop; None: closed loop
    requests: int  # answered with success
    failed: int
    seconds: float  # from the first request's start to the last answer
    rate: float  # successes a second
    latency_ms: dict[str, float]

    @classmethod
    def of(cls, leg: Leg, samples: Sequence[Sample]) -> "LegResult":
        """Sum up the samples of one leg."""
        good = [sample for sample in samples if sample.is_good]
        seconds = max(s.done for s in samples) - min(s.sent for s in samples) if samples else 0.0
        return cls(
            target=leg.target,
            warm_up=leg.warm_up,
            arrivals=leg.rate,
            requests=len(good),
            failed=len(samples) - len(good),
            seconds=round(seconds, 3),
            rate=round(len(good) / seconds, 1) if seconds else 0.0,
            latency_ms=percentiles_ms(good),
        )


def by_leg(plan: Plan, samples: Sequence[Sample]) -> list[LegResult]:
    """Sum up every leg, in the plan's order."""
    found: list[list[Sample]] = [[] for _ in plan.legs]
    for sample in samples:
        found[sample.leg].append(sample)
    return [LegResult.of(leg, of_leg) for leg, of_leg in zip(plan.legs, found, strict=True)]


def measured(plan: Plan, samples: Sequence[Sample], target: str) -> list[Sample]:
    """The samples of a target, without the warm-up."""
    return [s for s in samples if plan.legs[s.leg].target == target and not plan.legs[s.leg].warm_up]


def pairs(legs: Sequence[LegResult], baseline: str) -> list[tuple[LegResult, LegResult]]:
    """Ours and the baseline's legs, in the order they were run, without the warm-up."""
    kept = [leg for leg in legs if not leg.warm_up]
    ours = [leg for leg in kept if leg.target == "ours"]
    theirs = [leg for leg in kept if leg.target == baseline]
    return list(zip(ours, theirs, strict=True))
