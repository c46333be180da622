"""Claims: how all workers take rows, keep them, and lose them without harm.

A row is held by an owner until a time, by the database's clock. Every claim raises the row's fence; whoever writes
what came of the work first asks `hold` with the fence of its claim, so that a holder who was too slow changes nothing.
A lease that ran out is counted apart from a failure that was reported: a killed process says nothing about the row.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CTE, ColumnElement, Row, Table, Update, and_, case, func, null, or_, select, update

from models.errors import LeaseLost
from store.database import Writing

LEASE = timedelta(seconds=5)
RENEW_EVERY = timedelta(seconds=1.5)  # three chances before the lease runs out


def _key(table: Table) -> ColumnElement[Any]:
    (column,) = table.primary_key.columns
    return column


def in_order(table: Table, where: ColumnElement[bool]) -> CTE:
    """Lock rows for an UPDATE of the same statement, in the order of their keys, and give the keys.

    Whoever waits for locks on several rows of a claimable table takes them so: two that took the same rows in
    different orders would be a deadlock. Not FOR UPDATE: that would also wait for whoever only refers to the row.
    """
    key = _key(table)
    return select(key).where(where).order_by(key).with_for_update(key_share=True).cte("locked")


def claiming(
    table: Table,
    *,
    owner: str,
    where: ColumnElement[bool],
    order_by: ColumnElement[Any] | tuple[ColumnElement[Any], ...],
    limit: int,
) -> Update:
    """Give the statement that takes up to `limit` rows that nobody holds, in order."""
    now = func.now()
    free = or_(table.c.lease_until.is_(None), table.c.lease_until < now)
    order = order_by if isinstance(order_by, tuple) else (order_by,)
    due = select(_key(table)).where(where, free).order_by(*order).limit(limit)
    # SKIP LOCKED: two claimers never wait for each other, and never take the same row.
    chosen = due.with_for_update(skip_locked=True, key_share=True).cte("chosen")
    return (
        update(table)
        .where(_key(table) == chosen.c[0])
        .values(
            lease_owner=owner,
            lease_until=now + LEASE,
            fence=table.c.fence + 1,
            expiries=table.c.expiries + case((table.c.lease_until.is_(None), 0), else_=1),
        )
        .returning(table)
    )


async def claim(
    connection: Writing,
    table: Table,
    *,
    owner: str,
    where: ColumnElement[bool],
    order_by: ColumnElement[Any] | tuple[ColumnElement[Any], ...],
    limit: int,
) -> Sequence[Row[Any]]:
    """Take up to `limit` rows that nobody holds, in order; give them whole, with their new fence."""
    statement = claiming(table, owner=owner, where=where, order_by=order_by, limit=limit)
    rows: Sequence[Row[Any]] = (await connection.execute(statement)).all()
    return rows


async def renew(connection: Writing, table: Table, *, owner: str, keys: Collection[Any]) -> set[Any]:
    """Lengthen the leases of this owner on the rows that it works on; give the keys that it still holds.

    Never "all of this owner": a row that its worker could not let go of, or never learned that it had, must run out.
    """
    held = and_(_key(table).in_(keys), table.c.lease_owner == owner, table.c.lease_until >= func.now())
    locked = in_order(table, held)
    statement = (
        update(table).where(_key(table) == locked.c[0]).values(lease_until=func.now() + LEASE).returning(_key(table))
    )
    return set((await connection.execute(statement)).scalars())


async def hold(connection: Writing, table: Table, key: UUID | str | int, fence: int) -> Row[Any]:
    """Lock the row until the end of the transaction, if the claim with this fence is still the newest.

    Raises:
        LeaseLost: somebody else has claimed it since; write nothing.
    """
    mine = and_(_key(table) == key, table.c.fence == fence)
    statement = select(table).where(mine).with_for_update(key_share=True)
    row = (await connection.execute(statement)).one_or_none()
    if row is None:
        raise LeaseLost(f"a row of {table.name} was claimed by another worker")
    return row


async def finish(connection: Writing, table: Table, key: UUID | str | int, fence: int, **values: Any) -> None:
    """Let go of the row after its work is done, and write what else changes on it.

    Raises:
        LeaseLost: somebody else has claimed it since; nothing was written.
    """
    await _let_go(connection, table, key, fence, tries=0, expiries=0, **values)


async def give_back(connection: Writing, table: Table, key: UUID | str | int, fence: int, **values: Any) -> None:
    """Let go of the row with its work undone, so that another worker takes it at once; raises as `finish`."""
    await _let_go(connection, table, key, fence, **values)


async def fail(connection: Writing, table: Table, key: UUID | str | int, fence: int, **values: Any) -> None:
    """Let go of the row after a failure of its own; raises as `finish`."""
    await _let_go(connection, table, key, fence, tries=table.c.tries + 1, **values)


async def _let_go(connection: Writing, table: Table, key: UUID | str | int, fence: int, **values: Any) -> None:
    statement = (
        update(table)
        .where(_key(table) == key, table.c.fence == fence)
        .values(lease_owner=null(), lease_until=null(), **values)
    )
    if (await connection.execute(statement)).rowcount == 0:
        raise LeaseLost(f"a row of {table.name} was claimed by another worker")
