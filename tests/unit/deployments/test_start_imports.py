"""What a start must not wait for: each of some fifteen processes imports what stands here, on two cores."""

import subprocess
import sys

import pytest

HEAVY = ("pandas", "sqlalchemy", "pymilvus", "structlog", "knowledge.extractive")


def loaded_after(program: str) -> set[str]:
    tell = f"import sys; print(*(name for name in {HEAVY} if sys.modules.get(name)))"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{tell}"], capture_output=True, text=True, timeout=120, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("name", ["edge", "brain", "embed", "operator"])
def test_building_an_application_imports_nothing_of_what_its_replicas_need(name: str) -> None:
    built = f"import deployments.lean\nfrom deployments import app\napp.{name}(app.NoArguments())"
    assert loaded_after(built) == set()


def test_the_door_of_the_model_is_built_without_the_answerer() -> None:
    built = "import deployments.lean\nfrom deployments import app\napp.llm(app.ModelArguments())"
    assert loaded_after(built) == set()


def test_pandas_comes_in_only_with_the_client_of_milvus() -> None:
    program = "import deployments.lean\nimport ray.serve\ndeployments.lean.let_pandas_in()\nimport pymilvus"
    assert loaded_after(program) == {"pandas", "pymilvus"}
