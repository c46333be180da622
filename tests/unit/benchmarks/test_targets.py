"""Every goal belongs to a scenario that is built, and is judged as it says."""

import importlib
import tomllib

import pytest

from benchmarks.figures import Figure
from benchmarks.targets import FILE, Target, judge, read_targets
from deployments.commands.bench import Scenario

SCENARIOS = [str(scenario) for scenario in Scenario]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_that_is_offered_can_be_run(scenario: str) -> None:
    module = importlib.import_module(f"benchmarks.scenarios.{scenario}")
    assert module.SECONDS > 0
    assert module.NEEDS.numbers > 0
    assert (module.__doc__ or "").partition("\n")[0].endswith("?")
    assert callable(module.run)


def test_every_goal_is_of_a_scenario_that_is_offered() -> None:
    assert set(tomllib.loads(FILE.read_text())) <= {*SCENARIOS, "chaos"}
    assert all(read_targets(scenario) for scenario in ("ack", "batch", "steady"))


@pytest.mark.parametrize(
    ("bounds", "value", "is_met"),
    [
        ({"at_least": 1.2}, 1.2, True),
        ({"at_least": 1.2}, 1.19, False),
        ({"at_most": 250.0}, 250.0, True),
        ({"at_most": 250.0}, 251.0, False),
        ({"at_most": 0}, 0, True),
    ],
)
def test_a_bound_itself_meets_the_goal(bounds: dict[str, float], value: float, is_met: bool) -> None:
    assert Target(figure="f", what="w", **bounds).is_met_by(value) is is_met


@pytest.mark.parametrize("bounds", [{}, {"at_least": 1.0, "at_most": 2.0}])
def test_a_goal_has_one_bound(bounds: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="at_least or at_most"):
        Target(figure="f", what="w", **bounds)


def test_a_figure_that_was_not_measured_misses_its_goal() -> None:
    (verdict,) = judge([Target(figure="ratio", what="w", at_least=1.2)], {"other": Figure(value=9, unit="x")})
    assert not verdict.is_met
