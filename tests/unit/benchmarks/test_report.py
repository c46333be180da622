"""A report holds where it was measured, tells the verdict, and shows nothing as HTML that is none."""

import json
import os
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.figures import Figure, LegResult
from benchmarks.machine import commit, machine, versions
from benchmarks.plots import curves, dots
from benchmarks.report import Report, as_page, rows, shown, thinned, write
from benchmarks.site import Outcome
from benchmarks.targets import Target, judge
from benchmarks.watching import processor_s
from deployments.commands.trial import part_of

LEG = LegResult(
    target="ours", warm_up=False, arrivals=None, requests=10, failed=0, seconds=2.0, rate=5.0, latency_ms={"p50": 1.5}
)


def report(ratio: float = 1.3) -> Report:
    outcome = Outcome(
        scenario="ack",
        question="How many <a second>?",
        conditions={"door": "HAProxy & one replica"},
        figures={"ratio": Figure(value=ratio, unit="x", low=1.1, high=1.4), "rate": Figure(value=5.0, unit="1/s")},
        legs=[LEG, replace(LEG, target="bare", rate=4.0)],
        series={"ours": [1.0, 2.0, 3.0], "bare": []},
    )
    targets = [Target(figure="ratio", what="ours ÷ bare", at_least=1.2)]
    return Report(
        outcome=outcome,
        verdicts=judge(targets, outcome.figures),
        seed=7,
        commit="abc",
        machine={"cores": 2},
        versions={"python": "3.11"},
        at=datetime(2026, 11, 25, 8, 0, tzinfo=UTC),
    )


def test_a_missed_target_makes_the_report_miss() -> None:
    assert report(1.3).is_met
    assert not report(1.1).is_met
    assert rows(report(1.1))[0] == ("ours ÷ bare", "1.1 x (1.1 to 1.4)", "≥ 1.2", "MISSED")


def test_figures_without_a_target_are_told_too() -> None:
    assert rows(report())[1] == ("rate", "5 1/s", "", "")
    assert shown(None) == "not measured"


def test_what_is_written_names_commit_machine_and_seed(tmp_path: Path) -> None:
    data, page = write(report(), tmp_path / "results")
    kept = json.loads(data.read_text())
    assert (kept["commit"], kept["seed"], kept["machine"]["cores"]) == ("abc", 7, 2)
    assert kept["verdict"] == [{"figure": "ratio", "what": "ours ÷ bare", "target": "≥ 1.2", "met": True}]
    assert page.name == "ack.html"


def test_the_page_escapes_what_it_tells() -> None:
    page = as_page(report())
    assert "<a second>" not in page
    assert "How many &lt;a second&gt;?" in page
    assert "HAProxy &amp; one replica" in page


def test_plots_are_well_formed_and_hold_every_point() -> None:
    drawn = dots([LEG, replace(LEG, target="bare")])
    found = ElementTree.fromstring(f"<div>{drawn}</div>").iter("circle")  # noqa: S314 - our own
    assert len(list(found)) == 2
    (line,) = ElementTree.fromstring(f"<div>{curves({'ours': [1.0, 2.0, 3.0]})}</div>").iter("polyline")  # noqa: S314
    assert len(line.attrib["points"].split()) == 3


def test_without_values_there_is_no_plot() -> None:
    assert dots([]) == curves({"ours": []}) == ""


def test_a_long_series_keeps_its_ends() -> None:
    kept = thinned([float(at) for at in range(10_000)])
    assert (len(kept), kept[0], kept[-1]) == (200, 0.0, 9999.0)
    assert thinned([1.234]) == [1.23]


def test_the_machine_is_told() -> None:
    assert machine()["cores"] >= 1  # type: ignore[operator]
    assert "python" in versions()
    assert commit()


def test_processor_time_that_is_used_is_seen_and_the_gone_count_nothing() -> None:
    before = processor_s([os.getpid(), 2**30])
    until = time.process_time() + 0.05  # some ticks of 10 ms
    while time.process_time() < until:
        pass
    assert processor_s([os.getpid(), 2**30]) > before > 0


@pytest.mark.parametrize(
    ("title", "part"),
    [
        ("ray::ServeReplica:edge:Ingress", "Ingress"),
        ("ray::ServeReplica:brain:Conversation.handle_request", "Conversation"),
        ("/opt/haproxy -f haproxy.cfg", "HAProxy"),
        ("python -P -m milvus_lite server --data-dir x", "Milvus"),
        ("python -P -m whatsapp.simulator --port 1", "simulator"),
        ("gcs_server --log_dir=x", "Ray"),
        ("", "Ray"),
    ],
)
def test_a_process_is_told_by_its_title(title: str, part: str) -> None:
    assert part_of(title) == part
