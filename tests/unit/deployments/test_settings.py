"""Settings: where each comes from, which are refused and in what words, and which secrets are made once."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from deployments.settings import _FROM_FILES, PREFIX, ROOT, Settings, kept_secret, read_settings
from models.errors import WrongSetting
from security.redaction import redactor

KEYS = "k1:" + base64.b64encode(b"k" * 32).decode()
Set = Callable[..., None]


@pytest.fixture(autouse=True)
def set_(monkeypatch: pytest.MonkeyPatch) -> Set:
    """An environment without any setting, and no `.env`; sets those that a test names."""
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    for name in Settings.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)
        monkeypatch.delenv(f"{PREFIX}{name.upper()}_FILE", raising=False)

    def set_(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(PREFIX + name.upper(), value)

    return set_


def test_without_an_environment_everything_runs_on_this_machine() -> None:
    settings = read_settings()
    assert (settings.database_url, settings.milvus_uri, settings.model) == (None, None, None)
    assert settings.graph_url == "https://graph.facebook.com"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("http_port", "70000", "less than or equal to 65535"),
        ("http_port", "a-port", "integer"),
        ("dashboard_port", "0", "greater than or equal to 1"),
        ("graph_version", "26.0", "pattern"),
        ("database_url", "postgresql://me:hunter2@db/parley", "postgresql+asyncpg://"),
        ("retention_days", "8", "greater than or equal to 9"),
        ("graph_url", "http://graph.facebook.com", "https://"),
        ("graph_url", "http://localhost.example:80", "https://"),
        ("graph_url", "//graph.facebook.com", "https://"),
        ("operator_token", "hunter2", "at least 20 ASCII characters"),
        ("operator_token", "contraseña-contraseña-contraseña", "at least 20 ASCII characters"),
        ("operator_token", "twenty characters of words", "without spaces"),
        ("log_level", "LOUD", "should be like 'INFO,store=DEBUG'"),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_the_setting_but_not_the_value(
    set_: Set, name: str, value: str, says: str
) -> None:
    set_(**{name: value})
    with pytest.raises(WrongSetting) as raised:
        read_settings()
    told = str(raised.value)
    assert told.startswith(f"{PREFIX}{name.upper()} is wrong: ")
    assert says in told
    assert value not in told
    assert raised.value.__cause__ is None  # pydantic's own error would show the value in a trace


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_an_empty_value_is_none_at_all(set_: Set, name: str) -> None:
    set_(**{name: ""})
    settings = read_settings()
    assert getattr(settings, name) == Settings.model_fields[name].default
    assert name not in settings.model_fields_set


@pytest.mark.parametrize(
    "url", ["https://graph.example", "http://127.0.0.1:8900", "http://localhost:1", "http://[::1]:1"]
)
def test_graph_is_reached_by_a_private_connection_or_on_this_machine(set_: Set, url: str) -> None:
    set_(graph_url=url)
    assert read_settings().graph_url == url


def test_every_secret_that_was_set_is_known_to_the_redaction(set_: Set) -> None:
    set_(
        database_url="postgresql+asyncpg://me:p%40ssword@db/parley",
        milvus_token="milvus-token",
        app_secrets="newer-secret,older-secret",
        verify_token="verify-token",
        encryption_keys=KEYS,
        operator_token="o" * 20,
    )
    clean = redactor(read_settings().secret_values)
    alone = ("p%40ssword", "p@ssword", "milvus-token", "newer-secret", "older-secret", "verify-token", "o" * 20)
    for secret in (*alone, KEYS.partition(":")[2]):
        assert secret not in clean(f"said {secret} aloud")


def test_without_secrets_there_is_nothing_to_know() -> None:
    assert read_settings().secret_values == ()


def test_app_secrets_stand_between_commas_the_newest_first(set_: Set) -> None:
    set_(app_secrets=" new , old ,, ")
    assert [secret.get_secret_value() for secret in read_settings().app_secrets] == ["new", "old"]


@pytest.mark.parametrize("name", _FROM_FILES)
def test_a_secret_may_stand_in_a_file(set_: Set, tmp_path: Path, name: str) -> None:
    said = {"database_url": "postgresql+asyncpg://me@db/parley", "encryption_keys": KEYS}.get(
        name, "a-secret-of-twenty-characters"
    )
    (tmp_path / "a secret").write_text(said + "\n")
    set_(**{f"{name}_file": str(tmp_path / "a secret")})
    found = getattr(read_settings(), name)
    (secret,) = found if isinstance(found, tuple) else (found,)
    assert secret.get_secret_value() == said


def test_a_secret_file_that_cannot_be_read_is_named_by_its_setting(set_: Set, tmp_path: Path) -> None:
    set_(verify_token_file=str(tmp_path / "none"))
    with pytest.raises(WrongSetting, match=r"^PARLEY_VERIFY_TOKEN_FILE cannot be read: No such file or directory$"):
        read_settings()


def test_no_secret_is_shown_when_settings_are_printed(set_: Set) -> None:
    set_(
        database_url="postgresql+asyncpg://me:hunter2@db/parley",
        milvus_token="hunter2",
        app_secrets="hunter2",
        verify_token="hunter2",
        encryption_keys=KEYS,
        operator_token="hunter2" * 3,
    )
    shown = repr(read_settings())
    assert "hunter2" not in shown
    assert KEYS not in shown


def test_a_setting_cannot_be_changed_once_it_is_read() -> None:
    with pytest.raises(ValueError, match="frozen"):
        read_settings().http_port = 1


def test_a_relative_home_lies_beside_the_code_wherever_the_command_was_given(
    set_: Set, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_settings().root == ROOT / ".parley"
    set_(home=str(tmp_path / "a home"))
    assert read_settings().root == tmp_path / "a home"


def test_without_keys_nothing_is_encrypted_under_keys_that_nobody_else_has(set_: Set, tmp_path: Path) -> None:
    set_(home=str(tmp_path))
    with pytest.raises(WrongSetting, match="PARLEY_ENCRYPTION_KEYS is not set"):
        _ = read_settings().keyring


def test_keys_are_made_once_and_read_ever_after(set_: Set, tmp_path: Path) -> None:
    set_(home=str(tmp_path))
    read_settings().make_keys()
    sealed = read_settings().keyring.encrypt_text("hello", "a place")
    read_settings().make_keys()
    assert read_settings().keyring.decrypt_text(sealed, "a place") == "hello"


def test_where_keys_are_set_none_are_made(set_: Set, tmp_path: Path) -> None:
    set_(home=str(tmp_path), encryption_keys=KEYS)
    read_settings().make_keys()
    assert read_settings().keyring.decrypt_text(read_settings().keyring.encrypt_text("hello", "x"), "x") == "hello"
    assert list(tmp_path.iterdir()) == []


def test_the_operators_token_is_the_one_that_was_set_or_one_that_stays(set_: Set, tmp_path: Path) -> None:
    set_(home=str(tmp_path))
    made = read_settings().operator_token_text
    assert len(made) >= 32
    assert read_settings().operator_token_text == made
    set_(operator_token="chosen-by-a-person-2026")
    assert read_settings().operator_token_text == "chosen-by-a-person-2026"


def test_a_kept_secret_is_its_makers_alone_and_made_by_the_first_who_asks(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "one"
    assert kept_secret(path, lambda: "first") == "first"
    assert kept_secret(path, lambda: "second") == "first"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_who_asks_while_a_secret_is_being_made_gets_the_whole_of_it_and_so_does_its_maker(tmp_path: Path) -> None:
    path = tmp_path / "one"
    meanwhile: list[str] = []

    def make() -> str:
        meanwhile.append(kept_secret(path, lambda: "the quicker one's"))
        return "the slower one's"

    assert kept_secret(path, make) == "the quicker one's"
    assert meanwhile == ["the quicker one's"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["one"]
