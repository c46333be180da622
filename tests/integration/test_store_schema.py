"""Migrations, and the plans of the queries that every message takes, on a real PostgreSQL."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import ARRAY, BigInteger, ClauseElement, Text, TextClause, Uuid, bindparam, text

from models.conversation import SERVICE_WINDOW
from security.keyring import Keyring
from store.conversations import WORK_WAITS, claiming_due
from store.database import Database
from store.moves import MERGED
from store.outbox import HEADS, ORDER_WAIT
from store.retention import first_young, plan
from store.routing import BATCH, UNROUTED
from store.schema import downgrade, drift, upgrade
from store.status import BACKLOGS
from store.turns import GONE_ON, unanswered
from tests.factories import make_business

pytestmark = pytest.mark.postgres


async def test_the_schema_goes_up_down_and_up_and_is_that_of_the_code(empty_database_url: str) -> None:
    await upgrade(empty_database_url)
    assert await drift(empty_database_url) == []
    await downgrade(empty_database_url)
    await upgrade(empty_database_url)
    await upgrade(empty_database_url)  # nothing to do
    assert await drift(empty_database_url) == []


async def test_busy_tables_are_stored_as_was_measured(database: Database) -> None:
    """docs/decisions/0016."""
    statement = "SELECT relname, reloptions FROM pg_class WHERE relkind = 'r' AND reloptions IS NOT NULL"
    async with database.read() as connection:
        options = {name: stored for name, stored in await connection.execute(text(statement))}
    often = ["autovacuum_vacuum_scale_factor=0.02", "autovacuum_vacuum_insert_scale_factor=0.05"]
    assert options == {
        "conversations": ["fillfactor=70", "autovacuum_vacuum_scale_factor=0.05"],
        "inbox": often,
        "outbox": often,
    }


def heads_of(number: str) -> TextClause:
    return HEADS.bindparams(phone_number_id=number, limit=64, order_wait=ORDER_WAIT, window=SERVICE_WINDOW)


def young_of(table: str) -> ClauseElement:
    return next(first_young(part) for part in plan(timedelta(days=90)) if part.table.name == table)


def news_of(*conversation_ids: UUID) -> TextClause:
    arrays = {"conversations": ARRAY(Uuid), "held": ARRAY(BigInteger), "unasking": ARRAY(Text)}
    values: dict[str, list[object]] = {"conversations": [*conversation_ids], "held": [1, 2], "unasking": ["reaction"]}
    return GONE_ON.bindparams(*(bindparam(name, values[name], type_=kind) for name, kind in arrays.items()))


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (lambda _: claiming_due("worker", 32), "ix_conversations_ready"),
        (lambda _: UNROUTED.limit(BATCH), "ix_inbox_unrouted"),
        (lambda _: unanswered(uuid4()), "ix_inbox_unfinished"),
        (lambda _: text(WORK_WAITS), "ix_inbox_unrouted"),
        (lambda _: text(WORK_WAITS), "ix_conversations_ready"),
        (lambda _: news_of(uuid4(), uuid4()), "ix_inbox_unfinished"),
        (lambda _: MERGED.limit(20), "ix_contacts_merged_into"),
        (lambda _: young_of("inbox"), "pk_inbox"),
        (lambda _: young_of("outbox"), "pk_outbox"),
        (lambda _: BACKLOGS["conversation"], "ix_inbox_unfinished"),
        (lambda _: BACKLOGS["sender"], "ix_outbox_unfinished"),
        (heads_of, "ix_outbox_queued"),
        (heads_of, "ix_outbox_unfinished"),
    ],
    ids=[
        "claim",
        "unrouted",
        "unanswered",
        "what waits to be routed",
        "what waits to be claimed",
        "news",
        "who has moved",
        "where the young messages begin",
        "where the young answers begin",
        "the backlog of conversations",
        "the backlog of a sender",
        "the oldest heads",
        "what is before a head",
    ],
)
async def test_a_hot_statement_uses_its_index_on_a_grown_table(
    grown: Database, number: str, statement: Callable[[str], ClauseElement], index: str
) -> None:
    assert index in await _plan(grown, statement(number))


async def _plan(database: Database, statement: ClauseElement) -> str:
    literal = statement.compile(dialect=database.engine.dialect, compile_kwargs={"literal_binds": True})
    async with database.read() as connection:
        rows = await connection.exec_driver_sql(f"EXPLAIN {literal}")
        return "\n".join(rows.scalars())


@pytest.fixture(scope="module")
async def number(database: Database, keyring: Keyring) -> str:
    return (await make_business(database, keyring)).number


@pytest.fixture(scope="module")
async def grown(database: Database, number: str) -> Database:
    """20,000 answered messages and sent replies of 2,000 users, and a few that wait."""
    for statement in _GROW:
        async with database.write() as connection:
            await connection.execute(text(statement), {"number": number} if ":number" in statement else {})
    async with database.write() as connection:
        await connection.execute(text("ANALYZE"))
    return database


_GROW = (
    """INSERT INTO contacts (id, tenant_id) SELECT gen_random_uuid(), tenant_id
         FROM numbers, generate_series(1, 2000) WHERE phone_number_id = :number""",
    """INSERT INTO conversations (id, tenant_id, phone_number_id, contact_id, ready_at)
       SELECT gen_random_uuid(), tenant_id, :number, id, CASE WHEN random() < 0.01 THEN now() END FROM contacts""",
    """INSERT INTO inbox (phone_number_id, wamid_digest, kind, sent_at, body, state, conversation_id)
       SELECT phone_number_id, uuid_send(gen_random_uuid()), 'text', now(), 'x',
              CASE WHEN random() < 0.005 THEN 'received' ELSE 'answered' END, id
         FROM conversations, generate_series(1, 10)""",
    """INSERT INTO inbox (phone_number_id, wamid_digest, kind, sent_at, body)
       SELECT :number, uuid_send(gen_random_uuid()), 'text', now(), 'x' FROM generate_series(1, 50)""",
    """INSERT INTO outbox (phone_number_id, conversation_id, body, state)
       SELECT phone_number_id, id, 'x', CASE WHEN random() < 0.005 THEN 'queued' ELSE 'sent' END
         FROM conversations, generate_series(1, 10)""",
)
