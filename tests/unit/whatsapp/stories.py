"""The webhook bodies of `tests/fixtures/webhooks`, one a story."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "fixtures" / "webhooks"
NUMBER = "700000000000001"
ANA, ANA_ID = "15550100101", "US.1000000000000000101"


def story(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


def all_stories() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.json"))
