"""Joining Prometheus pages: one family, one block."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deployments.operator.pages import UnreadablePage, check, merge

ONE = """\
# HELP ray_x_total Things
# TYPE ray_x_total counter
ray_x_total{node="1",path="a } b, \\"c\\""} 2.0
# HELP ray_y_seconds Time
# TYPE ray_y_seconds histogram
ray_y_seconds_bucket{node="1",le="+Inf"} 1.0
ray_y_seconds_count{node="1"} 1.0
ray_y_seconds_sum{node="1"} NaN
"""
TWO = ONE.replace('node="1"', 'node="2"').replace("Things", "Things, said otherwise") + "bare 1.5e3 1700000000000\n"


def test_a_family_of_two_nodes_is_one_block() -> None:
    lines = merge([ONE, TWO]).splitlines()
    assert lines[:4] == [
        "# HELP ray_x_total Things",
        "# TYPE ray_x_total counter",
        'ray_x_total{node="1",path="a } b, \\"c\\""} 2.0',
        'ray_x_total{node="2",path="a } b, \\"c\\""} 2.0',
    ]
    assert sum(line.startswith("# TYPE ray_y_seconds ") for line in lines) == 1
    assert [line.split("{")[0] for line in lines[6:12]] == [
        f"ray_y_seconds_{part}" for _ in range(2) for part in ("bucket", "count", "sum")
    ]


def test_the_joined_page_says_the_same_as_its_parts() -> None:
    def told(text: str) -> set[str]:
        return {str(sample[:3]) for family in text_string_to_metric_families(text) for sample in family.samples}

    assert told(merge([ONE, TWO])) == told(ONE) | told(TWO)


def test_the_same_series_from_two_nodes_is_kept_once() -> None:
    assert merge([ONE, ONE]) == merge([ONE])


def test_a_family_without_samples_leaves_no_trace() -> None:
    assert merge(["# HELP a A\n# TYPE a gauge\n", "# EOF\n\n"]) == ""


@pytest.mark.parametrize("page", ["<html>\n</html>", "a b", "a{b} ", "1a 1", 'a{b="c" 1', "a 1 2 3"])
def test_what_is_no_page_is_refused(page: str) -> None:
    with pytest.raises(UnreadablePage):
        check(page)
