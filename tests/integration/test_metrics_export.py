"""Every declared metric leaves a process of a cluster under the name that alerts and dashboards use."""

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from telemetry.instruments import Counter, Gauge, Histogram
from telemetry.metrics import DECLARED, REPLY_SECONDS
from tests.head_start import HeadStart

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def metrics_page(head_start: HeadStart) -> str:
    page: str = head_start.result("metrics_page")
    return page


@pytest.fixture(scope="module")
def families(metrics_page: str) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(metrics_page)}


def test_every_metric_is_exported_under_its_declared_name(families: dict[str, Metric]) -> None:
    # The parser takes `_total` off a counter's name.
    expected = {metric.exported_name.removesuffix("_total"): metric for metric in DECLARED.values()}
    assert expected.keys() <= families.keys()
    assert {name: families[name].type for name in expected} == {name: m.kind for name, m in expected.items()}


def test_every_label_is_exported(families: dict[str, Metric]) -> None:
    for metric in DECLARED.values():
        if isinstance(metric, Counter | Gauge | Histogram):
            sample = families[metric.exported_name.removesuffix("_total")].samples[0]
            assert set(metric.labels) <= sample.labels.keys()


def test_figures_arrive_as_they_were_recorded(families: dict[str, Metric]) -> None:
    counted = [sample.value for sample in families["ray_parley_inbox_duplicates"].samples]
    assert counted == [2.0]
    buckets = {sample.labels["le"]: sample.value for sample in families[REPLY_SECONDS.exported_name].samples[:17]}
    assert (buckets["0.15"], buckets["0.25"], buckets["+Inf"]) == (0.0, 1.0, 1.0)
