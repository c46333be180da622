"""Legs follow each other, each request is due when it was drawn, and every connection is told when all is over."""

import json
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

from greenlet import getcurrent, greenlet

from benchmarks.conductor import Conductor, Order, arrivals
from benchmarks.plan import Leg, Plan, Sample, read_samples, write_samples
from benchmarks.workload import Line

LINE = Line(phone_number_id="70", digits="15550200000", waba_id="waba", app_secret="a secret")


def leg(**fields: object) -> Leg:
    values: dict[str, object] = {"target": "ours", "url": "http://127.0.0.1:1/", "kind": "text", "seconds": 0.05}
    return Leg(**{**values, **fields})  # type: ignore[arg-type]


def plan(*legs: Leg, **fields: object) -> Plan:
    values: dict[str, object] = {"seed": 7, "connections": 3, "lines": (LINE,), "pause_s": 0.0}
    return Plan(legs=legs, **{**values, **fields})  # type: ignore[arg-type]


def carried_out(wanted: Plan) -> tuple[list[Order], list[Sample]]:
    """All that the connections were handed: greenlets, as under Locust, that take turns wherever one waits."""
    hub, handed, deadline = getcurrent(), list[Order](), time.monotonic() + 20

    def connection() -> None:
        while (order := conductor.next()) is not None:
            handed.append(order)
            conductor.note(order, sent=time.time(), status=200, named="")

    def wait(seconds: float) -> None:
        until = time.monotonic() + seconds
        hub.switch()
        while time.monotonic() < until:
            hub.switch()

    conductor = Conductor(plan=wanted, wait=wait)
    running = [greenlet(connection) for _ in range(wanted.connections)]
    while any(not one.dead for one in running):
        assert time.monotonic() < deadline, "the plan does not end"
        for one in running:
            if not one.dead:
                one.switch()
    assert conductor.is_through
    return handed, conductor.samples


def test_every_leg_is_run_with_bodies_of_its_own() -> None:
    handed, samples = carried_out(plan(leg(most=20), leg(target="bare", most=10)))
    assert Counter(order.leg for order in handed) == {0: 20, 1: 10}
    assert len({sample.id for sample in samples}) == 30


def test_a_closed_leg_ends_with_its_time() -> None:
    handed, _ = carried_out(plan(leg(seconds=0.02)))
    assert handed
    assert all(order.due is None for order in handed)


def test_an_open_leg_hands_out_what_was_drawn_whatever_the_answers() -> None:
    handed, samples = carried_out(plan(leg(rate=400.0, seconds=0.25)))
    assert len(handed) == len(list(arrivals(7, 0, 400.0, 0.25)))
    assert all(sample.sent >= sample.due - 0.001 for sample in samples)


def test_arrivals_are_repeatable_random_and_at_the_rate() -> None:
    drawn = list(arrivals(7, 0, 100.0, 50.0))
    assert drawn == list(arrivals(7, 0, 100.0, 50.0)) != list(arrivals(8, 0, 100.0, 50.0))
    assert 4_700 < len(drawn) < 5_300  # 5,000, and four standard deviations of 71
    assert all(0 < earlier < later < 50 for earlier, later in pairwise(drawn))


def test_users_take_turns_over_all_legs_and_keep_their_number() -> None:
    lines = (LINE, Line(phone_number_id="71", digits="15550200001", waba_id="waba", app_secret="a secret"))
    handed, _ = carried_out(plan(leg(kind="say", most=3), leg(kind="say", most=3), lines=lines, users=("a", "b", "c")))
    said = [json.loads(order.body) for order in handed]
    assert Counter(body["from"] for body in said) == {"a": 2, "b": 2, "c": 2}
    assert {(body["from"], body["to"]) for body in said} == {("a", "70"), ("b", "71"), ("c", "70")}
    assert len({body["text"]["body"].rpartition("#")[2] for body in said}) == 6


def test_a_plan_is_read_as_it_was_written_and_by_its_owner_alone(tmp_path: Path) -> None:
    wanted = plan(leg(rate=5.0), users=("a",), headers=(("Authorization", "Bearer x"),), samples="s")
    wanted.write(tmp_path / "plan.json")
    assert Plan.read(tmp_path / "plan.json") == wanted
    assert (tmp_path / "plan.json").stat().st_mode & 0o077 == 0


def test_samples_are_read_as_they_were_written(tmp_path: Path) -> None:
    samples = [Sample(leg=0, due=1.0, sent=1.5, done=2.0, status=200, id="wamid.a")]
    write_samples(tmp_path / "samples", samples)
    assert read_samples(tmp_path / "samples") == samples
