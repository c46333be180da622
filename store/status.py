"""How much waits, for whoever watches: one statement, a few index scans."""

from sqlalchemy import text

from models.status import QueueDepths
from store.database import Database

_DEPTHS = text("""
    SELECT (SELECT count(*) FROM inbox WHERE state = 'received') AS inbox_unfinished,
           (SELECT coalesce(extract(epoch FROM now() - min(received_at)), 0) FROM inbox WHERE state = 'received')
               AS inbox_oldest_age_s,
           (SELECT count(*) FROM outbox WHERE state IN ('queued', 'sending', 'unknown')) AS outbox_unsent,
           (SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0) FROM outbox
             WHERE state IN ('queued', 'sending', 'unknown')) AS outbox_oldest_age_s,
           (SELECT count(*) FROM outbox WHERE state = 'failed' AND failed_at > now() - interval '1 day')
               AS outbox_failed,
           (SELECT count(*) FROM numbers WHERE stopped_reason IS NOT NULL) AS numbers_stopped,
           (SELECT count(*) FROM documents WHERE state IN ('received', 'removed')) AS documents_waiting,
           (SELECT count(*) FROM quarantine) AS quarantined,
           (SELECT count(*) FROM inbox WHERE state = 'buried') AS dead,
           (SELECT count(*) FROM conversations WHERE wants_person_since IS NOT NULL AND taken_by IS NULL)
               AS people_waiting,
           (SELECT coalesce(extract(epoch FROM now() - min(wants_person_since)), 0) FROM conversations
             WHERE wants_person_since IS NOT NULL AND taken_by IS NULL) AS people_oldest_wait_s
""")


# What one kind of worker has before it; nobody needs to know more exactly how much "very much" is.
BACKLOGS = {
    "conversation": text("SELECT count(*) FROM (SELECT FROM inbox WHERE state = 'received' LIMIT 100000) AS waiting"),
    "sender": text("""
        SELECT count(*)
          FROM (SELECT FROM outbox WHERE state IN ('queued', 'sending', 'unknown') LIMIT 100000) AS waiting"""),
    "indexer": text("""
        SELECT count(*) FROM (SELECT FROM documents WHERE state IN ('received', 'removed') LIMIT 100000) AS waiting"""),
}


async def backlog(database: Database, kind: str) -> int:
    """Give how many rows wait for all workers of a kind together, at most 100,000; 0 for kinds that have no queue.

    Raises:
        StoreUnavailable: retryable.
    """
    if kind not in BACKLOGS:
        return 0
    async with database.read() as connection:
        return int((await connection.execute(BACKLOGS[kind])).scalar_one())


async def queue_depths(database: Database) -> QueueDepths:
    """Give what waits now.

    Raises:
        StoreUnavailable: retryable.
    """
    async with database.read() as connection:
        row = (await connection.execute(_DEPTHS)).one()
    return QueueDepths(**{name: type_(row._mapping[name]) for name, type_ in QueueDepths.__annotations__.items()})


async def can_keep(database: Database) -> None:
    """Return when a message could be kept right now.

    Raises:
        StoreUnavailable: retryable.
    """
    async with database.write() as connection:
        await connection.execute(text("SELECT FROM inbox LIMIT 1"))
