"""What the ingress keeps, on a real PostgreSQL: once, whoever sends it how often, and nothing besides."""

import asyncio
from dataclasses import replace

import asyncpg
import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import make_url

from models.errors import StoreUnavailable
from models.message import DeliveryState, MessageKind, OtherUpdate, RejectedUpdate, WebhookUpdates
from models.tables import inbox, other_updates, quarantine
from security.keyring import Keyring
from store.codec import INBOUND
from store.database import Database
from store.documents import Documents
from store.inbox import Inbox
from store.status import backlog, can_keep, queue_depths
from tests.factories import Business, fresh, inbound, status
from tests.integration.locks import until_waiting

pytestmark = pytest.mark.postgres


async def kept(database: Database, keyring: Keyring, number: str) -> list[str | None]:
    """The texts of a number's messages by arrival."""
    statement = select(inbox.c.body).where(inbox.c.phone_number_id == number).order_by(inbox.c.id)
    async with database.read() as connection:
        return [INBOUND.open(keyring, body).text for (body,) in await connection.execute(statement)]


def body_of(*messages: object, **fields: object) -> WebhookUpdates:
    return WebhookUpdates(messages=messages, **fields)  # type: ignore[arg-type]


async def test_a_message_is_kept_as_it_came(database: Database, keyring: Keyring) -> None:
    message = inbound("¿Abren hoy? 🙂\x00", phone_number_id=fresh("n"), raw={"type": "text", "x": [1, None]})
    await Inbox(database, keyring).receive([body_of(message)])
    async with database.read() as connection:
        row = (await connection.execute(select(inbox).where(inbox.c.phone_number_id == message.phone_number_id))).one()
    assert INBOUND.open(keyring, row.body) == message
    assert message.wamid.encode() not in bytes(row.body) + bytes(row.wamid_digest)


async def test_a_message_twice_in_one_commit_is_kept_once(database: Database, keyring: Keyring) -> None:
    message = inbound(phone_number_id=fresh("n"))
    receipt = await Inbox(database, keyring).receive([body_of(message, message), body_of(message)])
    assert (receipt.messages, receipt.repeated) == (3, 2)
    assert len(await kept(database, keyring, message.phone_number_id)) == 1


async def test_a_message_in_two_commits_is_kept_once(database: Database, keyring: Keyring) -> None:
    message = inbound("first", phone_number_id=fresh("n"))
    await Inbox(database, keyring).receive([body_of(message)])
    receipt = await Inbox(database, keyring).receive([body_of(replace(message, text="again"))])
    assert receipt.repeated == 1
    assert await kept(database, keyring, message.phone_number_id) == ["first"]


async def test_a_receipt_tells_what_was_new_by_its_kind(database: Database, keyring: Keyring) -> None:
    number = fresh("n")
    known, text = inbound(phone_number_id=number), inbound(phone_number_id=number)
    image = inbound(phone_number_id=number, kind=MessageKind.IMAGE)
    await Inbox(database, keyring).receive([body_of(known)])
    receipt = await Inbox(database, keyring).receive([body_of(known, text, image), body_of(text)])
    assert (receipt.new, receipt.repeated) == ({MessageKind.TEXT: 1, MessageKind.IMAGE: 1}, 2)


async def test_the_same_wamid_at_another_number_is_another_message(database: Database, keyring: Keyring) -> None:
    one = inbound(phone_number_id=fresh("n"))
    receipt = await Inbox(database, keyring).receive([body_of(one, replace(one, phone_number_id=fresh("n")))])
    assert receipt.repeated == 0


async def test_commits_at_the_same_time_keep_the_same_messages_once(database: Database, keyring: Keyring) -> None:
    """In opposite orders, which would be a deadlock if rows were not sorted."""
    number = fresh("n")
    messages = [inbound(str(place), phone_number_id=number) for place in range(200)]
    bodies = [body_of(*messages), body_of(*reversed(messages))]
    receipts = await asyncio.gather(*(Inbox(database, keyring).receive([body]) for body in bodies * 3))
    assert sum(receipt.messages - receipt.repeated for receipt in receipts) == 200
    assert len(await kept(database, keyring, number)) == 200


async def test_a_commit_waits_for_the_one_that_holds_the_same_message(database: Database, keyring: Keyring) -> None:
    """If the first is rolled back, the second must keep the message: it was promised by its 200."""
    message = inbound(phone_number_id=fresh("n"))
    store = Inbox(database, keyring)
    async with database.engine.connect() as first:
        await store._keep_messages(first, [message])  # type: ignore[arg-type]
        second = asyncio.create_task(store.receive([body_of(message)]))
        await until_waiting(database)
        await first.rollback()
    assert (await second).repeated == 0


async def test_lines_of_one_second_keep_the_order_of_their_body(database: Database, keyring: Keyring) -> None:
    number = fresh("n")
    lines = [str(place) for place in range(20)]
    await Inbox(database, keyring).receive([body_of(*(inbound(line, phone_number_id=number) for line in lines))])
    assert await kept(database, keyring, number) == lines


async def test_other_updates_and_rejected_parts_are_kept(database: Database, keyring: Keyring) -> None:
    number, field = fresh("n"), fresh("field")
    body = body_of(
        others=(OtherUpdate(field=field, phone_number_id=number, raw={"a": 1}),),
        rejected=(RejectedUpdate(reason="message without id", phone_number_id=number, raw={"b": 2}),),
    )
    await Inbox(database, keyring).receive([body])
    async with database.read() as connection:
        other = (await connection.execute(select(other_updates).where(other_updates.c.field == field))).one()
        reject = (await connection.execute(select(quarantine).where(quarantine.c.phone_number_id == number))).one()
    assert keyring.decrypt(other.body, "other.body") == b'{"a":1}'
    assert (reject.reason, keyring.decrypt(reject.body, "quarantine.body")) == ("message without id", b'{"b":2}')


async def test_a_body_that_cannot_be_read_lies_in_quarantine(database: Database, keyring: Keyring) -> None:
    reason = fresh("reason")
    await Inbox(database, keyring).quarantine(reason, b"{\x00")
    async with database.read() as connection:
        row = (await connection.execute(select(quarantine).where(quarantine.c.reason == reason))).one()
    assert keyring.decrypt(row.body, "quarantine.body") == b"{\x00"


@pytest.mark.parametrize(
    "broken",
    [{"error_title": "half\x00title", "error_code": 131026}, {"error_title": "code of tomorrow", "error_code": 10**15}],
    ids=["NUL in a title", "code too large"],
)
async def test_an_odd_status_does_not_cost_the_message_beside_it(
    database: Database, keyring: Keyring, broken: dict[str, object]
) -> None:
    number = fresh("n")
    odd = status(DeliveryState.FAILED, phone_number_id=number, **broken)
    await Inbox(database, keyring).receive([body_of(inbound("hello", phone_number_id=number), statuses=(odd,))])
    assert await kept(database, keyring, number) == ["hello"]


async def test_a_group_is_kept_whole_or_not_at_all(database: Database, keyring: Keyring) -> None:
    number = fresh("n")
    spoilt = inbound(phone_number_id=f"{number}\x00")
    with pytest.raises(Exception, match=r"invalid byte sequence|null character"):
        await Inbox(database, keyring).receive([body_of(inbound(phone_number_id=number)), body_of(spoilt)])
    assert await kept(database, keyring, number) == []


async def test_queue_depths_count_what_waits(database: Database, keyring: Keyring) -> None:
    before = await queue_depths(database)
    await Inbox(database, keyring).receive([body_of(inbound(phone_number_id=fresh("n")))])
    after = await queue_depths(database)
    assert after.inbox_unfinished == before.inbox_unfinished + 1
    assert after.inbox_oldest_age_s >= 0
    async with database.read() as connection:
        assert after.quarantined == (await connection.execute(select(func.count()).select_from(quarantine))).scalar()


async def test_a_backlog_counts_what_one_kind_of_worker_has_before_it(business: Business) -> None:
    kinds = ("conversation", "sender", "indexer", "caretaker")

    async def backlogs() -> list[int]:
        return [await backlog(business.database, kind) for kind in kinds]

    before = await backlogs()
    await business.answer("At nine.", "At ten.")
    await business.inbox.receive([body_of(inbound(phone_number_id=business.number))])
    await Documents(business.database).add(business.tenant.id, "a.md", b"x")
    assert await backlogs() == [before[0] + 1, before[1] + 2, before[2] + 1, 0]


async def test_a_server_that_is_away_is_a_retryable_error(database_url: str, keyring: Keyring) -> None:
    nowhere = make_url(database_url).update_query_dict({"host": "/nowhere"})
    database = Database(nowhere.render_as_string(hide_password=False), name="tests")
    with pytest.raises(StoreUnavailable):
        await Inbox(database, keyring).receive([body_of(inbound())])
    with pytest.raises(StoreUnavailable):
        await can_keep(database)
    await database.close()


async def test_a_server_that_takes_no_more_connections_is_a_retryable_error(
    database_url: str, database: Database
) -> None:
    """Refused at the connect, as while a server starts: such errors come unwrapped from the driver."""
    role = fresh("guest")
    async with database.engine.begin() as connection:
        await connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 0")
    guest = Database(make_url(database_url).set(username=role).render_as_string(hide_password=False), name="tests")
    with pytest.raises(StoreUnavailable):
        await can_keep(guest)
    await guest.close()
    async with database.engine.begin() as connection:
        await connection.exec_driver_sql(f"DROP ROLE {role}")


async def test_a_server_that_ends_our_connections_is_a_retryable_error(database_url: str, database: Database) -> None:
    victim = Database(database_url, name="victim", pool_size=1)
    await can_keep(victim)
    parts = make_url(database_url)
    killer = await asyncpg.connect(user=parts.username, database=parts.database, host=str(parts.query["host"]))
    await killer.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'parley victim'"
    )
    await killer.close()
    with pytest.raises(StoreUnavailable):
        await can_keep(victim)
    await can_keep(victim)  # the dead connection was dropped
    await victim.close()
