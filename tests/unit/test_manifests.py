"""`serve.yaml` and `cluster.yaml` are what Ray takes, name what exists, fit each other, and hold no secret."""

import json
import re
import subprocess
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray

from deployments.manifest import for_one_machine, read_manifest
from deployments.settings import ROOT

with warnings.catch_warnings():
    # Ray Serve 2.60 declares its fields in pydantic's old way, and warns of it whenever it is imported.
    warnings.simplefilter("ignore", DeprecationWarning)
    from ray.serve import Application
    from ray.serve._private import constants
    from ray.serve.schema import ServeDeploySchema

    from deployments import app

CLUSTER = ROOT / "cluster.yaml"
BEFORE_RAY_STARTS = {
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_AUTH_MODE": "token",
    "PYTHONPATH": "/app",
}
# What tells a secret by its looks: a password in a URL, a token of Graph's, long hexadecimal or base64, a private key.
SECRET = re.compile(
    r"://[^/\s:@]+:[^/\s@]+@|\bEAA\w{12,}|\b[0-9a-fA-F]{32,}\b|[A-Za-z0-9+/_-]{43,}={0,2}|PRIVATE KEY|wamid\."
)
# A variable named like a secret may hold a path only.
NAMED = re.compile(r"\b\w*(?:TOKEN|SECRET|PASSWORD|KEYS?|DATABASE_URL)\w*\s*[=:]\s*(?![~$/])(\S+)", re.IGNORECASE)


@pytest.fixture(scope="module")
def serve_yaml() -> dict[str, Any]:
    return read_manifest()


@pytest.fixture(scope="module")
def cluster_yaml() -> dict[str, Any]:
    return read_manifest(CLUSTER)


def test_ray_serve_takes_the_manifest(serve_yaml: dict[str, Any]) -> None:
    ServeDeploySchema.model_validate(serve_yaml)


@pytest.mark.parametrize("model", [None, "a-hub/model"])
def test_ray_serve_takes_the_manifest_of_one_machine(serve_yaml: dict[str, Any], model: str | None) -> None:
    ServeDeploySchema.model_validate(for_one_machine(serve_yaml, http_port=8123, model=model))


def test_the_cluster_launcher_takes_the_cluster(cluster_yaml: dict[str, Any]) -> None:
    schema = json.loads((Path(ray.__file__).parent / "autoscaler" / "ray-schema.json").read_text())
    jsonschema.validate(cluster_yaml, schema)
    assert cluster_yaml["head_node_type"] in cluster_yaml["available_node_types"]


def deployments_of(application: Application) -> Iterator[str]:
    """Names of an application's deployments: its root, and those bound to it."""
    bound = application._bound_deployment
    yield bound.name
    for argument in (*bound.init_args, *bound.init_kwargs.values()):
        if isinstance(argument, Application):
            yield from deployments_of(argument)


@pytest.fixture
def built(serve_yaml: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, set[str]]:
    """Deployments by application, as `deployments/app.py` builds them without a generative model."""
    monkeypatch.chdir(tmp_path)  # no .env
    monkeypatch.delenv("PARLEY_MODEL", raising=False)
    found = {}
    for application in serve_yaml["applications"]:
        module, builder = application["import_path"].split(":")
        assert module == app.__name__
        arguments = app.ModelArguments if builder == "llm" else app.NoArguments
        found[application["name"]] = set(
            deployments_of(getattr(app, builder)(arguments(**application.get("args", {}))))
        )
    return found


def test_every_deployment_of_the_manifest_exists(serve_yaml: dict[str, Any], built: dict[str, set[str]]) -> None:
    named = {each["name"]: {one["name"] for one in each.get("deployments", [])} for each in serve_yaml["applications"]}
    named["llm"] |= {"Generator"}  # its deployments depend on the model, so the manifest leaves them to the code
    assert named == built


def label_selectors(serve_yaml: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for application in serve_yaml["applications"]:
        for deployment in application.get("deployments", []):
            for label, wanted in deployment["ray_actor_options"].get("label_selector", {}).items():
                yield deployment["name"], label, wanted


def accepted(wanted: str) -> set[str]:
    """Values that a selector takes: `a` or `in(a,b)`."""
    inside = re.fullmatch(r"in\((.*)\)", wanted)
    return set(inside.group(1).split(",")) if inside else {wanted}


def test_every_label_asked_for_is_given_by_nodes_that_are_always_there(
    serve_yaml: dict[str, Any], cluster_yaml: dict[str, Any]
) -> None:
    always = [kind for kind in cluster_yaml["available_node_types"].values() if kind.get("min_workers", 0) > 0]
    selectors = list(label_selectors(serve_yaml))
    assert selectors
    for name, label, wanted in selectors:
        given = {kind["labels"][label] for kind in always if label in kind.get("labels", {})}
        assert given & accepted(wanted), f"no node for {name}: {label} should be {wanted}"


def test_nothing_of_ours_runs_on_the_head(cluster_yaml: dict[str, Any]) -> None:
    assert cluster_yaml["available_node_types"]["head"]["resources"] == {"CPU": 0}


def test_models_have_nodes_with_gpus(cluster_yaml: dict[str, Any]) -> None:
    kinds = cluster_yaml["available_node_types"].values()
    assert [kind["labels"] for kind in kinds if kind["resources"].get("GPU")] == [{"tier": "llm"}]


def setups(cluster_yaml: Mapping[str, Any]) -> Iterator[list[str]]:
    """The set-up commands of every kind of node; a list of a kind's own replaces the common one."""
    yield cluster_yaml["setup_commands"]
    for kind in cluster_yaml["available_node_types"].values():
        if "worker_setup_commands" in kind:
            yield kind["worker_setup_commands"]


def environment_after(commands: list[str], home: Path) -> dict[str, str]:
    """What a node's processes inherit: runs the set-up's file step for real, in a home of its own."""
    (step,) = [command for command in commands if "parley.env" in command]
    script = f'{step}\n. "$HOME/parley.env"\nenv -0\n'
    done = subprocess.run(["bash", "-eu", "-c", script], env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
                          capture_output=True, text=True, timeout=20, check=True)  # fmt: skip
    return dict(line.split("=", 1) for line in done.stdout.split("\0") if line)


def test_what_ray_must_know_is_set_before_it_starts(cluster_yaml: dict[str, Any], tmp_path: Path) -> None:
    home = tmp_path / "a home"
    home.mkdir()
    for commands in setups(cluster_yaml):
        environment = environment_after(commands, home)
        assert environment.items() >= BEFORE_RAY_STARTS.items()
    for name in ("head_start_ray_commands", "worker_start_ray_commands"):
        assert all(command.startswith('. "$HOME/parley.env" && ') for command in cluster_yaml[name]), name


def test_no_other_user_of_a_node_can_reach_the_files_of_haproxy(cluster_yaml: dict[str, Any], tmp_path: Path) -> None:
    by_default = {
        name: value
        for name, value in vars(constants).items()
        if isinstance(value, str) and value.startswith("/tmp/haproxy-serve")
    }
    assert "RAY_SERVE_HAPROXY_SOCKET_PATH" in by_default
    for commands in setups(cluster_yaml):
        environment = environment_after(commands, tmp_path)
        places = {name: Path(environment[name]) for name in by_default}
        private = tmp_path / "parley-home"
        assert private.stat().st_mode & 0o077 == 0
        assert all(private in (place, *place.parents) for place in places.values()), places


def test_nodes_read_their_secrets_from_mounted_files(cluster_yaml: dict[str, Any], tmp_path: Path) -> None:
    environment = environment_after(cluster_yaml["setup_commands"], tmp_path)
    secret = re.compile(r"PARLEY_\w+_FILE|\w+_TOKEN_PATH")
    named = {name: value for name, value in environment.items() if secret.fullmatch(name)}
    assert {"PARLEY_DATABASE_URL_FILE", "PARLEY_ENCRYPTION_KEYS_FILE", "RAY_AUTH_TOKEN_PATH"} <= named.keys()
    assert "~/secrets" in cluster_yaml["file_mounts"]
    assert {Path(value).parent for value in named.values()} == {tmp_path / "secrets"}


def test_the_code_lies_where_the_manifest_looks(serve_yaml: dict[str, Any], cluster_yaml: dict[str, Any]) -> None:
    assert {each["runtime_env"]["working_dir"] for each in serve_yaml["applications"]} == {"local:///app"}
    for commands in setups(cluster_yaml):
        assert any('ln -sfn "$HOME/parley" /app' in command for command in commands)
    assert cluster_yaml["file_mounts"]["~/parley"] == "."


def secrets_in(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [found for name, held in value.items() for found in (*secrets_in(f"{name}: {held}"), *secrets_in(held))]
    if isinstance(value, list):
        return [found for item in value for found in secrets_in(item)]
    return [match.group() for pattern in (SECRET, NAMED) for match in pattern.finditer(str(value))]


@pytest.mark.parametrize("name", ["serve.yaml", "cluster.yaml"])
def test_no_secret_stands_in_a_manifest(name: str) -> None:
    assert secrets_in(read_manifest(ROOT / name)) == []


@pytest.mark.parametrize(
    "leak",
    [
        {"env": ["export PARLEY_DATABASE_URL=postgresql+asyncpg://parley:hunter2@db/parley"]},
        {"env": ["export PARLEY_OPERATOR_TOKEN=abc"]},
        {"args": {"access_token": "EAAGm0PX4ZCpsBAKZCxyz"}},
        {"policy_kwargs": {"password": "hunter2"}},
        {"keys": "k1:rVbGm0PX4ZCpsBAKZCrVbGm0PX4ZCpsBAKZCrVbGm0P="},
    ],
)
def test_a_secret_in_a_manifest_would_be_found(leak: dict[str, Any]) -> None:
    assert secrets_in(leak)
