"""Who waits for whom in PostgreSQL."""

import asyncio
from uuid import UUID

from sqlalchemy import select

from models.tables import conversations
from store.database import Database

_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def until_waiting(database: Database, how_many: int = 1) -> None:
    """Return when so many connections of this database wait for a lock."""
    async with asyncio.timeout(5):
        while True:
            async with database.engine.connect() as connection:
                if (await connection.exec_driver_sql(_WAITING)).scalar_one() >= how_many:
                    return
            await asyncio.sleep(0.01)


async def lock_at_once(database: Database, conversation_id: UUID) -> None:
    """Raise when somebody else is about to change the conversation."""
    statement = select(conversations.c.id).where(conversations.c.id == conversation_id)
    async with database.engine.connect() as connection:
        await connection.execute(statement.with_for_update(nowait=True, key_share=True))
