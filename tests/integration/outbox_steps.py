"""Steps that tests of the outbox and of statuses share, on a real PostgreSQL."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from models.message import DeliveryState, WebhookUpdates
from models.tables import outbox
from store.outbox import ClaimedNumber, Outbox, QueuedMessage
from tests.factories import Business, status


async def row_of(business: Business, key: int) -> object:
    async with business.database.read() as connection:
        return (await connection.execute(select(outbox).where(outbox.c.id == key))).one()


async def state_of(business: Business, key: int) -> str:
    return str((await row_of(business, key)).state)  # type: ignore[attr-defined]


async def claimed(business: Business, queue: Outbox, owner: str = "sender") -> ClaimedNumber:
    """The claim on this business's number; the others of this database are let go."""
    mine = None
    for number in await queue.claim_numbers(owner, 1000):
        if number.phone_number_id == business.number:
            mine = number
        else:
            await queue.release(number)
    assert mine is not None
    return mine


async def begun(business: Business, queue: Outbox) -> tuple[int, UUID]:
    """One message on its way: its key and the attempt's id."""
    (key,) = await business.answer("We open at nine.")
    attempts = await queue.begin(await claimed(business, queue), [key])
    return key, attempts[key]


async def told(business: Business, *states: DeliveryState, **fields: object) -> None:
    """Statuses of one body."""
    values = {"phone_number_id": business.number, "wamid": "wamid.x", **fields}
    await business.inbox.receive([WebhookUpdates(statuses=tuple(status(state, **values) for state in states))])


def bodies(heads: Sequence[QueuedMessage]) -> list[str]:
    return sorted(head.message.body for head in heads)


async def claimed_again(business: Business, queue: Outbox) -> ClaimedNumber:
    await business.execute("UPDATE numbers SET lease_until = NULL WHERE phone_number_id = :number")
    return await claimed(business, queue)


async def age(business: Business, key: int, *, seconds: float) -> None:
    await business.execute(
        "UPDATE outbox SET sending_at = now() - make_interval(secs => :age) WHERE id = :key", age=seconds, key=key
    )
