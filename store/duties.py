"""Upkeep that one worker at a time does, claimed like everything else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert

from models.tables import duties
from store import leases
from store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedDuty:
    """A duty that is ours until the lease runs out."""

    name: str
    fence: int


class Duties:
    """The caretaker's timetable."""

    def __init__(self, database: Database) -> None:
        """Share the process's pool."""
        self._database = database

    async def enrol(self, names: Sequence[str]) -> None:
        """Make the rows of duties that are new."""
        async with self._database.write() as connection:
            rows = [{"name": name} for name in names]
            await connection.execute(insert(duties).values(rows).on_conflict_do_nothing())

    async def claim(self, owner: str) -> ClaimedDuty | None:
        """Take the duty that has been due for longest; None when none is."""
        async with self._database.write() as connection:
            rows = await leases.claim(
                connection,
                duties,
                owner=owner,
                where=duties.c.due_at <= func.now(),
                order_by=duties.c.due_at,
                limit=1,
            )
        return ClaimedDuty(name=rows[0].name, fence=rows[0].fence) if rows else None

    async def done(self, claimed: ClaimedDuty, again_in: timedelta) -> None:
        """Say when it is due again.

        Raises:
            LeaseLost: another caretaker has it.
        """
        async with self._database.write() as connection:
            await leases.finish(connection, duties, claimed.name, claimed.fence, due_at=func.now() + again_in)
