"""The table of metrics, and what an instrument does with a figure."""

import re
from collections.abc import Iterator

import pytest

from telemetry.instruments import MEMORY, Counter, Histogram, PageGauge
from telemetry.metrics import (
    DECLARED,
    INBOX_DUPLICATES,
    INBOX_MESSAGES,
    LOOP_RUNNING,
    REPLY_SECONDS,
    STEP_SECONDS,
    Step,
    timed,
)


@pytest.fixture(autouse=True)
def nothing_recorded() -> Iterator[None]:
    MEMORY.forget()
    yield
    MEMORY.forget()


def test_a_counter_adds_up_by_its_labels() -> None:
    INBOX_MESSAGES.add(2, kind="text")
    INBOX_MESSAGES.add(kind="text")
    INBOX_MESSAGES.add(kind="image")
    assert MEMORY.figure(INBOX_MESSAGES, kind="text") == 3
    assert MEMORY.figure(INBOX_MESSAGES, kind="image") == 1
    assert MEMORY.figure(INBOX_MESSAGES, kind="audio") == 0


def test_adding_nothing_is_allowed_and_adding_less_is_not() -> None:
    INBOX_DUPLICATES.add(0)
    with pytest.raises(ValueError, match="only grows"):
        INBOX_DUPLICATES.add(-1)


def test_a_gauge_keeps_its_last_value() -> None:
    LOOP_RUNNING.set(1, loop="commit")
    LOOP_RUNNING.set(0, loop="commit")
    assert MEMORY.figure(LOOP_RUNNING, loop="commit") == 0


@pytest.mark.parametrize("labels", [{}, {"kinds": "text"}, {"kind": "text", "phone": "1"}])
def test_labels_that_were_not_declared_are_an_error(labels: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="parley_inbox_messages has the labels"):
        INBOX_MESSAGES.add(1, **labels)


def test_a_step_is_timed_even_when_it_fails() -> None:
    with pytest.raises(RuntimeError), timed(Step.EMBED):
        raise RuntimeError
    assert MEMORY.count(STEP_SECONDS, step=Step.EMBED) == 1
    assert MEMORY.count(STEP_SECONDS, step=Step.SEARCH) == 0


def test_a_clock_that_stepped_back_counts_as_no_time() -> None:
    REPLY_SECONDS.observe(-0.3)
    assert (MEMORY.count(REPLY_SECONDS), MEMORY.figure(REPLY_SECONDS)) == (1, 0)


@pytest.mark.parametrize("buckets", [(), (0.0, 1.0), (2.0, 1.0), (1.0, 1.0)])
def test_buckets_are_positive_and_grow(buckets: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="buckets"):
        Histogram("parley_x_seconds", "?", buckets=buckets)


def test_every_metric_is_named_for_the_house_and_asks_a_question() -> None:
    for name, metric in DECLARED.items():
        assert re.fullmatch(r"parley_[a-z][a-z_]+[a-z]", name)
        assert metric.question.endswith("?")
        assert not name.endswith("_total"), "Prometheus adds it"
        assert isinstance(metric, Histogram) <= name.endswith("_seconds")


def test_no_two_metrics_share_a_name() -> None:
    names = [metric.exported_name for metric in DECLARED.values()]
    assert len(names) == len(set(names)) >= 30


def test_exported_names_follow_ray_and_the_page() -> None:
    assert INBOX_MESSAGES.exported_name == "ray_parley_inbox_messages_total"
    assert STEP_SECONDS.exported_name == "ray_parley_step_seconds"
    assert LOOP_RUNNING.exported_name == "ray_parley_loop_running"
    assert {m.exported_name[:7] for m in DECLARED.values() if isinstance(m, PageGauge)} == {"parley_"}
    assert {m.exported_name[-6:] for m in DECLARED.values() if isinstance(m, Counter)} == {"_total"}


def test_the_promises_are_bucket_limits() -> None:
    assert {0.06, 0.15, 2.0, 20.0, 25.0} <= set(REPLY_SECONDS.buckets)
    assert {0.06, 0.15, 0.25, 20.0, 25.0} <= set(STEP_SECONDS.buckets)
