"""Brings a database up to the schema of this code; safe to call from several processes at once."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from models.tables import metadata
from store.database import connect_args, translated

_LOCK_LIMIT_MS = 5_000  # a migration that cannot have its lock gives way to traffic, and is tried again


async def upgrade(url: str, revision: str = "head") -> None:
    """Apply what is missing.

    Raises:
        StoreUnavailable: retryable.
    """
    await _run(url, lambda config: command.upgrade(config, revision))


async def downgrade(url: str, revision: str = "base") -> None:
    """Undo migrations, for tests and for going back."""
    await _run(url, lambda config: command.downgrade(config, revision))


async def write_revision(url: str, message: str) -> None:
    """Draft a migration from the difference between the database and `models/tables.py`, to be read and corrected."""
    await _run(url, lambda config: command.revision(config, message, autogenerate=True))


async def drift(url: str) -> list[object]:
    """Give what differs between the database and `models/tables.py`; empty when they agree."""
    engine = create_async_engine(url, connect_args=connect_args(url, "schema"))
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(
                lambda sync: list(compare_metadata(MigrationContext.configure(sync), metadata))
            )
    finally:
        await engine.dispose()


async def _run(url: str, step: Callable[[Config], object]) -> None:
    engine = create_async_engine(url, connect_args=connect_args(url, "schema"))
    try:
        with translated():
            async with engine.begin() as connection:
                await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('parley.schema'))"))
                await connection.execute(text(f"SET LOCAL lock_timeout = {_LOCK_LIMIT_MS}"))
                await connection.run_sync(_step_on, step)
    finally:
        await engine.dispose()


def _step_on(connection: Connection, step: Callable[[Config], object]) -> None:
    config = Config()
    # A "%" would be read as interpolation by the configuration parser.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    step(config)
