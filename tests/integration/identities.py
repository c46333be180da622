"""Whom a message was given to, in the real rows."""

from uuid import UUID

from sqlalchemy import select

from models.message import InboundMessage
from models.tables import conversations, inbox
from tests.factories import Business


async def received_by(business: Business, message: InboundMessage) -> UUID:
    """Receive and route a message; give the contact that it was given to."""
    await business.receive(message)
    digest = business.keyring.blind_index(message.wamid, "wamid")
    statement = (
        select(conversations.c.contact_id)
        .join(inbox, inbox.c.conversation_id == conversations.c.id)
        .where(inbox.c.wamid_digest == digest)
    )
    async with business.database.read() as connection:
        return (await connection.execute(statement)).scalar_one()  # type: ignore[no-any-return]
