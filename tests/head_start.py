"""What is slow to make is begun when the session starts, one after the other, and is ready when its tests come.

Quick tests come first (`testpaths`) and use one core: this work has the other for itself.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LIMIT_S = 280.0


class HeadStart:
    """Results by name, which is that of the fixture that gives them."""

    def __init__(self, wanted: Collection[str]) -> None:
        """Begin what is wanted of what there is; anything else when it is asked for."""
        self._folder = Path(tempfile.mkdtemp(prefix="parley tests "))
        # PARLEY_TEST_HOME names a home to share between sessions.
        self.model_home = Path(os.environ.get("PARLEY_TEST_HOME") or self._folder / "home")
        (self.model_home / "models").mkdir(parents=True, exist_ok=True)
        self._makers: Mapping[str, Callable[[], Any]] = {  # in the order in which tests come to need them
            "model_home": self._export_model,
            "metrics_page": self._show_metrics,
            "checkpoint": self._build_checkpoint,
        }
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="head start")
        self._begun: dict[str, Future[Any]] = {}
        for name in self._makers:
            if name in wanted:
                self._begin(name)

    def result(self, name: str) -> Any:
        """Wait for it, and give it; its failure is the caller's."""
        return self._begin(name).result(timeout=LIMIT_S)

    def end(self) -> None:
        """Begin nothing more, and remove what was made."""
        self._worker.shutdown(wait=True, cancel_futures=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _begin(self, name: str) -> "Future[Any]":
        if name not in self._begun:
            self._begun[name] = self._worker.submit(self._makers[name])
        return self._begun[name]

    def _export_model(self) -> None:
        """Export the embedding model; whoever needs it earlier waits for its lock, or makes it."""
        _run("deployments.embedding", str(self.model_home))

    def _show_metrics(self) -> str:
        """The page of figures of a small cluster in which each was recorded."""
        return _run("tests.integration.metrics_in_a_cluster")

    def _build_checkpoint(self) -> Path:
        """A tiny generative model without a chat template, so that ours is used."""
        checkpoint = self._folder / "checkpoint"
        _run("tests.checkpoints", str(checkpoint), "--no-template")
        return checkpoint


def _run(module: str, *arguments: str) -> str:
    """Run a program of ours to its end; give what it printed."""
    done = subprocess.run(
        ["nice", sys.executable, "-W", "ignore", "-P", "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, f"{module} ended with {done.returncode}:\n{done.stderr[-3000:]}"
    return done.stdout
