"""Conversations for those who answer: asked, answered by the bot, and lately enough for a person to reply."""

from dataclasses import replace
from uuid import UUID, uuid4

from sqlalchemy import insert

from models.answer import Answer
from models.message import Sender
from models.tables import documents, passages
from tests.factories import Business, closed_turn


async def talk(
    business: Business,
    asked: str,
    *said: str,
    sender: Sender | None = None,
    answer: Answer | None = None,
    **closing: object,
) -> UUID:
    """Let a user ask and the bot answer; give the conversation."""
    claimed = await business.ask(asked, sender=sender)
    turn = await business.turns.open(claimed)
    assert turn is not None
    await business.turns.close(replace(closed_turn(turn, *said, **closing), question=asked, answer=answer))
    await business.execute("UPDATE conversations SET last_inbound_at = now() WHERE phone_number_id = :number")
    return claimed.id


async def keep_passage(business: Business, text: str, title: str = "Hours") -> str:
    """Keep a document of one passage; give the passage's id."""
    document_id, tenant_id = uuid4(), business.tenant.id
    document = {"id": document_id, "tenant_id": tenant_id, "name": f"{document_id}.md", "content": b"x"}
    passage = {"id": f"{document_id}:0", "document_id": document_id, "tenant_id": tenant_id, "ordinal": 0}
    async with business.database.write() as connection:
        await connection.execute(insert(documents).values(**document))
        await connection.execute(insert(passages).values(**passage, title=title, headings=[], text=text))
    return f"{document_id}:0"
