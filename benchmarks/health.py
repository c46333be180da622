"""What must stay flat while a service runs for hours: memory, descriptors, dead rows, what waits."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from benchmarks.site import Site
from benchmarks.watching import look

DEPLOYMENTS = ("Ingress", "Conversation", "Sender", "Embedder", "Caretaker")
_DEAD = text("SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables")
_BYTES = text("SELECT pg_database_size(current_database())")
_LIMIT_S = 20.0


@dataclass(slots=True)
class Diary:
    """One list of values a figure, one value a look."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def note(self, name: str, value: float) -> None:
        """Add a value."""
        self.values.setdefault(name, []).append(value)


@asynccontextmanager
async def keeping_diary(site: Site, every_s: float) -> AsyncIterator[Diary]:
    """Look at processes and database for the length of a block."""
    diary = Diary()
    task = asyncio.create_task(_keep(site, every_s, diary))
    try:
        yield diary
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _keep(site: Site, every_s: float, diary: Diary) -> None:
    engine = create_async_engine(site.database_url, connect_args={"timeout": _LIMIT_S, "command_timeout": _LIMIT_S})
    try:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            while True:
                await asyncio.to_thread(_note_processes, site, diary)
                await _note_database(connection, diary)
                await asyncio.sleep(every_s)
    finally:
        await engine.dispose()


def _note_processes(site: Site, diary: Diary) -> None:
    for deployment in DEPLOYMENTS:
        seen = [found for pid in site.processes(deployment) if (found := look(pid)) is not None]
        if seen:
            diary.note(f"{deployment}_mb", sum(memory for memory, _ in seen))
            diary.note(f"{deployment}_descriptors", sum(count for _, count in seen))


async def _note_database(connection: AsyncConnection, diary: Diary) -> None:
    diary.note("dead_rows", float((await connection.execute(_DEAD)).scalar_one()))
    diary.note("database_mb", float((await connection.execute(_BYTES)).scalar_one()) / 1e6)


def growth(values: Sequence[float]) -> float:
    """How much higher the last third is than the middle third, as a share of it: medians, so that peaks do not count.

    The first third is left out: pools fill, caches warm up. 0 where there are too few values to say.
    """
    third = len(values) // 3
    if third == 0:
        return 0.0
    middle, last = median(values[third : 2 * third]), median(values[2 * third :])
    return (last - middle) / middle if middle else 0.0
