"""The page that shows the whole: nodes, queues, and what is away."""

import asyncio
import shutil
import subprocess

import pytest

from deployments.operator.ports import NodeAgent
from models.errors import StoreUnavailable
from telemetry.instruments import PageGauge
from telemetry.metrics import DECLARED
from tests.unit.operator.house import calling, node, samples

PAGE = '# HELP ray_x_total X\n# TYPE ray_x_total counter\nray_x_total{node="%s"} 2.0\n'


async def test_one_scrape_shows_nodes_and_queues() -> None:
    async with node(PAGE % 1) as one, node(PAGE % 2) as two, calling(node_agents=[one, two]) as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert samples(answer.text, "ray_x_total") == ['ray_x_total{node="1"} 2.0', 'ray_x_total{node="2"} 2.0']
    assert answer.text.count("# TYPE ray_x_total") == 1
    assert samples(answer.text, "parley_inbox_unfinished_rows") == ["parley_inbox_unfinished_rows 3.0"]
    assert samples(answer.text, "parley_inbox_oldest_age_seconds") == ["parley_inbox_oldest_age_seconds 4.5"]
    assert samples(answer.text, "parley_ready") == ["parley_ready 1.0"]
    assert len(samples(answer.text, "parley_node_up")) == 2


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool comes with Debian's package prometheus")
async def test_the_page_is_valid_for_prometheus() -> None:
    async with node(PAGE % 1) as one, node(PAGE % 2) as two, calling(node_agents=[one, two]) as client:
        text = (await client.get("/metrics")).text
    checked = await asyncio.to_thread(_promtool_check, text)
    # 3 means that the page was read and its names criticised; 1 that it could not be read.
    assert checked.returncode in {0, 3}, checked.stderr


def _promtool_check(page: str) -> subprocess.CompletedProcess[str]:
    command = ["promtool", "check", "metrics"]
    return subprocess.run(command, input=page, capture_output=True, text=True, check=False, timeout=30)


async def test_every_figure_of_the_house_is_on_the_page() -> None:
    async with node(PAGE % 1) as one, calling(node_agents=[one]) as client:
        text = (await client.get("/metrics")).text
    missing = [m.name for m in DECLARED.values() if isinstance(m, PageGauge) and not samples(text, m.exported_name)]
    assert missing == []


async def test_a_node_that_is_down_is_told_by_a_figure() -> None:
    gone = NodeAgent(address="127.0.0.1", port=1)
    async with (
        node(PAGE % 1) as one,
        node("<html>", status=200) as html,
        node("", status=500) as failing,
        calling(node_agents=[one, gone, html, failing]) as client,
    ):
        answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert samples(answer.text, "parley_node_up") == [
        f'parley_node_up{{node="{one.name}"}} 1.0',
        'parley_node_up{node="127.0.0.1:1"} 0.0',
        f'parley_node_up{{node="{html.name}"}} 0.0',
        f'parley_node_up{{node="{failing.name}"}} 0.0',
    ]
    assert samples(answer.text, "ray_x_total")


async def test_queues_that_nobody_can_count_are_left_out() -> None:
    away = StoreUnavailable("away")
    async with calling(queue_depths=away, can_keep=away, node_agents=RuntimeError()) as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert samples(answer.text, "parley_ready") == ["parley_ready 0.0"]
    assert samples(answer.text, "parley_inbox_unfinished_rows") == []


def test_the_name_of_a_node_stands_in_a_url() -> None:
    assert NodeAgent(address="10.0.0.1", port=8080).name == "10.0.0.1:8080"
    assert NodeAgent(address="fd00::1", port=8080).name == "[fd00::1]:8080"
