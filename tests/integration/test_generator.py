"""A tiny model, fetched from a local hub, through the real engine to answers; one start for all."""

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints import build_checkpoint
from tests.hub import local_hub

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.ray,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),  # torch's and transformers' own, while the checkpoint is made
]

ROOT = Path(__file__).resolve().parents[2]
HUB_ID = "parley-tests/tiny-llama"
PATIENCE_S = 480  # 90 s on two idle cores, five minutes on two busy ones


@dataclass(frozen=True)
class Run:
    """What the program wrote, and what it asked the hub for."""

    outcome: dict[str, Any]
    asked: list[str]
    cached: list[str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("a model")
    cache, written = folder / "cache", folder / "outcome.json"
    checkpoint = build_checkpoint(folder / "checkpoint", chat_template=False)  # so that ours is used
    home = os.environ.get("PARLEY_TEST_HOME", str(folder / "home"))
    with local_hub(checkpoint, HUB_ID) as hub:
        _run_program([HUB_ID, home, str(_free_port()), str(written)], _environment(hub.url, cache))
    cached = [path.name for path in cache.rglob("*") if path.is_file()]
    return Run(outcome=json.loads(written.read_text()), asked=hub.asked, cached=cached)


def _environment(hub: str, cache: Path) -> dict[str, str]:
    """Everything but the local hub is behind a proxy that is not there."""
    nowhere = "http://127.0.0.1:9"
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "RAY_", "VLLM_"))},
        "PYTHONPATH": str(ROOT),
        "HF_ENDPOINT": hub,
        "HF_HOME": str(cache),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
        "HTTP_PROXY": nowhere,
        "HTTPS_PROXY": nowhere,
        "NO_PROXY": "127.0.0.1,localhost",
        "RAY_AUTH_MODE": "disabled",
        "RAY_raylet_start_wait_time_s": "120",  # 30 s are not enough on two busy cores
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    }


def _run_program(arguments: list[str], environment: dict[str, str]) -> None:
    """Run the program in a process group of its own, and leave nothing of it behind."""
    program = [sys.executable, "-m", "tests.integration.generator_road", *arguments]
    with subprocess.Popen(
        program,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        try:
            _, errors = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGTERM)  # Ray's driver then takes its cluster down
            process.wait(timeout=30)
            raise
    assert process.returncode == 0, errors[-3000:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def test_a_model_of_the_hub_answers_with_text_and_sources(run: Run) -> None:
    first, _, again = run.outcome["replies"]
    assert first["text"]
    assert first["model"] == HUB_ID
    assert first["sources"] == ["Opening hours"]
    assert again["text"]


def test_a_deadline_that_has_passed_is_an_unavailable_model_and_harms_nobody_else(run: Run) -> None:
    assert run.outcome["replies"][1] == {"error": "ModelUnavailable"}
    assert run.outcome["took_s"][1] < 5


def test_the_door_is_warm_before_it_is_ready(run: Run) -> None:
    assert run.outcome["status"] == {"engine": "vllm", "model": HUB_ID, "is_warm": True}


def test_the_weights_come_from_the_hub_into_its_cache(run: Run) -> None:
    assert any(path.endswith("model.safetensors") for path in run.asked)
    assert "model.safetensors" in run.cached


def test_concurrent_queries_share_runs(run: Run) -> None:
    assert run.outcome["shared"]["shapes"] == [[1, 384]] * 16
    assert run.outcome["shared"]["runs"] < 16
