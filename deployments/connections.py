"""The connections of one replica, made inside its event loop from its own reading of the environment."""

import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deployments.embedded.private import private_folder
from deployments.embedding.artifact import DIMENSION, MODEL_NAME
from deployments.lean import let_pandas_in
from deployments.settings import PREFIX, Settings, read_settings
from knowledge.split import SPLITTER_VERSION
from models.errors import WrongSetting
from security.keyring import Keyring
from store.accounts import Accounts
from store.database import Database
from telemetry import logs
from telemetry.metrics import export_through_ray

if TYPE_CHECKING:  # imported where they are used: a replica keeps in memory only what it needs
    from store.passages import MilvusPassages
    from whatsapp.client import GraphClient

TOKEN_LIFE_S = 30.0  # how long a replaced access token may still be used


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """What most replicas need."""

    settings: Settings
    keyring: Keyring
    database: Database

    @classmethod
    def open(cls, name: str, *, pool_size: int = 5) -> "Connections":
        """Read the settings, set up logs and metrics, prepare the pool; nothing connects yet."""
        settings = read_settings()
        configure_logs(settings, name)
        export_through_ray()
        database = Database(database_url(settings), name=name, pool_size=pool_size)
        return cls(settings=settings, keyring=settings.keyring, database=database)


def passages(connections: Connections) -> "MilvusPassages":
    """Give the search index, not prepared yet."""
    uri = connections.settings.milvus_uri
    if uri is None:
        raise _unset("MILVUS_URI")
    return passages_index(connections.settings, uri)


def graph(connections: Connections) -> "GraphClient":
    """Give a client of the Graph API for all numbers."""
    from whatsapp.client import GraphClient, GraphOptions

    settings = connections.settings
    options = GraphOptions(base_url=settings.graph_url, version=settings.graph_version)
    return GraphClient(cached_token(Accounts(connections.database, connections.keyring)), options)


def passages_index(settings: Settings, uri: str) -> "MilvusPassages":
    """Give the index for this code's embedding model and splitter, not prepared yet."""
    let_pandas_in()
    from store.passages import MilvusPassages

    return MilvusPassages(
        uri,
        settings.milvus_token.get_secret_value(),
        model=MODEL_NAME,
        dimension=DIMENSION,
        splitter=SPLITTER_VERSION,
    )


def database_url(settings: Settings) -> str:
    """Give the URL; the embedded server's stands in the environment that the owner made.

    Raises:
        WrongSetting: there is none, as on a node of a cluster that was not told.
    """
    if settings.database_url is None:
        raise _unset("DATABASE_URL")
    return settings.database_url.get_secret_value()


def configure_logs(settings: Settings, name: str) -> None:
    """Write JSON lines to a file of this process under the home."""
    folder = private_folder(settings.root / "logs")
    logs.configure(
        settings.log_level,
        file=folder / f"{name}-{os.getpid()}.jsonl",
        secrets=settings.secret_values,
        pseudonym_key=settings.keyring.blind_index("pseudonym", "logs"),
    )
    logging.getLogger(__name__).info("replica starts", extra={"room": name})


def worker_name(kind: str) -> str:
    """Give a name for leases that no other process has."""
    return f"{kind}@{socket.gethostname()}:{os.getpid()}:{time.time_ns():x}"


def cached_token(accounts: Accounts) -> Callable[[str], Awaitable[str]]:
    """Give access tokens by number, read again after half a minute."""
    known: dict[str, tuple[float, str]] = {}

    async def token_for(phone_number_id: str) -> str:
        read_at, token = known.get(phone_number_id, (-TOKEN_LIFE_S, ""))
        if time.monotonic() - read_at > TOKEN_LIFE_S:
            token = await accounts.access_token(phone_number_id)
            known[phone_number_id] = (time.monotonic(), token)
        return token

    return token_for


def _unset(name: str) -> WrongSetting:
    return WrongSetting(f"{PREFIX}{name} is not set; only ./parley up and demo bring a server of their own.")
