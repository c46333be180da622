"""Tokens and the file one is kept in."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from models.errors import WrongSetting
from security.tokens import hash_token, matches, new_token, token_file


def test_a_token_matches_itself_and_its_hash() -> None:
    token = new_token()
    assert matches(token, token)
    assert matches(token, hash_token(token))


def test_nothing_else_matches() -> None:
    token = new_token()
    for presented in ("", token[:-1], token + "x", new_token(), "é", hash_token(token)):
        assert not matches(presented, hash_token(token))
        assert not matches(presented, token)
    assert not matches("", "")
    assert not matches(token, "")


def test_a_hash_does_not_hold_its_token() -> None:
    token = new_token()
    assert token not in hash_token(token)
    assert len(token) >= 40


def test_a_new_token_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "a folder" / "operator.token"
    token = token_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert token == token_file(str(path)) == path.read_text().strip()
    assert [entry.name for entry in path.parent.iterdir()] == ["operator.token"]


def test_all_who_ask_at_once_get_the_same_token(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        tokens = set(pool.map(lambda _: token_file(tmp_path / "t"), range(64)))
    assert len(tokens) == 1


def test_a_file_that_others_may_read_is_tightened(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_text(new_token())
    path.chmod(0o644)
    token_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 40, "é".encode() * 40])
def test_a_file_without_a_token_stops_the_start(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t"
    path.write_bytes(content)
    with pytest.raises(WrongSetting, match="The token file"):
        token_file(path)


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(WrongSetting, match="cannot be used"):
        token_file(tmp_path)
