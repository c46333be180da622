"""The second start: the owner was killed, `make demo MODEL=…` takes over with the data, and Ctrl-C ends it all.

The model is tiny and of random weights, fetched from a hub on this machine: its text is gibberish, the road is real.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.acceptance.conftest import NewPhone
from tests.acceptance.house import Demo, House
from tests.head_start import HeadStart
from tests.hub import local_hub

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]

HUB_ID = "parley-tests/tiny-llama"
START_LIMIT_S = 600.0  # some 90 s on two idle cores
STOP_LIMIT_S = 90.0
COUNT_TURNS = "SELECT count(*) AS kept FROM turns"


@dataclass(frozen=True, slots=True, kw_only=True)
class Second:
    """The second start, and what there was before it."""

    demo: Demo
    asked_of_hub: list[str]
    processes_before: list[psutil.Process]  # without PostgreSQL's, which a new owner may take over
    turns_before: int


@pytest.fixture(scope="module")
def checkpoint(head_start: HeadStart) -> Path:
    made: Path = head_start.result("checkpoint")
    return made


@pytest.fixture(scope="module")
async def second(installed: House, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Second]:
    """The demo with the model, after a SIGKILL; every host but the local hub lies behind a proxy that is not there."""
    folder = tmp_path_factory.mktemp("second start")
    turns_before = (await installed.rows(COUNT_TURNS))[0]["kept"]
    postgres = installed.postgres()
    processes_before = [process for process in installed.processes() if process not in postgres]
    assert installed.owner is not None
    installed.owner.kill()
    with local_hub(checkpoint, HUB_ID) as hub:
        installed.extra = _environment(hub.url, folder / "cache")
        demo = installed.start_demo(_kiosk(folder / "kiosk"), START_LIMIT_S)
        yield Second(demo=demo, asked_of_hub=hub.asked, processes_before=processes_before, turns_before=turns_before)
        if not demo.has_ended:
            demo.press_ctrl_c(STOP_LIMIT_S)
        installed.extra = {}


def test_what_a_killed_owner_left_behind_is_ended(second: Second) -> None:
    assert "killed owner left behind" in second.demo.output
    assert not [process for process in second.processes_before if process.is_running()]


async def test_what_was_kept_is_there_again(second: Second, house: House) -> None:
    assert (await house.rows(COUNT_TURNS))[0]["kept"] >= second.turns_before
    assert "delivery.md" in house.run("knowledge", "list", "--tenant", "faro")


async def test_a_message_is_answered_by_the_model(second: Second, house: House, new_phone: NewPhone) -> None:
    phone = await new_phone()
    asked = await phone.write("Do you deliver on Saturdays?")
    reply = await phone.reply(asked)
    turn = await house.turn(asked)
    assert turn is not None
    assert (turn["rung"], turn["model"]) == ("model", HUB_ID)
    assert reply.text
    titles = {source["title"] for source in turn["sources"]}
    assert "Delivery and collection" in titles  # by the index of the first start


def test_the_status_names_the_engine(second: Second, house: House) -> None:
    shown = house.run("status")
    assert "vllm" in shown
    assert HUB_ID in shown


def test_the_weights_came_from_the_hub(second: Second) -> None:
    assert any(path.endswith(".safetensors") for path in second.asked_of_hub)


def test_the_demo_says_where_to_click(second: Second, house: House) -> None:
    assert "Kiosk: 1 documents" in second.demo.output
    for address in (house.simulator, house.url, house.dashboard):
        assert address in second.demo.output


def test_ctrl_c_leaves_nothing_behind(second: Second, house: House) -> None:
    assert second.demo.press_ctrl_c(STOP_LIMIT_S) == 0
    assert second.demo.output.rstrip().endswith("everything has ended")
    assert house.left_behind() == []


def _kiosk(folder: Path) -> Path:
    """A business with one short document."""
    (folder / "documents").mkdir(parents=True)
    (folder / "business.yaml").write_text("slug: kiosk\nname: Kiosk\n")
    (folder / "documents" / "hours.md").write_text("# Hours\n\nThe kiosk is open on weekdays from 7:00 to 9:00.\n")
    return folder


def _environment(hub: str, cache: Path) -> dict[str, str]:
    nowhere = "http://127.0.0.1:9"
    return {
        "PARLEY_MODEL": HUB_ID,
        "HF_ENDPOINT": hub,
        "HF_HOME": str(cache),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
        "HTTPS_PROXY": nowhere,
        "NO_PROXY": "127.0.0.1,localhost",
    }
