"""A conversation as a person reads it: both sides, in order, and why the bot said what it said.

What was answered hangs on its turn; beside it stand the messages that no turn has (not answered yet, or buried) and
ours that no turn wrote (a person's, a farewell). A page is made of the newest of each.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, or_, select

from models.answer import Source
from models.handoff import Act, CitedPassage, Deed, ThreadLine, Why
from models.message import OutboundKind
from models.tables import conversations, handoff_events, inbox, outbox, passages, turns
from security.keyring import CannotDecrypt, Keyring
from store.codec import INBOUND, OUTBOUND
from store.database import Reading

DEEDS = 20  # the newest


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some lines of a thread, oldest first."""

    lines: tuple[ThreadLine, ...]
    oldest: datetime | None  # older ones exist, before this; None: these are the first


@dataclass(frozen=True, slots=True)
class _Piece:
    """What is on a page together: a turn with its lines, or a single message."""

    at: datetime
    lines: list[ThreadLine]


async def page(connection: Reading, keyring: Keyring, key: UUID, until: datetime | None, limit: int) -> Page:
    """Give the newest `limit` turns and single messages before an instant."""
    answered = (await connection.execute(_before(turns_of(key), turns.c.created_at, until, limit))).all()
    unanswered = (await connection.execute(_before(loose_inbound(key), inbox.c.received_at, until, limit))).all()
    ours = (await connection.execute(_before(loose_outbound(key), outbox.c.created_at, until, limit))).all()
    pieces = [
        *await _turns(connection, keyring, answered),
        *(_Piece(row.received_at, [_inbound(keyring, row)]) for row in unanswered),
        *(_Piece(row.created_at, [_outbound(keyring, row, row.person)]) for row in ours),
    ]
    pieces.sort(key=lambda piece: piece.at, reverse=True)
    has_older = len(pieces) > limit or max(map(len, (answered, unanswered, ours))) >= limit
    chosen = pieces[:limit]
    lines = sorted((line for piece in chosen for line in piece.lines), key=lambda line: line.at)
    return Page(lines=tuple(lines), oldest=chosen[-1].at if has_older else None)


async def deeds(connection: Reading, key: UUID) -> tuple[Deed, ...]:
    """Give what people did to a conversation lately, oldest first."""
    events = handoff_events.c
    statement = select(events.act, events.person, events.created_at).where(events.conversation_id == key)
    rows = (await connection.execute(statement.order_by(events.id.desc()).limit(DEEDS))).all()
    return tuple(Deed(act=Act(row.act), person=row.person, at=row.created_at) for row in reversed(rows))


async def why(connection: Reading, keyring: Keyring, key: UUID, turn_id: UUID) -> Why | None:
    """Tell what a turn was answered from; None where this conversation has no such turn."""
    statement = (
        select(turns, conversations.c.tenant_id)
        .join(conversations, conversations.c.id == turns.c.conversation_id)
        .where(turns.c.id == turn_id, turns.c.conversation_id == key)
    )
    row = (await connection.execute(statement)).one_or_none()
    if row is None:
        return None
    return Why(
        question=keyring.decrypt_text(row.question, "turns.question"),
        rung=row.rung,
        model=row.model,
        prompt_version=row.prompt_version,
        abstained=row.abstained,
        confidence=row.confidence,
        wants_person=row.wants_person,
        passages=await _cited(connection, row),
        step_ms=row.step_ms,
    )


def turns_of(key: UUID) -> Select[Any]:
    """Give the statement that finds the turns of a conversation."""
    return select(turns.c.id, turns.c.asked, turns.c.received_at, turns.c.created_at).where(
        turns.c.conversation_id == key
    )


def loose_inbound(key: UUID) -> Select[Any]:
    """Give the statement that finds what no turn has answered; each half has an index of its own."""
    mine = inbox.c.conversation_id == key
    return select(inbox).where(or_(and_(mine, inbox.c.state == "received"), and_(mine, inbox.c.state == "buried")))


def loose_outbound(key: UUID) -> Select[Any]:
    """Give the statement that finds what was said outside of turns, and by whom."""
    said = handoff_events.c.outbox_id == outbox.c.id
    return (
        select(outbox, handoff_events.c.person)
        .outerjoin(handoff_events, said)
        .where(outbox.c.conversation_id == key, outbox.c.turn_id.is_(None))
    )


def _before(statement: Select[Any], column: Any, until: datetime | None, limit: int) -> Select[Any]:
    bounded = statement if until is None else statement.where(column < until)
    return bounded.order_by(column.desc()).limit(limit)


async def _turns(connection: Reading, keyring: Keyring, rows: Sequence[Row[Any]]) -> list[_Piece]:
    keys = [row.id for row in rows]
    asked = await connection.execute(select(inbox).where(inbox.c.turn_id.in_(keys)).order_by(inbox.c.id))
    said = await connection.execute(select(outbox).where(outbox.c.turn_id.in_(keys)).order_by(outbox.c.id))
    pieces = {row.id: _Piece(row.created_at, []) for row in rows}
    for row in asked:
        pieces[row.turn_id].lines.append(_inbound(keyring, row))
    for row in rows:
        if not pieces[row.id].lines:  # the messages themselves are deleted earlier than their turn
            pieces[row.id].lines.append(_kept_by_turn(keyring, row))
    for row in said:
        pieces[row.turn_id].lines.append(_outbound(keyring, row, None))
    return list(pieces.values())


def _inbound(keyring: Keyring, row: Row[Any]) -> ThreadLine:
    try:
        text = INBOUND.open(keyring, row.body).text or ""
    except (CannotDecrypt, ValueError):  # buried for this very reason: the thread is shown all the same
        text = ""
    return ThreadLine(
        id=f"in-{row.id}",
        by="user",
        text=text,
        kind=row.kind,
        at=row.received_at,
        state=row.state,
        reason=row.reason,
    )


def _kept_by_turn(keyring: Keyring, row: Row[Any]) -> ThreadLine:
    text = keyring.decrypt_text(row.asked, "turns.asked")
    return ThreadLine(id=f"turn-{row.id}", by="user", text=text, at=row.received_at, state="answered")


def _outbound(keyring: Keyring, row: Row[Any], person: str | None) -> ThreadLine:
    message = OUTBOUND.open(keyring, row.body)
    choices: Iterable[str] = (f"[{choice.title}]" for choice in message.choices)
    return ThreadLine(
        id=f"out-{row.id}",
        by=person or "bot",
        is_person=person is not None,
        text="\n".join(filter(None, (message.body, *choices))),
        kind=OutboundKind(message.kind).value,
        at=row.created_at,
        state=row.state,
        reason=row.reason,
        turn_id=row.turn_id,
    )


async def _cited(connection: Reading, row: Row[Any]) -> tuple[CitedPassage, ...]:
    sources = [Source(**source) for source in row.sources]
    statement = select(passages.c.id, passages.c.text).where(
        passages.c.id.in_([source.passage_id for source in sources]), passages.c.tenant_id == row.tenant_id
    )
    texts: dict[str, str] = {found.id: found.text for found in await connection.execute(statement)}
    return tuple(
        CitedPassage(title=source.title, page=source.page, text=texts.get(source.passage_id)) for source in sources
    )
