"""The only reader of the environment: every setting, its default and its range; a wrong one stops the start.

Secrets may stand in a file instead: `PARLEY_ENCRYPTION_KEYS_FILE` beside `PARLEY_ENCRYPTION_KEYS`, and so on.
"""

import os
import re
from collections.abc import Callable
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from models.errors import WrongSetting
from security.keyring import Keyring
from security.secret_file import write_once
from security.tokens import SHORTEST_TOKEN, token_file

PREFIX = "PARLEY_"
ROOT = Path(__file__).resolve().parent.parent
_FROM_FILES = ("database_url", "milvus_token", "app_secrets", "verify_token", "encryption_keys", "operator_token")


class Settings(BaseSettings):
    """Where everything is, and what may be tuned; frozen."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=ROOT / ".env",
        env_ignore_empty=True,  # `PARLEY_GRAPH_URL=` in a file of settings means: not set
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    home: Path = Field(default=Path(".parley"), description="Folder of all that Parley keeps on this machine.")
    http_port: int = Field(default=8000, ge=1, le=65535, description="Port of the webhook, health and operator routes.")
    dashboard_port: int = Field(default=8265, ge=1, le=65535, description="Port of the Ray dashboard on 127.0.0.1.")
    simulator_port: int = Field(default=8900, ge=1, le=65535, description="Port of the simulator and its chat page.")
    database_url: SecretStr | None = Field(default=None, description="postgresql+asyncpg://…; unset: embedded.")
    milvus_uri: str | None = Field(default=None, description="http://host:19530; unset: embedded Milvus Lite.")
    milvus_token: SecretStr = Field(default=SecretStr(""), description="user:password or an API key.")
    graph_url: str = Field(default="https://graph.facebook.com", description="Meta's Graph API, or the simulator's.")
    graph_version: str = Field(default="v26.0", pattern=r"^v\d+\.\d+$", description="Version of the Graph API.")
    app_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(), description="App secrets that may sign for any number, separated by commas, newest first."
    )
    verify_token: SecretStr | None = Field(default=None, description="Verify token of the callback URL.")
    model: str | None = Field(default=None, description="Hub id or path of a generative model; unset: extractive.")
    encryption_keys: SecretStr | None = Field(
        default=None, description="id:base64,… of 32-byte keys, the current first; unset: made once under the home."
    )
    operator_token: SecretStr | None = Field(
        default=None, description="Bearer token, 20 ASCII characters or more; unset: made once."
    )
    retention_days: int = Field(
        default=90,
        ge=9,
        le=3650,
        description="How long messages and answers are kept; Meta repeats a webhook for 7 days.",
    )
    log_level: str = Field(default="INFO", description="Such as INFO, or INFO,store=DEBUG.")

    @field_validator("app_secrets", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    @field_validator("model", "milvus_uri", "database_url", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("database_url")
    @classmethod
    def _spell_driver(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith("postgresql+asyncpg://"):
            raise ValueError("should begin with postgresql+asyncpg://")
        return value

    @field_validator("graph_url")
    @classmethod
    def _is_private(cls, value: str) -> str:
        url = urlsplit(value)
        if url.scheme != "https" and not (url.scheme == "http" and _is_loopback(url.hostname or "")):
            raise ValueError(
                "should begin with https://, unless it is of this machine (127.0.0.1): tokens travel there"
            )
        return value

    @field_validator("operator_token")
    @classmethod
    def _is_hard_to_guess(cls, value: SecretStr | None) -> SecretStr | None:
        token = value.get_secret_value() if value else None
        if token is not None and (len(token) < SHORTEST_TOKEN or not re.fullmatch(r"[!-~]+", token)):
            raise ValueError(f"should be at least {SHORTEST_TOKEN} ASCII characters, without spaces")
        return value

    @field_validator("log_level")
    @classmethod
    def _names_levels(cls, value: str) -> str:
        if value == cls.model_fields["log_level"].default:
            return value
        from telemetry.logs import parse_levels  # only where a level was set: structlog costs 100 ms of every start

        try:
            parse_levels(value)
        except WrongSetting as error:
            raise ValueError(str(error).partition(" ")[2]) from None
        return value

    @property
    def secret_values(self) -> tuple[str, ...]:
        """Every secret that was set, and the parts of URLs and lists: what no log may show."""
        set_here = (self.database_url, self.milvus_token, self.verify_token, self.operator_token, *self.app_secrets)
        values = [value.get_secret_value() for value in set_here if value]
        if self.encryption_keys:
            values += [key.partition(":")[2] for key in self.encryption_keys.get_secret_value().split(",")]
        if self.database_url and (password := urlsplit(self.database_url.get_secret_value()).password):
            values += [password, unquote(password)]
        return tuple(filter(None, values))

    @property
    def root(self) -> Path:
        """The home, absolute; a relative one lies in the folder of the code, wherever the command was given."""
        return (ROOT / self.home.expanduser()).resolve()

    @cached_property
    def keyring(self) -> Keyring:
        """The keys of this installation: of the setting, or of the file that its owner has made.

        Raises:
            WrongSetting: there are none, or they cannot be read.
        """
        if self.encryption_keys is not None:
            return Keyring.parse(self.encryption_keys.get_secret_value())
        try:
            return Keyring.parse(self._keys_file.read_text().strip())
        except OSError:
            raise WrongSetting(
                f"{PREFIX}ENCRYPTION_KEYS is not set, and this installation's home holds no keys; on several machines "
                "all must have the same."
            ) from None

    def make_keys(self) -> None:
        """Make keys once, where none are set: for the owner of an installation on one machine, and nobody else."""
        if self.encryption_keys is None:
            kept_secret(self._keys_file, Keyring.generate_text)

    @property
    def _keys_file(self) -> Path:
        return self.root / "secrets" / "encryption_keys"

    @property
    def operator_token_text(self) -> str:
        """The token that operator routes ask for."""
        if self.operator_token is not None:
            return self.operator_token.get_secret_value()
        return token_file(self.root / "secrets" / "operator_token")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """Give the text of a secret file, made with mode 0600 by the first who asks; all who ask at once get the same."""
    if not path.exists():
        write_once(path, make())
    return path.read_text().strip()


def read_settings(**overrides: Any) -> Settings:
    """Read the environment, `.env` and secret files.

    Raises:
        WrongSetting: one sentence that names the setting and what it should be; never its value.
    """
    try:
        return Settings(**{**_secrets_from_files(), **overrides})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = PREFIX + "_".join(str(part) for part in first["loc"][:1]).upper()
        raise WrongSetting(f"{name} is wrong: {first['msg'].removeprefix('Value error, ')}") from None


def _secrets_from_files() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in _FROM_FILES:
        variable = f"{PREFIX}{name.upper()}_FILE"
        if path := os.environ.get(variable):
            try:
                found[name] = Path(path).read_text().strip()
            except OSError as error:
                raise WrongSetting(f"{variable} cannot be read: {error.strerror}") from None
    return found
