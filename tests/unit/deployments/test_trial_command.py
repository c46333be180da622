"""The benchmark loads servers of its own only, whatever the environment says."""

import os
from pathlib import Path

import pytest

from deployments.commands import trial
from deployments.settings import PREFIX, Settings
from models.errors import WrongSetting


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set here, and by what is tested, ends with the test."""
    monkeypatch.setattr(os, "environ", {**os.environ, f"{PREFIX}DATABASE_URL": "postgresql+asyncpg://elsewhere/x"})


def test_addresses_of_other_servers_are_left_out(tmp_path: Path) -> None:
    settings = trial.own_settings(tmp_path, is_scripted=True)
    assert settings.database_url is None
    assert settings.root == tmp_path
    assert settings.model == "scripted"
    assert len({settings.http_port, settings.dashboard_port, settings.simulator_port}) == 3


def test_a_server_that_stands_in_the_env_file_stops_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def named(**overrides: object) -> Settings:
        return Settings(graph_url="https://graph.facebook.com", **overrides)  # type: ignore[arg-type]

    monkeypatch.setattr(trial, "read_settings", named)
    with pytest.raises(WrongSetting, match="take the addresses of servers out"):
        trial.own_settings(tmp_path, is_scripted=False)


def test_a_home_is_forgotten_with_the_database_that_lies_elsewhere(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere" / "instance"
    (elsewhere / "postgres").mkdir(parents=True)
    home.mkdir()
    (home / "postgres").symlink_to(elsewhere / "postgres")
    (home / "models").symlink_to(tmp_path)
    trial.forget(home)
    assert not home.exists()
    assert not elsewhere.exists()
    assert tmp_path.exists()
