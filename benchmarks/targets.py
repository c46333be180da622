"""The goals, and whether they were met. Pure but for reading `targets.toml`."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure

FILE = Path(__file__).with_name("targets.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One goal for one figure; one of the two bounds is set."""

    figure: str
    what: str
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"{self.figure}: a target is at_least or at_most, one of them")

    def is_met_by(self, value: float) -> bool:
        """Whether the value reaches it; a bound itself does."""
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is not None and value <= self.at_most

    @property
    def bound(self) -> str:
        """As a person reads it."""
        return f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A goal beside what was measured; a figure that is missing misses its target."""

    target: Target
    figure: Figure | None

    @property
    def is_met(self) -> bool:
        return self.figure is not None and self.target.is_met_by(self.figure.value)


def read_targets(scenario: str, file: Path = FILE) -> list[Target]:
    """Give the goals of a scenario; none where it has none."""
    found = tomllib.loads(file.read_text()).get(scenario, {})
    return [Target(figure=name, **goal) for name, goal in found.items()]


def judge(targets: Sequence[Target], figures: Mapping[str, Figure]) -> list[Verdict]:
    """Put goals and figures side by side."""
    return [Verdict(target=target, figure=figures.get(target.figure)) for target in targets]
