"""`.env.example` names every setting with its default, and nothing else."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from deployments.settings import _FROM_FILES, PREFIX, Settings, read_settings

ROOT = Path(__file__).resolve().parents[2]
LINE = re.compile(rf"#?({PREFIX}[A-Z_]+)=(.*)")
FILES = {f"{PREFIX}{name.upper()}_FILE" for name in _FROM_FILES}
# Shown by an example, since they have no default.
EXAMPLES = {f"{PREFIX}DATABASE_URL", f"{PREFIX}MILVUS_URI"}


def example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return {found.group(1): found.group(2) for line in lines if (found := LINE.fullmatch(line))}


def test_it_names_every_setting_and_nothing_else() -> None:
    assert example().keys() == {PREFIX + name.upper() for name in Settings.model_fields} | FILES


def test_every_line_is_a_comment_or_a_setting() -> None:
    strays = [
        line
        for line in (ROOT / ".env.example").read_text().splitlines()
        if line and not line.startswith("# ") and not LINE.fullmatch(line)
    ]
    assert strays == []


def test_a_copy_that_nobody_has_edited_changes_nothing() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []


@pytest.mark.parametrize("name", Settings.model_fields)
def test_it_shows_the_default(name: str) -> None:
    variable = PREFIX + name.upper()
    if variable in EXAMPLES:
        return
    default = Settings.model_fields[name].default
    assert default is not PydanticUndefined
    shown = default.get_secret_value() if isinstance(default, SecretStr) else default
    assert example()[variable] == ("" if shown in (None, ()) else str(shown))


def test_what_it_shows_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for variable, value in example().items():
        monkeypatch.delenv(variable, raising=False)
        if value and variable not in FILES:
            monkeypatch.setenv(variable, value)
    settings = read_settings()
    assert settings.database_url is not None
    assert settings.http_port == 8000
