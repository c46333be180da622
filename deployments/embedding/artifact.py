"""The exported model on disk: made once, kept whole or not at all, made again when damaged."""

import fcntl
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from deployments.embedding.weights import find_weights, sha256_of, verify_weights
from models.errors import EmbedderUnavailable

logger = logging.getLogger(__name__)

MODEL_NAME = "all-MiniLM-L6-v2-int8-1"  # the last figure grows when the recipe changes: then vectors change too
MODEL_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
DIMENSION = 384
EXPORT_TIMEOUT = timedelta(minutes=5)  # it takes 30 s on two idle cores
_ROOT = Path(__file__).resolve().parents[2]


def ready_model(home: Path) -> Path:
    """Give the folder of the exported model, exporting it first where it is missing or damaged.

    Blocks for up to a second when it is there, about 30 s when it is not, longer while another process exports.

    Raises:
        WrongSetting: the weights are missing or not the pinned ones.
        EmbedderUnavailable: the export failed; its output is in the log.
    """
    models = (home / "models").resolve()
    folder = models / MODEL_NAME
    if is_whole(folder):
        return folder
    models.mkdir(parents=True, exist_ok=True)
    with _only_one(models / f".{MODEL_NAME}.lock"):
        if not is_whole(folder):  # another process may have made it while we waited
            _make(folder)
    return folder


def is_whole(folder: Path) -> bool:
    """Tell whether the folder's files are those that its manifest was written for."""
    try:
        recorded = json.loads((folder / "manifest.json").read_text())["sha256"]
        return all(sha256_of(folder / name) == recorded[name] for name in (MODEL_FILE, TOKENIZER_FILE))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _make(folder: Path) -> None:
    verify_weights(find_weights())
    logger.warning("exporting the embedding model, about 30 s, once")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{MODEL_NAME}-") as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        least_cosine = _export_elsewhere(made)
        _write_manifest(made, least_cosine)
        shutil.rmtree(folder, ignore_errors=True)  # a damaged one; open files of other processes stay readable
        made.rename(folder)
    logger.info("embedding model exported", extra={"least_cosine": least_cosine})


def _export_elsewhere(made: Path) -> float:
    """Run the export in a process of its own, so that this one never holds torch."""
    command = [sys.executable, "-m", "deployments.embedding.export", str(made)]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"}
    try:
        done = subprocess.run(  # noqa: S603  our own interpreter and module, and a path that we made
            command, cwd=_ROOT, env=environment, capture_output=True, text=True, timeout=EXPORT_TIMEOUT.total_seconds()
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EmbedderUnavailable("The export of the embedding model did not run to its end.") from error
    if done.returncode:
        logger.error("export of the embedding model failed", extra={"output": done.stderr[-2000:]})
        raise EmbedderUnavailable("The export of the embedding model failed; the log holds its output.")
    return float(done.stdout.split()[-1])


def _write_manifest(made: Path, least_cosine: float) -> None:
    hashes = {name: sha256_of(made / name) for name in (MODEL_FILE, TOKENIZER_FILE)}
    manifest = {"model": MODEL_NAME, "least_cosine": least_cosine, "sha256": hashes}
    (made / "manifest.json").write_text(json.dumps(manifest, indent=2))


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Hold a lock between processes; the kernel lets go of it when its holder dies."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
