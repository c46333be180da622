"""The locks: what a person edits and what is installed say the same, and every file is known by its hash."""

import re
from pathlib import Path

import pytest

LOCKS = Path(__file__).resolve().parents[3] / "ops" / "locks"
NAMES = ("uv", "torch", "runtime", "dev")
PIN = re.compile(r"^([a-z0-9-]+)==([^\s;\\]+)", re.MULTILINE)


def pins(path: Path) -> dict[str, str]:
    return dict(PIN.findall(path.read_text()))


@pytest.mark.parametrize("name", NAMES)
def test_a_lock_holds_what_its_input_asks_for(name: str) -> None:
    wanted = pins(LOCKS / f"{name}.in")
    assert wanted
    assert pins(LOCKS / f"{name}.txt") == wanted


@pytest.mark.parametrize("name", NAMES)
def test_every_line_of_an_input_is_an_exact_pin(name: str) -> None:
    lines = (LOCKS / f"{name}.in").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#") and not PIN.match(line)] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_pin_has_hashes_and_no_lock_names_an_index(name: str) -> None:
    text = (LOCKS / f"{name}.txt").read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert "index" not in re.sub(r"^[a-z0-9-]+==", "", text, flags=re.MULTILINE)
    assert "://" not in text


def test_a_package_is_locked_in_one_place() -> None:
    assert pins(LOCKS / "runtime.in").keys() & pins(LOCKS / "dev.in").keys() == set()


def test_what_would_break_beside_the_cpu_build_of_torch_stays_out() -> None:
    assert pins(LOCKS / "runtime.in").keys() & {"torch", "torchvision", "torchaudio", "torchcodec", "triton"} == set()
