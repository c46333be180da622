"""The real neighbours, started once a session: an embedded PostgreSQL and Milvus Lite, only for whoever asks."""

import os
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy.engine import URL, make_url

from deployments.embedded.postgres import EmbeddedPostgres
from deployments.embedded.processes import instance_of
from security.keyring import Keyring
from store.database import Database
from store.schema import upgrade
from tests.factories import Business, make_business
from tests.head_start import HeadStart

# As the Makefile does it: what tests start must find bytecode, or compile all that it imports anew each time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


@pytest.fixture(scope="session")
def keyring() -> Keyring:
    return Keyring({"test": b"k" * 32})


_HEAD_START = pytest.StashKey[HeadStart]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin the slow things that the chosen tests will ask for."""
    if not session.config.option.collectonly:
        wanted = {name for item in session.items for name in getattr(item, "fixturenames", ())}
        session.config.stash[_HEAD_START] = HeadStart(wanted)


def pytest_unconfigure(config: pytest.Config) -> None:
    if _HEAD_START in config.stash:
        config.stash[_HEAD_START].end()


@pytest.fixture(scope="session")
def head_start(pytestconfig: pytest.Config) -> HeadStart:
    return pytestconfig.stash[_HEAD_START]


@pytest.fixture(scope="session")
def model_home(head_start: HeadStart) -> Path:
    """A home with the embedding model, or one where it is being made."""
    return head_start.model_home


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[URL]:
    """A server without durability; as root its data lie outside pytest's folder, so they are removed by hand."""
    home = tmp_path_factory.mktemp("rows") / "a home"
    home.mkdir()
    server = EmbeddedPostgres(home, durable=False)
    try:
        yield make_url(server.start())
    finally:
        server.stop()
        shutil.rmtree(Path("/var/lib/parley") / instance_of(home), ignore_errors=True)


@pytest.fixture(scope="session")
async def migrated(postgres_server: URL) -> URL:
    """The server's own database at the newest schema; nothing is written to it, so that it can be copied."""
    await upgrade(_text(postgres_server))
    return postgres_server


@pytest.fixture(scope="module")
async def empty_database_url(postgres_server: URL) -> AsyncIterator[str]:
    """A database without tables."""
    async for url in _made(postgres_server, "template1"):
        yield url


@pytest.fixture(scope="module")
async def database_url(migrated: URL) -> AsyncIterator[str]:
    """A database of this test module alone, at the newest schema."""
    async for url in _made(migrated, migrated.database or ""):
        yield url


@pytest.fixture(scope="module")
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, name="tests", pool_size=8)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def milvus_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from deployments.embedded.milvus import EmbeddedMilvus  # pymilvus takes seconds to import

    home = tmp_path_factory.mktemp("vectors") / "a home"
    home.mkdir()
    server = EmbeddedMilvus(home)
    try:
        yield server.start()
    finally:
        server.stop()


async def _made(server: URL, template: str) -> AsyncIterator[str]:
    name = f"test_{uuid4().hex}"
    await _administer(server, f'CREATE DATABASE {name} TEMPLATE "{template}" STRATEGY FILE_COPY')
    yield _text(server.set(database=name))
    await _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


async def _administer(server: URL, statement: str) -> None:
    host = str(server.query["host"])
    connection = await asyncpg.connect(user=server.username, host=host, database="postgres", timeout=10)
    try:
        await connection.execute(statement, timeout=60)
    finally:
        await connection.close()


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@pytest.fixture
async def business(database: Database, keyring: Keyring) -> Business:
    """A tenant with a number, in a database of the module."""
    return await make_business(database, keyring)
