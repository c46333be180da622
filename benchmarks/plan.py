"""What the load process is told, and what it tells: a plan in one JSON file, raw samples in another. Pure.

One rule: the plan may hold secrets of made-up numbers, so it is a file that only its owner can read, never an argument.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Self

from benchmarks.workload import Line

PLAN_VARIABLE = "BENCH_PLAN"  # environment variable with the path of the plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """A stretch of load against one target; the next begins when all its requests are answered."""

    target: str  # "ours", or the name of a baseline
    url: str
    kind: Literal["text", "mixed", "batch", "say", "get", "search"]
    seconds: float
    rate: float | None = None  # arrivals a second, open loop; None: every connection always has one under way
    warm_up: bool = False  # told, and dropped
    most: int | None = None  # requests at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run of the load process."""

    seed: int
    connections: int
    lines: tuple[Line, ...]
    legs: tuple[Leg, ...]
    users: tuple[str, ...] = ()  # who speaks, by the simulator's id, for legs of kind "say"
    headers: tuple[tuple[str, str], ...] = ()  # further ones, such as a bearer token
    pause_s: float = 0.5  # between legs, so that what one leaves to do does not burden the next
    timeout_s: float = 30.0  # of one request
    samples: str = ""  # path of the file for the samples

    def write(self, path: Path) -> None:
        """Keep it for the load process, readable by its owner alone."""
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Give the plan that `write` kept."""
        found = json.loads(path.read_text())
        lines = tuple(Line(**line) for line in found.pop("lines"))
        legs = tuple(Leg(**leg) for leg in found.pop("legs"))
        headers = tuple((name, value) for name, value in found.pop("headers"))
        return cls(**{**found, "users": tuple(found["users"])}, lines=lines, legs=legs, headers=headers)


class Sample(NamedTuple):
    """One request, as it was met; instants are unix seconds of the load process's clock."""

    leg: int  # position in the plan
    due: float  # when it should have been sent; waiting behind others counts as latency (open loop)
    sent: float
    done: float
    status: int  # of HTTP; 0 where no answer came
    id: str  # of the first update, or what the answer names

    @property
    def latency_s(self) -> float:
        """From when it was due to the answer's last byte."""
        return self.done - self.due

    @property
    def is_good(self) -> bool:
        """Whether it was answered with success."""
        return 200 <= self.status < 300


def write_samples(path: Path, samples: Sequence[Sample]) -> None:
    """One JSON array a line."""
    path.write_text("".join(json.dumps(sample) + "\n" for sample in samples))


def read_samples(path: Path) -> list[Sample]:
    """Give what `write_samples` kept."""
    return [Sample(*json.loads(line)) for line in path.read_text().splitlines()]
