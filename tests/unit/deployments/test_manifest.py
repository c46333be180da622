"""`serve.yaml` with the values of one machine: what changes, and what stays as the file has it."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from deployments.manifest import for_one_machine, read_manifest


@pytest.fixture
def manifest() -> dict[str, Any]:
    return read_manifest()


def applications(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {application["name"]: application for application in manifest["applications"]}


def test_the_manifest_that_was_read_is_left_as_it_was(manifest: dict[str, Any]) -> None:
    before = deepcopy(manifest)
    for_one_machine(manifest, http_port=8123, model="a-hub/model")
    assert manifest == before


def test_one_machine_runs_the_same_applications_at_the_same_paths(manifest: dict[str, Any]) -> None:
    local = applications(for_one_machine(manifest, http_port=8123, model=None))
    for name, application in applications(manifest).items():
        for what in ("import_path", "route_prefix"):
            assert local[name][what] == application[what]
        named = [deployment["name"] for deployment in application.get("deployments", [])]
        assert [deployment["name"] for deployment in local[name].get("deployments", [])] == named


def test_one_machine_has_one_replica_of_each_that_reserves_no_processor(manifest: dict[str, Any]) -> None:
    local = for_one_machine(manifest, http_port=8123, model=None)
    deployments = [one for application in local["applications"] for one in application.get("deployments", [])]
    assert deployments
    for deployment in deployments:
        assert "autoscaling_config" not in deployment
        assert (deployment["num_replicas"], deployment["ray_actor_options"]["num_cpus"]) == (1, 0)


def test_other_options_of_a_deployment_stay(manifest: dict[str, Any]) -> None:
    (ingress,) = applications(manifest)["edge"]["deployments"]
    (local,) = applications(for_one_machine(manifest, http_port=8123, model=None))["edge"]["deployments"]
    assert local["max_queued_requests"] == ingress["max_queued_requests"]
    selector = ingress["ray_actor_options"]["label_selector"]
    assert local["ray_actor_options"] == {"num_cpus": 0, "label_selector": selector}


def test_a_deployment_without_actor_options_gets_them() -> None:
    local = for_one_machine(_small({"name": "llm", "deployments": [{"name": "Generator"}]}), http_port=1, model=None)
    (deployment,) = applications(local)["llm"]["deployments"]
    assert deployment == {"name": "Generator", "num_replicas": 1, "ray_actor_options": {"num_cpus": 0}}


def test_the_code_is_on_the_path_already_so_no_environment_is_shipped(manifest: dict[str, Any]) -> None:
    local = for_one_machine(manifest, http_port=8123, model=None)
    assert all("runtime_env" not in application for application in local["applications"])


def test_the_port_is_the_one_that_was_asked_for_and_only_the_head_listens(manifest: dict[str, Any]) -> None:
    local = for_one_machine(manifest, http_port=8123, model=None)
    assert (local["http_options"]["port"], local["proxy_location"]) == (8123, "HeadOnly")
    assert local["http_options"] | {"port": 0} == manifest["http_options"] | {"port": 0}


@pytest.mark.parametrize(("model", "args"), [(None, {"gpus": 0}), ("a-hub/model", {"gpus": 0, "model": "a-hub/model"})])
def test_a_model_goes_to_its_own_application_beside_what_it_was_told(
    model: str | None, args: dict[str, object]
) -> None:
    manifest = _small({"name": "llm", "args": {"gpus": 0}}, {"name": "edge"})
    local = applications(for_one_machine(manifest, http_port=1, model=model))
    assert local["llm"]["args"] == args
    assert "args" not in local["edge"]


def test_a_manifest_may_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "serve.yaml").write_text("applications: []\n")
    assert read_manifest(tmp_path / "serve.yaml") == {"applications": []}


def _small(*named: dict[str, Any]) -> dict[str, Any]:
    return {"http_options": {"port": 8000}, "applications": list(named)}
