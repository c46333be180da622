"""Runs the load process, and gives its samples: Locust without its web page, for as long as the plan takes."""

import asyncio
import os
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from benchmarks.plan import PLAN_VARIABLE, Plan, Sample, read_samples
from models.errors import MachineFailed, WrongSetting

ROOT = Path(__file__).resolve().parents[1]
_SPARE_S = 120.0  # beyond the legs: start, bodies made beforehand, answers that are waited for


def require_locust() -> None:
    """Say so before anything is started.

    Raises:
        WrongSetting: Locust is not installed.
    """
    if find_spec("locust") is None:
        raise WrongSetting("The benchmark needs Locust, which the service does without: run make dev first.")


async def run_load(plan: Plan, folder: Path) -> list[Sample]:
    """Carry out a plan; its files, and Locust's own report, are left in the folder.

    Raises:
        MachineFailed: it failed, or took far longer than the plan says.
    """
    plan = replace(plan, samples=str(folder / "samples.jsonl"))
    plan.write(folder / "plan.json")
    process = await asyncio.create_subprocess_exec(
        *_program(plan, folder),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder,
        env={**os.environ, PLAN_VARIABLE: str(folder / "plan.json"), "PYTHONPATH": str(ROOT)},
    )
    await _finish(process, sum(leg.seconds + plan.pause_s for leg in plan.legs) * 2 + _SPARE_S)
    return await asyncio.to_thread(_samples, Path(plan.samples), folder / "locust.log")


def _program(plan: Plan, folder: Path) -> list[str]:
    users = str(plan.connections)
    shape = ["--headless", "--users", users, "--spawn-rate", users, "--stop-timeout", "30"]
    told = ["--only-summary", "--html", str(folder / "locust.html"), "--logfile", str(folder / "locust.log")]
    return [sys.executable, "-m", "locust", "-f", str(ROOT / "benchmarks" / "locustfile.py"), *shape, *told]


async def _finish(process: asyncio.subprocess.Process, limit_s: float) -> None:
    """Wait to the end, or end it: it never outlives us."""
    try:
        async with asyncio.timeout(limit_s):
            await process.wait()
    except TimeoutError:
        raise MachineFailed(f"The load did not end within {limit_s:.0f} s.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _samples(path: Path, log: Path) -> list[Sample]:
    if not path.exists():
        raise MachineFailed(f"The load ended without samples: {_last_line(log)}")
    return read_samples(path)


def _last_line(log: Path) -> str:
    lines = log.read_text().splitlines() if log.exists() else []
    return lines[-1] if lines else "no log was written"
