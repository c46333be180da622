"""A tiny model of random weights, fetched from a hub on this machine, answers through the real engine.

The text is gibberish, the road is real. The service is started once more for it, and ended afterwards.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import NewPhone
from tests.acceptance.house import House
from tests.checkpoints import build_checkpoint
from tests.hub import local_hub

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore"),  # torch's and transformers' own, while the checkpoint is made
]

HUB_ID = "parley-tests/tiny-llama"
UP_WITH_MODEL_LIMIT_S = 600.0  # some 90 s on two idle cores


@pytest.fixture(scope="module")
def hub_requests(installed: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The service with the model; every host but the local hub lies behind a proxy that is not there."""
    folder = tmp_path_factory.mktemp("a model")
    checkpoint = build_checkpoint(folder / "checkpoint", chat_template=False)  # so that ours is used
    installed.down()
    with local_hub(checkpoint, HUB_ID) as hub:
        installed.extra = _environment(hub.url, folder / "cache")
        try:
            installed.run("up", limit_s=UP_WITH_MODEL_LIMIT_S)
            yield hub.asked
        finally:
            installed.down()
            installed.extra = {}


async def test_a_message_is_answered_by_the_model(hub_requests: list[str], house: House, new_phone: NewPhone) -> None:
    phone = await new_phone()
    asked = await phone.write("Do you deliver on Saturdays?")
    reply = await phone.reply(asked)
    turn = await house.turn(asked)
    assert turn is not None
    assert (turn["rung"], turn["model"]) == ("model", HUB_ID)
    assert reply.text
    assert turn["sources"]


def test_the_status_names_the_engine(hub_requests: list[str], house: House) -> None:
    shown = house.run("status")
    assert "vllm" in shown
    assert HUB_ID in shown


def test_the_weights_came_from_the_hub(hub_requests: list[str]) -> None:
    assert any(path.endswith(".safetensors") for path in hub_requests)


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
