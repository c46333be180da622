"""The exported model on disk: whole or made again."""

import json
from pathlib import Path

import pytest

from deployments.embedding import artifact
from deployments.embedding.artifact import MODEL_FILE, MODEL_NAME, TOKENIZER_FILE, is_whole, ready_model
from deployments.embedding.weights import find_weights, verify_weights
from models.errors import EmbedderUnavailable, WrongSetting


def write_files(folder: Path) -> float:
    (folder / MODEL_FILE).write_bytes(b"graph")
    (folder / TOKENIZER_FILE).write_bytes(b"words")
    return 0.99


def without_torch(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Put a quick export in the place of the real one; give the folders that it was asked to fill."""
    asked: list[Path] = []

    def quick_export(folder: Path) -> float:
        asked.append(folder)
        return write_files(folder)

    monkeypatch.setattr(artifact, "_export_elsewhere", quick_export)
    return asked


def test_the_installed_weights_are_the_pinned_ones() -> None:
    verify_weights(find_weights())


def test_other_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"other")
    with pytest.raises(WrongSetting, match=r"model\.safetensors"):
        verify_weights(tmp_path)


def test_a_model_is_exported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = without_torch(monkeypatch)
    folder = ready_model(tmp_path)
    assert ready_model(tmp_path) == folder == tmp_path / "models" / MODEL_NAME
    assert len(asked) == 1


@pytest.mark.parametrize("name", [MODEL_FILE, TOKENIZER_FILE, "manifest.json"])
@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_damaged_model_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, damage: str) -> None:
    asked = without_torch(monkeypatch)
    file = ready_model(tmp_path) / name
    file.unlink() if damage == "missing" else file.write_bytes(b"{}")
    assert is_whole(ready_model(tmp_path))
    assert len(asked) == 2


def test_a_failed_export_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: Path) -> float:
        write_files(folder)
        raise EmbedderUnavailable("no")

    monkeypatch.setattr(artifact, "_export_elsewhere", fail)
    with pytest.raises(EmbedderUnavailable):
        ready_model(tmp_path)
    assert [path.suffix for path in (tmp_path / "models").iterdir()] == [".lock"]


def test_the_manifest_says_how_close_the_copy_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_torch(monkeypatch)
    manifest = json.loads((ready_model(tmp_path) / "manifest.json").read_text())
    assert manifest["least_cosine"] == 0.99
