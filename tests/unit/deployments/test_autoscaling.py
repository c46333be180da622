"""The backlog policy runs in Serve's control loop: it must never raise."""

from types import SimpleNamespace
from typing import Any

import pytest

from deployments.autoscaling import BacklogPolicy


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ({"backlog": {"a": 0.0}}, 1),
        ({"backlog": {"a": 200.0}}, 1),
        ({"backlog": {"a": 201.0}}, 2),  # ceil(201 / 200)
        ({"backlog": {"a": 10.0, "b": 1000.0}}, 5),
        ({"backlog": {}}, 3),
        ({}, 3),
        (None, 3),
        ({"backlog": {"a": float("nan")}}, 3),
        ({"backlog": {"a": "odd"}}, 3),
    ],
)
def test_a_backlog_asks_for_replicas_and_nonsense_changes_nothing(told: Any, wanted: int) -> None:
    context = SimpleNamespace(aggregated_metrics=told, target_num_replicas=3)
    assert BacklogPolicy(200)(context) == (wanted, {})
