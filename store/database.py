"""The engine, its kinds of transaction, and the translation of its errors: the only place that commits."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NewType
from uuid import uuid4

from asyncpg.exceptions import InterfaceError as DriverInterfaceError
from asyncpg.exceptions import InternalClientError, OperatorInterventionError, PostgresConnectionError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from models.errors import StoreUnavailable

STATEMENT_LIMIT_S = 10.0  # longer than any statement of the road; migrations use an engine of their own
CONNECT_LIMIT_S = 5.0
POOL_WAIT_S = 5.0

# How the driver tells that a connection was ended: by the server, while in use, or before.
_BROKEN = (PostgresConnectionError, OperatorInterventionError, DriverInterfaceError, InternalClientError)

# A read path cannot be handed a write path unnoticed: the two are different types.
Reading = NewType("Reading", AsyncConnection)
Writing = NewType("Writing", AsyncConnection)


class Database:
    """One pool of connections to PostgreSQL; make one in each process, inside its event loop."""

    def __init__(self, url: str, *, name: str, pool_size: int = 5) -> None:
        """Prepare, without connecting.

        Args:
            url: `postgresql+asyncpg://…`; behind PgBouncer's transaction mode add `?prepared_statement_cache_size=0`,
                which keeps no prepared statement beyond its transaction and sends no setting that a pooler refuses.
            name: shown as `application_name` in `pg_stat_activity`.
            pool_size: connections kept; as many again may be opened under load.
        """
        self._engine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=POOL_WAIT_S,
            hide_parameters=True,  # values are people's; they must not reach a log
            pool_pre_ping=False,  # a round trip a transaction; a dead connection is dropped when it fails
            connect_args={
                **connect_args(url, name),
                "command_timeout": STATEMENT_LIMIT_S,
            },
        )
        self._is_pooled = is_pooled(url)
        self._at_once = self._engine.execution_options(isolation_level="AUTOCOMMIT")  # shares the pool
        self._asked: AsyncConnection | None = None
        self._asking = asyncio.Lock()

    @property
    def engine(self) -> AsyncEngine:
        """For migrations and tests."""
        return self._engine

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Reading]:
        """Open a connection whose work is rolled back at the end.

        Raises:
            StoreUnavailable: retryable.
        """
        with translated():
            async with self._engine.connect() as connection:
                yield Reading(connection)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Writing]:
        """Open a transaction; committed at the end, rolled back by any exception.

        Raises:
            StoreUnavailable: retryable; nothing was kept, or (rarely, when the connection died at the commit) all was.
        """
        with translated():
            async with self._engine.begin() as connection:
                yield Writing(connection)

    @asynccontextmanager
    async def write_at_once(self) -> AsyncIterator[Writing]:
        """Open a connection on which every statement is a transaction of its own, without the round trips of one.

        For what a single statement does whole; a second one on it stands for itself.

        Raises:
            StoreUnavailable: as for `write`.
        """
        # A pooler may hand the connection on between preparing a statement and running it, but for a transaction.
        opened = self._engine.begin() if self._is_pooled else self._at_once.connect()
        with translated():
            async with opened as connection:
                yield Writing(connection)

    async def gives_rows(self, query: str) -> bool:
        """Say whether a query without parameters gives any row.

        For what is asked many times a second: on a connection that is kept for it, past the pool and SQLAlchemy, a
        third of the processor's time. By the simple protocol, which needs no prepared statement: it passes any pooler.

        Raises:
            StoreUnavailable: retryable.
        """
        async with self._asking:
            try:
                with translated():
                    return bool(await self._rows_of(query))
            except BaseException:
                await self._end_asking()
                raise

    async def _rows_of(self, query: str) -> int:
        if self._asked is None:
            self._asked = await self._at_once.connect()
        driver: Any = (await self._asked.get_raw_connection()).driver_connection
        try:
            status: str = await driver.execute(query, timeout=STATEMENT_LIMIT_S)  # such as "SELECT 1"
        except _BROKEN as error:
            raise StoreUnavailable("PostgreSQL is going away or restarting") from error
        return int(status.rpartition(" ")[2])

    async def _end_asking(self) -> None:
        asked, self._asked = self._asked, None
        if asked is not None:
            await asked.invalidate()
            await asked.close()

    async def close(self) -> None:
        """Give the connections back to the server."""
        await self._end_asking()
        await self._engine.dispose()


def is_pooled(url: str) -> bool:
    """Say whether the URL tells that a pooler hands out connections a transaction at a time."""
    return make_url(url).query.get("prepared_statement_cache_size") == "0"


def connect_args(url: str, name: str) -> dict[str, Any]:
    """Give what every connection of ours is opened with, by a pooler that hands connections on or without one."""
    own = {"application_name": f"parley {name}"}
    return {
        "timeout": CONNECT_LIMIT_S,
        # Unique names: after a transaction the server's connection may be somebody else's, with their statements.
        "prepared_statement_name_func": lambda: f"parley_{uuid4().hex}",
        # PgBouncer refuses settings that it does not know.
        "server_settings": own if is_pooled(url) else {**own, "jit": "off"},
        **({"statement_cache_size": 0} if is_pooled(url) else {}),
    }


@contextmanager
def translated() -> Iterator[None]:
    """Turn "the database is away" into our own error; a mistake of ours in a statement stays what it is."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout, OSError, TimeoutError) as error:
        raise StoreUnavailable("PostgreSQL does not answer in time") from error
    except DBAPIError as error:
        if error.connection_invalidated or _is_server_side(error):
            raise StoreUnavailable("PostgreSQL is going away or restarting") from error
        raise


# SQLSTATE classes: 08 connection, 53 resources, 57 operator intervention, 40 rollback by the server (deadlock).
_AWAY = ("08", "53", "57", "40", "55P03")


def _is_server_side(error: DBAPIError) -> bool:
    return str(getattr(error.orig, "sqlstate", None) or "").startswith(_AWAY)
