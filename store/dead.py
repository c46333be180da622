"""What could not be processed: buried messages and failed sends, shown without their words, and tried again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text, update

from models.tables import conversations, inbox, outbox
from store.database import Database
from store.leases import in_order

_LIST = text("""
    SELECT 'inbox' AS queue, id, received_at AS at, reason FROM inbox WHERE state = 'buried'
    UNION ALL
    SELECT 'outbox', id, created_at, coalesce(reason, 'failed') || coalesce(' (code ' || error_code || ')', '')
      FROM outbox WHERE state = 'failed'
    UNION ALL
    SELECT 'quarantine', id, received_at, reason FROM quarantine
     ORDER BY at DESC LIMIT :limit
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadRow:
    """One row that needs a person."""

    queue: str  # inbox, outbox or quarantine
    id: int
    at: datetime
    reason: str


class Dead:
    """The operator's view of what was given up."""

    def __init__(self, database: Database) -> None:
        """Share the process's pool."""
        self._database = database

    async def rows(self, limit: int = 100) -> list[DeadRow]:
        """Give the newest."""
        async with self._database.read() as connection:
            found = await connection.execute(_LIST, {"limit": limit})
            return [DeadRow(queue=row.queue, id=row.id, at=row.at, reason=row.reason) for row in found]

    async def replay_inbox(self, ids: Sequence[int]) -> int:
        """Answer buried messages after all; give how many."""
        again = (
            update(inbox)
            .where(inbox.c.id.in_(ids), inbox.c.state == "buried")
            .values(state="received", reason=None)
            .returning(inbox.c.conversation_id)
        )
        async with self._database.write() as connection:
            touched = list((await connection.execute(again)).scalars())
            locked = in_order(conversations, conversations.c.id.in_([key for key in touched if key is not None]))
            await connection.execute(
                update(conversations)
                .where(conversations.c.id == locked.c.id)
                .values(ready_at=func.now(), tries=0, expiries=0)
            )
        return len(touched)

    async def replay_outbox(self, ids: Sequence[int]) -> int:
        """Send failed messages after all; give how many.

        The attempt that failed is forgotten: Meta repeats its status for days, and must not end the next one by it.
        """
        locked = in_order(outbox, outbox.c.id.in_(ids) & (outbox.c.state == "failed"))
        again = (
            update(outbox)
            .where(outbox.c.id == locked.c.id)
            .values(
                state="queued", due_at=func.now(), reason=None, error_code=None, failed_at=None, resent_at=None,
                attempt_id=None, wamid=None, wamid_digest=None,
            )
        )  # fmt: skip
        async with self._database.write() as connection:
            return (await connection.execute(again)).rowcount

    async def all_ids(self, queue: str) -> list[int]:
        """Give every dead id of the inbox or the outbox."""
        table, state = (inbox, "buried") if queue == "inbox" else (outbox, "failed")
        async with self._database.read() as connection:
            return list((await connection.execute(select(table.c.id).where(table.c.state == state))).scalars())
