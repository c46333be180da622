"""Forgets what is old, in small batches: no statement holds more than a batch of locks, or holds them for long.

Rows are found by their ids, which grow with time, so that no index is kept for this alone. One rule: what is not
finished is never forgotten, however old (docs/decisions/0014).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, bindparam, delete, exists, func, literal, select

from models.tables import inbox, other_updates, outbox, parked_statuses, quarantine, turns
from store.database import Database, Writing

UNMATCHED_LIFE = timedelta(days=30)  # Meta keeps a message no longer, so nothing later can match
MOST_QUARANTINED = 10_000  # each may be 3 MB
MOST_OTHER = 100_000
BATCH = 1_000
BUDGET_S = 2.5  # of a run: less than the lease of a duty

_GREATEST = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetting:
    """What of a table may go."""

    table: Table
    age: str  # the column that tells when a row came
    life: timedelta
    finished: ColumnElement[bool] | None = None  # None: all rows are
    most: int | None = None  # of the newest rows to keep; older ones go before their time


class Retention:
    """The caretaker's view of what is old."""

    def __init__(self, database: Database, *, messages_life: timedelta) -> None:
        """Share the process's pool.

        Args:
            database: of everything.
            messages_life: how long messages, answers and turns stay; more than the 7 days in which Meta repeats a
                webhook, since the row of a message is what makes a repeat nothing new.
        """
        self._database = database
        self._plan = plan(messages_life)

    async def forget_old(self, budget_s: float = BUDGET_S) -> int:
        """Delete for some seconds, the oldest first; give how many rows are gone.

        Raises:
            StoreUnavailable: retryable; the batches before stay deleted.
        """
        ends_at = monotonic() + budget_s
        return sum([await self._forget(part, ends_at) for part in self._plan])

    async def _forget(self, part: Forgetting, ends_at: float) -> int:
        """Find once where the young rows begin, then delete below it."""
        async with self._database.read() as connection:
            first_kept = int((await connection.execute(first_young(part))).scalar_one())
        gone, batch = 0, BATCH
        while batch == BATCH and monotonic() < ends_at:
            async with self._database.write() as connection:
                batch = await _delete_batch(connection, part, first_kept)
            gone += batch
        return gone


def plan(messages_life: timedelta) -> tuple[Forgetting, ...]:
    """Say what may go, and when."""
    sent = outbox.c.state.not_in(["queued", "sending", "unknown"])
    return (
        Forgetting(table=parked_statuses, age="received_at", life=UNMATCHED_LIFE),
        Forgetting(table=other_updates, age="received_at", life=UNMATCHED_LIFE, most=MOST_OTHER),
        Forgetting(table=quarantine, age="received_at", life=UNMATCHED_LIFE, most=MOST_QUARANTINED),
        Forgetting(table=inbox, age="received_at", life=messages_life, finished=inbox.c.state != "received"),
        Forgetting(table=outbox, age="created_at", life=messages_life, finished=sent),
    )


def first_young(part: Forgetting) -> Select[Any]:
    """Give the statement that finds the smallest id that stays; it reads no further than to the first young row."""
    key, age = part.table.c.id, part.table.c[part.age]
    by_age = select(key).where(age >= func.now() - literal(part.life)).order_by(key).limit(1).scalar_subquery()
    if part.most is None:
        return select(func.coalesce(by_age, _GREATEST))
    by_count = select(key).order_by(key.desc()).offset(part.most - 1).limit(1).scalar_subquery()
    return select(func.greatest(func.coalesce(by_age, _GREATEST), func.coalesce(by_count, 0)))


async def _delete_batch(connection: Writing, part: Forgetting, first_kept: int) -> int:
    key = part.table.c.id
    old = select(key).where(key < bindparam("first_kept"))
    if part.finished is not None:
        old = old.where(part.finished)
    # SKIP LOCKED: a row that somebody is about to change has its time at the next run.
    chosen = old.order_by(key).limit(BATCH).with_for_update(skip_locked=True)
    statement = delete(part.table).where(key.in_(chosen))
    if "turn_id" not in part.table.c:
        return (await connection.execute(statement, {"first_kept": first_kept})).rowcount
    rows = (await connection.execute(statement.returning(part.table.c.turn_id), {"first_kept": first_kept})).scalars()
    touched: Sequence[Any] = rows.all()
    await _forget_turns(connection, {turn_id for turn_id in touched if turn_id is not None})
    return len(touched)


async def _forget_turns(connection: Writing, ids: set[UUID]) -> None:
    """Delete the turns whose last message is gone."""
    questions = exists().where(inbox.c.turn_id == turns.c.id)
    answers = exists().where(outbox.c.turn_id == turns.c.id)
    if ids:
        await connection.execute(delete(turns).where(turns.c.id.in_(ids), ~questions, ~answers))
