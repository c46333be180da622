"""`serve.yaml` with the values of one machine: the same applications, one light replica of each. Pure."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from deployments.settings import ROOT

FILE = ROOT / "serve.yaml"


def read_manifest(path: Path = FILE) -> dict[str, Any]:
    """Give the file as it stands."""
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def for_one_machine(manifest: Mapping[str, Any], *, http_port: int, model: str | None) -> dict[str, Any]:
    """Give what `./parley up` deploys: the code is on the path already, and two cores are shared by all."""
    config = deepcopy(dict(manifest))
    config["proxy_location"] = "HeadOnly"
    config["http_options"]["port"] = http_port
    for application in config["applications"]:
        application.pop("runtime_env", None)
        for deployment in application.get("deployments", []):
            _make_light(deployment)
        if application["name"] == "llm" and model is not None:
            application["args"] = {**application.get("args", {}), "model": model}
    return config


def _make_light(deployment: dict[str, Any]) -> None:
    deployment.pop("autoscaling_config", None)
    deployment["num_replicas"] = 1
    deployment.setdefault("ray_actor_options", {})["num_cpus"] = 0
