"""Values for tests, whole by default: a test names only what matters to it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from uuid import UUID, uuid4

from sqlalchemy import select, text, update

from models.conversation import ClosedTurn, OpenTurn, ReceivedMessage, Tenant
from models.message import (
    DeliveryState,
    DeliveryStatus,
    InboundMessage,
    MessageKind,
    OutboundMessage,
    Recipient,
    Sender,
    WebhookUpdates,
)
from models.passage import Passage, Vector
from models.tables import conversations, inbox, outbox
from security.keyring import Keyring
from store.accounts import Accounts, App
from store.codec import OUTBOUND
from store.conversations import ClaimedConversation, Conversations
from store.database import Database
from store.inbox import Inbox
from store.routing import Router
from store.turns import Turns

_numbers = count(1)
SENT_AT = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def fresh(prefix: str) -> str:
    """A text that no other test uses."""
    return f"{prefix}{next(_numbers)}"


def phone() -> str:
    return f"1555{next(_numbers):07d}"


def wamid() -> str:
    return fresh("wamid.")


def inbound(said: str | None = "When do you open?", **fields: object) -> InboundMessage:
    values: dict[str, object] = {
        "phone_number_id": "n",
        "wamid": wamid(),
        "kind": MessageKind.TEXT,
        "sent_at": SENT_AT,
        "sender": Sender(phone="15550100101"),
        "text": said,
    }
    return InboundMessage(**{**values, **fields})  # type: ignore[arg-type]


def status(state: DeliveryState, **fields: object) -> DeliveryStatus:
    values: dict[str, object] = {"phone_number_id": "n", "wamid": wamid(), "state": state, "at": SENT_AT}
    return DeliveryStatus(**{**values, **fields})  # type: ignore[arg-type]


def passage(said: str, *, document_id: UUID | None = None, ordinal: int = 0, **fields: object) -> Passage:
    document_id = document_id or uuid4()
    values: dict[str, object] = {"id": f"{document_id}:{ordinal}", "title": "Handbook"}
    return Passage(document_id=document_id, ordinal=ordinal, text=said, **{**values, **fields})  # type: ignore[arg-type]


def direction(degrees: float) -> Vector:
    """A unit vector of two dimensions; the cosine of two of them is that of the angle between."""
    return [math.cos(math.radians(degrees)), math.sin(math.radians(degrees))]


def open_turn(*said: str | InboundMessage, received_at: datetime | None = None, **fields: object) -> OpenTurn:
    now = received_at or datetime.now(UTC)
    messages = [line if isinstance(line, InboundMessage) else inbound(line) for line in said]
    values: dict[str, object] = {
        "conversation_id": uuid4(),
        "tenant": Tenant(id=uuid4(), slug="shop", name="Shop", languages=("en", "es")),
        "phone_number_id": "n",
        "recipient": Recipient(phone="15550100101"),
        "messages": tuple(
            ReceivedMessage(inbox_id=place, received_at=now, message=message)
            for place, message in enumerate(messages, start=1)
        ),
        "history": (),
        "is_with_person": False,
        "fence": 1,
        "claimed_at": now,
    }
    return OpenTurn(**{**values, **fields})  # type: ignore[arg-type]


def closed_turn(turn: OpenTurn, *replies: str, **fields: object) -> ClosedTurn:
    sent = tuple(OutboundMessage(body=reply) for reply in replies)
    return ClosedTurn(turn=turn, question="?", answer=None, replies=sent, **fields)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Business:
    """A tenant of its own with one number, and the store around it: tests that share a database do not meet."""

    database: Database
    keyring: Keyring
    tenant: Tenant
    number: str
    portfolio: str

    @property
    def inbox(self) -> Inbox:
        return Inbox(self.database, self.keyring)

    @property
    def conversations(self) -> Conversations:
        return Conversations(self.database, self.keyring)

    @property
    def turns(self) -> Turns:
        return Turns(self.database, self.keyring)

    async def receive(self, *messages: InboundMessage) -> None:
        """Keep the messages in one commit and give them to their conversations, due at once."""
        await self.inbox.receive([WebhookUpdates(messages=messages)])
        await self.route()

    async def route(self) -> None:
        while await Router(self.database, self.keyring).route():
            pass
        await self.make_due()

    async def make_due(self) -> None:
        """End the wait for more lines, by the database's clock."""
        await self.execute(
            "UPDATE conversations SET ready_at = now() WHERE phone_number_id = :number AND ready_at IS NOT NULL"
        )

    async def execute(self, statement: str, **values: object) -> None:
        async with self.database.write() as connection:
            await connection.execute(text(statement), {"number": self.number, **values})

    async def ask(self, *said: str, sender: Sender | None = None) -> ClaimedConversation:
        """Let a user write, and claim the conversation."""
        who = sender or Sender(phone=phone())
        lines = [inbound(line, phone_number_id=self.number, sender=who) for line in said]
        await self.receive(*lines)
        return await self.claim()

    async def claim(self, owner: str = "worker") -> ClaimedConversation:
        (claimed,) = await self.claim_all(owner)
        return claimed

    async def claim_all(self, owner: str = "worker") -> list[ClaimedConversation]:
        """The due conversations of this number; those of other tests are given back."""
        async with self.database.read() as connection:
            mine = select(conversations.c.id).where(conversations.c.phone_number_id == self.number)
            ours = set((await connection.execute(mine)).scalars())
        claims = await self.conversations.claim(owner, 1000)
        for claimed in claims:
            if claimed.id not in ours:
                await self.conversations.give_back(claimed)
        return [claimed for claimed in claims if claimed.id in ours]

    async def answer(self, *replies: str, sender: Sender | None = None) -> list[int]:
        """Let a user ask and answer with these; give the ids of the queued rows."""
        claimed = await self.ask("Hello?", sender=sender)
        turn = await self.turns.open(claimed)
        assert turn is not None
        await self.turns.close(closed_turn(turn, *replies))
        async with self.database.read() as connection:
            statement = select(outbox.c.id).where(outbox.c.conversation_id == claimed.id).order_by(outbox.c.id)
            return list((await connection.execute(statement)).scalars())[-len(replies) :]

    async def queue(self, conversation_id: UUID, *replies: str) -> None:
        """Queue more for a conversation."""
        async with self.database.write() as connection:
            for reply in replies:
                body = OUTBOUND.seal(self.keyring, OutboundMessage(body=reply))
                row = {"phone_number_id": self.number, "conversation_id": conversation_id, "body": body}
                await connection.execute(outbox.insert().values(**row))

    async def states(self) -> Sequence[str]:
        """The states of this number's inbox, in the order of arrival."""
        async with self.database.read() as connection:
            statement = select(inbox.c.state).where(inbox.c.phone_number_id == self.number).order_by(inbox.c.id)
            return list((await connection.execute(statement)).scalars())

    async def state_of(self, key: int) -> str:
        """Where a message of the outbox stands."""
        async with self.database.read() as connection:
            return str((await connection.execute(select(outbox.c.state).where(outbox.c.id == key))).scalar_one())

    async def set_conversation(self, key: UUID, **values: object) -> None:
        async with self.database.write() as connection:
            await connection.execute(update(conversations).where(conversations.c.id == key).values(**values))


async def make_business(database: Database, keyring: Keyring, *, portfolio: str | None = None) -> Business:
    accounts = Accounts(database, keyring)
    tenant = await accounts.add_tenant(fresh("shop-"), "Shop", ["en", "es"])
    number = fresh("70000")
    scope = portfolio or fresh("portfolio-")
    await accounts.add_number(
        tenant_id=tenant.id,
        phone_number_id=number,
        display_phone_number="15550100000",
        portfolio=scope,
        app=App(name=fresh("app-"), secrets=(b"secret",), verify_token="verify"),
        access_token="token",
    )
    return Business(database=database, keyring=keyring, tenant=tenant, number=number, portfolio=scope)
