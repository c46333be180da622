"""The whole sending side, on a real PostgreSQL and against the simulator's Graph with Meta's limits."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from actors.sender import Sender as SendingActor
from models.message import OutboundMessage, Sender
from models.tables import conversations, outbox
from security.keyring import Keyring
from store.codec import OUTBOUND
from store.database import Database
from store.outbox import Outbox
from tests.factories import Business, inbound, make_business
from tests.unit.simulator.servers import TOKEN, Wire, number_fields, wire
from whatsapp.client import GraphClient, GraphOptions
from whatsapp.inbound import parse_updates
from whatsapp.simulator.knobs import GraphFaults

pytestmark = pytest.mark.postgres


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """A number of ours that the simulator knows, and what sends from it."""

    business: Business
    wire: Wire
    graph: GraphClient

    def sender(self, owner: str) -> SendingActor:
        return SendingActor(owner, Outbox(self.business.database, self.business.keyring), self.graph)

    async def written(self, count: int) -> None:
        """Let so many people write, and queue an answer for each."""
        users = await self.wire.control.add_users(count)
        for user in users:
            await self.wire.control.send_text(user.id, self.business.number, "Hello?")
        said = [
            inbound(phone_number_id=self.business.number, sender=Sender(phone=user.phone), sent_at=datetime.now(UTC))
            for user in users
        ]
        await self.business.receive(*said)
        async with self.business.database.write() as connection:
            mine = select(conversations.c.id).where(conversations.c.phone_number_id == self.business.number)
            rows = [
                {"phone_number_id": self.business.number, "conversation_id": key, "body": self._body()}
                for key in (await connection.execute(mine)).scalars()
            ]
            await connection.execute(outbox.insert(), rows)

    async def count(self, *states: str) -> int:
        async with self.business.database.read() as connection:
            mine = outbox.c.phone_number_id == self.business.number
            found = select(func.count()).where(mine, outbox.c.state.in_(states))
            return int((await connection.execute(found)).scalar_one())

    async def until(self, is_so: Callable[[int], bool], *states: str) -> None:
        """Wait until the count of messages in these states is so."""
        async with asyncio.timeout(30):
            while True:
                if is_so(await self.count(*states)):
                    return
                await asyncio.sleep(0.02)

    def _body(self) -> bytes:
        return OUTBOUND.seal(self.business.keyring, OutboundMessage(body="At nine."))


@pytest.fixture
async def road(business: Business) -> AsyncIterator[Road]:
    async def token_for(_: str) -> str:
        return TOKEN

    async with wire() as wired, GraphClient(token_for, GraphOptions(base_url=wired.url)) as graph:
        yield await connected(business, wired, graph)


async def connected(business: Business, wired: Wire, graph: GraphClient) -> Road:
    ours: dict[str, Any] = {"phone_number_id": business.number, "display_phone_number": f"+1 555 {business.number}"}
    await wired.control.add_number(**(number_fields(wired.callback_url) | ours))
    return Road(business=business, wire=wired, graph=graph)


async def test_a_burst_is_never_told_off_not_even_when_senders_change(road: Road) -> None:
    people = 100  # more than the simulator lets through at once
    await road.written(people)
    first, second = road.sender("first"), road.sender("second")
    first.start()
    await road.until(lambda count: count >= people / 3, "accepted")
    await first.drain()
    second.start()
    await road.until(lambda count: count == people, "accepted")
    await second.drain()
    progress = await road.wire.control.progress()
    assert (sum(progress.refused.values()), progress.accepted) == (0, people)


async def test_a_flood_of_one_tenant_does_not_hold_up_anothers_answer(
    road: Road, database: Database, keyring: Keyring
) -> None:
    trickle = await connected(await make_business(database, keyring), road.wire, road.graph)
    await trickle.written(1)
    await trickle.business.execute("UPDATE outbox SET due_at = 'infinity' WHERE phone_number_id = :number")
    await road.written(150)
    sender = road.sender("of both")
    sender.start()
    await road.until(lambda count: count >= 10, "accepted")
    await trickle.business.execute("UPDATE outbox SET due_at = now() WHERE phone_number_id = :number")
    await trickle.until(lambda count: count == 1, "accepted")
    assert await road.count("queued") > 0  # the flood goes on
    await sender.drain()


async def test_a_lost_answer_is_reconciled_by_its_status_and_not_sent_twice(road: Road) -> None:
    await road.wire.control.set_faults(graph=GraphFaults(lost_answer_share=1.0))
    await road.written(1)
    sender = road.sender("sender")
    sender.start()
    await road.until(lambda count: count == 1, "unknown")
    told = road.wire.business
    await told.until(lambda: any(status["status"] == "delivered" for status in _statuses(told.bodies)))
    for body in told.bodies:
        await road.business.inbox.receive([parse_updates(json.loads(body))])
    assert await road.count("delivered") == 1
    await sender.drain()
    assert len({status["id"] for status in _statuses(told.bodies)}) == 1


def _statuses(bodies: list[bytes]) -> list[dict[str, Any]]:
    values = [json.loads(body)["entry"][0]["changes"][0]["value"] for body in bodies]
    return [status for value in values for status in value.get("statuses", [])]
