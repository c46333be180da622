"""What is up on this machine, as a running owner has written it down; light, so that commands start quickly."""

import json
from pathlib import Path
from typing import Any

import psutil

from deployments.embedded.processes import RunFolder
from deployments.settings import Settings

OWNER = "owner"  # name of the run record


def state_file(home: Path) -> Path:
    """Give where a running owner writes down where things are."""
    return home / "run" / "state.json"


def running_owner(home: Path) -> psutil.Process | None:
    """Give the process that owns this installation, if one is alive."""
    record = RunFolder(home).read(OWNER)
    return record.process() if record else None


def state_of(home: Path) -> dict[str, Any] | None:
    """Give what a running owner has written down: where things are; None while it is not up."""
    try:
        state: dict[str, Any] = json.loads(state_file(home).read_text())
    except (OSError, ValueError):
        return None
    return state if running_owner(home) else None


def uses_simulator(settings: Settings) -> bool:
    """Whether this machine's other side is the simulator: unless told where Graph is."""
    return "graph_url" not in settings.model_fields_set


def simulator_url(settings: Settings) -> str:
    """Give the address of the simulator and its chat page."""
    return f"http://127.0.0.1:{settings.simulator_port}"
