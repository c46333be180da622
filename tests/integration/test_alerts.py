"""Every alert fires when it should, is silent when all is well, and asks only for metrics that exist."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from telemetry.metrics import DECLARED

OPS = Path(__file__).parents[2] / "ops"
ALERTS = OPS / "alerts.yml"
EXPORTED = {metric.exported_name for metric in DECLARED.values()}
RULES: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]
}

needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool comes with Debian's package prometheus"
)


@dataclass(frozen=True, kw_only=True)
class Story:
    """What happens, and when the alert must be up; one value a minute."""

    series: Mapping[str, str]  # promtool's notation: `0x30` stays 0, `0+1x30` grows by 1 each minute
    fires_at: str = "20m"
    silent_at: str = "9m"  # the trouble begins at the tenth minute, unless told otherwise
    labels: Mapping[str, str] = field(default_factory=dict)


def at_minute_10(before: str, after: str) -> str:
    return " ".join([*[before] * 10, *[after] * 50])


def first_events(count: int) -> str:
    """A counter that did not exist before its first events, as Ray's node agent shows it."""
    return at_minute_10("_", str(count))


def latency(name: str, below_s: Mapping[str, str]) -> dict[str, str]:
    return {f'{name}_bucket{{le="{limit}"}}': values for limit, values in below_s.items()}


STORIES: dict[str, Story] = {
    "ParleyNotReady": Story(series={"parley_ready": at_minute_10("1", "0")}),
    "ParleyNotWatched": Story(series={"parley_ready": at_minute_10("1", "stale")}),
    "ParleyInboxWaits": Story(series={"parley_inbox_oldest_age_seconds": at_minute_10("24", "26")}),
    "ParleyOutboxStuck": Story(series={"parley_outbox_oldest_age_seconds": at_minute_10("119", "121")}),
    "ParleyRepliesLate": Story(
        series=latency("ray_parley_reply_seconds", {"20.0": "0+90x60", "25.0": "0+100x60", "+Inf": "0+100x60"}),
        silent_at="4m",
    ),
    "ParleyHoldingTexts": Story(
        series={
            'ray_parley_turns_total{rung="model"}': "0+70x60",
            'ray_parley_turns_total{rung="holding"}': "0+30x60",
        },
        fires_at="30m",
    ),
    "ParleyRowsBuried": Story(series={"parley_dead_rows": at_minute_10("4", "5")}),
    "ParleyUpdateQuarantined": Story(
        series={'ray_parley_updates_quarantined_total{reason="not JSON"}': first_events(1)},
        labels={"reason": "not JSON"},
    ),
    "ParleyQuarantineGrows": Story(series={"parley_quarantined_rows": at_minute_10("0", "1")}),
    "ParleyUnknownNumber": Story(series={"ray_parley_unknown_numbers_total": first_events(1)}),
    "ParleyBadSignatures": Story(
        series={"ray_parley_bad_signatures_total": " ".join(["0"] * 10 + [str(7 * n) for n in range(1, 50)])}
    ),
    "ParleyPersonAwaited": Story(series={"parley_people_oldest_wait_seconds": "0+60x60"}, fires_at="25m"),
    "ParleyNumberStopped": Story(series={"parley_numbers_stopped": at_minute_10("0", "1")}),
    "ParleyMessagesFailed": Story(series={"parley_outbox_failed_rows": at_minute_10("4", "5")}),
    "ParleyGraphAway": Story(series={"ray_parley_graph_circuit_openings_total": first_events(1)}, fires_at="15m"),
    "ParleyGraphRefuses": Story(
        series={'ray_parley_send_errors_total{code="131056"}': at_minute_10("5", "25")}, labels={"code": "131056"}
    ),
    # Known for longer than the window, then one more: `increase` sees it.
    "ParleyPossibleDuplicate": Story(
        series={"ray_parley_possible_duplicates_total": "3x20 4x40"}, silent_at="20m", fires_at="25m"
    ),
    "ParleyCommitLoopDead": Story(
        series={
            'ray_parley_loop_running{loop="commit",WorkerId="a"}': "1x60",
            'ray_parley_loop_running{loop="commit",WorkerId="b"}': at_minute_10("1", "0"),
        },
        fires_at="11m",
    ),
    "ParleyLoopDead": Story(
        series={'ray_parley_loop_running{loop="sender"}': at_minute_10("1", "0")}, labels={"loop": "sender"}
    ),
    "ParleyLoopFails": Story(
        series={'ray_parley_loop_failures_total{loop="indexer"}': first_events(6)},
        labels={"loop": "indexer"},
        fires_at="15m",
    ),
    "ParleyLeasesLost": Story(
        series={'ray_parley_leases_lost_total{loop="conversation"}': at_minute_10("1", "9")},
        labels={"loop": "conversation"},
        fires_at="15m",
    ),
    "ParleyNodeDark": Story(
        series={'parley_node_up{node="10.0.0.1:8080"}': at_minute_10("1", "0")}, labels={"node": "10.0.0.1:8080"}
    ),
    "ParleyDocumentsWait": Story(series={"parley_documents_waiting": at_minute_10("0", "2")}, fires_at="41m"),
}

# A busy house in which all is well: counters grow with work, and one thing of each kind went wrong long ago.
WELL: Mapping[str, str] = {
    "parley_ready": "1x60",
    "parley_inbox_unfinished_rows": "12x60",
    "parley_inbox_oldest_age_seconds": "3x60",
    "parley_outbox_oldest_age_seconds": "14x60",
    "parley_numbers_stopped": "0x60",
    "parley_documents_waiting": "0x60",
    "parley_quarantined_rows": "7x60",
    "parley_dead_rows": "2x60",
    "parley_people_waiting": "3x60",
    "parley_people_oldest_wait_seconds": "300x60",
    "parley_outbox_failed_rows": "3x60",
    'parley_node_up{node="10.0.0.1:8080"}': "1x60",
    'ray_parley_loop_running{loop="commit"}': "1x60",
    'ray_parley_loop_running{loop="sender"}': "1x60",
    'ray_parley_turns_total{rung="model"}': "0+1000x60",
    'ray_parley_turns_total{rung="holding"}': "0+10x60",
    'ray_parley_updates_quarantined_total{reason="not JSON"}': "7x60",
    "ray_parley_unknown_numbers_total": "1x60",
    "ray_parley_possible_duplicates_total": "1x60",
    "ray_parley_bad_signatures_total": "0+1x60",
    'ray_parley_send_errors_total{code="131026"}': "0+0.5x60",
    'ray_parley_loop_failures_total{loop="sender"}': "0+0.1x60",
    'ray_parley_leases_lost_total{loop="sender"}': "0+0.1x60",
    **latency("ray_parley_reply_seconds", {"2.0": "0+990x60", "20.0": "0+999x60", "+Inf": "0+1000x60"}),
}


def test_every_alert_has_its_story() -> None:
    assert STORIES.keys() == RULES.keys()


@needs_promtool
@pytest.mark.parametrize("alert", STORIES)
def test_an_alert_fires_in_its_story_and_not_before(alert: str, tmp_path: Path) -> None:
    story = STORIES[alert]
    checks = [_check(alert, story.silent_at, None), _check(alert, story.fires_at, story.labels)]
    _run_promtool(tmp_path, story.series, checks)


@needs_promtool
def test_no_alert_fires_while_all_is_well(tmp_path: Path) -> None:
    _run_promtool(tmp_path, WELL, [_check(alert, "50m", None) for alert in RULES])


@needs_promtool
@pytest.mark.parametrize("command", ["check config --syntax-only prometheus.yml", "check rules alerts.yml"])
def test_prometheus_takes_the_files(command: str) -> None:
    checked = subprocess.run(
        ["promtool", *command.split()], cwd=OPS, capture_output=True, text=True, timeout=60, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("alert", RULES)
def test_an_alert_asks_only_for_metrics_that_exist(alert: str) -> None:
    asked = re.findall(r"\b(?:ray_)?parley_\w+", RULES[alert]["expr"])
    assert asked
    assert {name.removesuffix("_bucket") for name in asked} <= EXPORTED


@pytest.mark.parametrize("alert", RULES)
def test_an_alert_says_what_it_means_and_what_to_do(alert: str) -> None:
    rule = RULES[alert]
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"].keys() == {"summary", "action"}
    assert all(text.endswith((".", "?")) for text in rule["annotations"].values())


def test_the_example_scrapes_with_a_token_file() -> None:
    job = yaml.safe_load((OPS / "prometheus.yml").read_text())["scrape_configs"][0]
    assert (job["metrics_path"], job["authorization"]["type"]) == ("/metrics", "Bearer")
    assert "credentials" not in job["authorization"]


def _check(alert: str, at: str, labels: Mapping[str, str] | None) -> dict[str, Any]:
    """Expect the alert at that time with these labels, or, with None, expect it not to fire."""
    expected = [] if labels is None else [_expected(RULES[alert], labels)]
    return {"eval_time": at, "alertname": alert, "exp_alerts": expected}


def _expected(rule: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    def filled(text: str) -> str:
        return re.sub(r"{{ \$labels\.(\w+) }}", lambda match: labels[match.group(1)], text)

    annotations = {name: filled(text) for name, text in rule["annotations"].items()}
    return {"exp_labels": {**rule["labels"], **labels}, "exp_annotations": annotations}


def _run_promtool(folder: Path, series: Mapping[str, str], checks: list[dict[str, Any]]) -> None:
    story = {
        "rule_files": [str(ALERTS)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "alert_rule_test": checks,
            }
        ],
    }
    path = folder / "story.yml"
    path.write_text(yaml.safe_dump(story))
    command = ["promtool", "test", "rules", str(path)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
