"""`./parley down` from a second terminal, in the middle of a start: it is broken off, and nothing stays behind."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.house import House, title, wait_until

pytestmark = pytest.mark.ray

START_LIMIT_S = 120.0


@pytest.fixture
def starting(tmp_path: Path, model_home: Path) -> Iterator[House]:
    """An installation whose start has got as far as Serve's controller."""
    house = House(tmp_path / "another home")
    house.share_models(model_home)
    log = tmp_path / "up.log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            house.program("up"), stdout=output, stderr=output, cwd=tmp_path, env=house.environment()
        ) as up,
    ):
        try:
            wait_until(lambda: _has_controller(house) or up.poll() is not None, START_LIMIT_S, "Serve is starting")
            assert up.poll() is None, log.read_text()
            yield house
            assert up.wait(60) != 0, "a start that was broken off has not succeeded"
        finally:
            house.down()
            house.forget()


def _has_controller(house: House) -> bool:
    return any("ServeController" in title(process) for process in house.processes())


def test_down_breaks_off_a_start_and_leaves_nothing_behind(starting: House) -> None:
    assert "everything has ended" in starting.down()
    assert starting.left_behind() == []


def test_down_says_that_nothing_is_up(tmp_path: Path) -> None:
    assert "not up" in House(tmp_path / "a home").down()
