"""What a scenario finds ready: addresses, numbers and processes of a running installation. Made by the command line."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.figures import Figure, LegResult
from benchmarks.workload import Line

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a scenario wants to find ready."""

    applications: tuple[str, ...] = ()  # of serve.yaml; empty: all
    tenants: int = 1
    numbers: int = 4  # of all tenants together
    passages: int = 0  # of all tenants together, at least
    is_scripted: bool = False  # a model that costs nothing stands in the generative model's place


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running installation, and where to put what is made."""

    folder: Path  # for plans, samples and logs of this run
    webhook_url: str
    simulator_url: str
    operator_url: str
    operator_token: str = field(repr=False)
    database_url: str = field(repr=False)
    milvus_uri: str
    lines: tuple[Line, ...]
    tenants: int
    passages: int
    parts: Callable[[], Mapping[str, Sequence[int]]]  # pids of everything that runs, by what it is
    processes: Callable[[str], Sequence[int]]  # pids of a deployment's replicas, such as "Ingress"; "": of all


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the person who runs it has asked for."""

    seed: int
    seconds: float  # of one leg
    pairs: int
    rate: float | None = None  # arrivals a second, where the scenario has a rate of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a scenario has found."""

    scenario: str
    question: str
    conditions: Mapping[str, object]  # corpus, tenants, numbers, body mix, model, door
    figures: Mapping[str, Figure]  # those with a target first
    legs: Sequence[LegResult]
    series: Mapping[str, Sequence[float]] = field(default_factory=dict)  # latencies in ms, sorted, for the plot
    notes: Sequence[str] = ()
