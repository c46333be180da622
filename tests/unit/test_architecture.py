"""The rules of the house that a reviewer would otherwise have to repeat."""

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("models", "security", "telemetry", "store", "whatsapp", "knowledge", "actors", "deployments", "benchmarks")
OTHERS = ("tests", "ops", "samples")
FILE_LINES = 400
FUNCTION_LINES = 60
GENERATED = "store/migrations/versions"


def sources() -> Iterator[Path]:
    for top in (*ROOMS, *OTHERS):
        yield from (path for path in (ROOT / top).rglob("*.py") if GENERATED not in path.as_posix())


def packages() -> list[Path]:
    """Every folder of a room that holds Python, and every folder between it and its room."""
    folders = {path.parent for path in sources() if path.relative_to(ROOT).parts[0] in (*ROOMS, "tests")}
    between = {parent for folder in folders for parent in folder.parents if ROOT in parent.parents}
    return sorted(folders | between)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_ours_and_no_installed_package_has_its_name(room: str) -> None:
    found = importlib.import_module(room).__file__
    assert found is not None
    assert Path(found).parent == ROOT / room
    assert room not in packages_distributions()


@pytest.mark.parametrize("package", packages(), ids=name_of)
def test_every_package_says_what_it_is_for(package: Path) -> None:
    opening = package / "__init__.py"
    assert opening.exists(), f"{name_of(package)} has no __init__.py: any installed package of its name would win"
    if package.relative_to(ROOT).parts[0] in ROOMS:
        assert ast.get_docstring(ast.parse(opening.read_text())), f"{name_of(opening)} has no docstring"


def test_no_file_is_over_400_lines() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in sources()}
    assert {name: length for name, length in lengths.items() if length > FILE_LINES} == {}


def functions() -> Iterator[tuple[str, int]]:
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{name_of(path)}:{node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_function_is_over_60_lines() -> None:
    assert {name: length for name, length in functions() if length > FUNCTION_LINES} == {}


def test_a_room_imports_only_rooms_on_lower_floors() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
