"""One turn, one commit: inbox finished, conversation saved, answer queued, all or nothing."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, Select, exists, func, insert, select, text, update

from models.answer import Line, Source, Speaker
from models.conversation import SILENT, UNASKING, ClosedTurn, OpenTurn, ReceivedMessage, Tenant
from models.message import OutboundMessage
from models.tables import contacts, conversations, inbox, outbox, tenants, turns
from security.keyring import Keyring
from store import leases
from store.codec import INBOUND, OUTBOUND, open_recipient
from store.consent import note_of_conversation
from store.conversations import ClaimedConversation
from store.database import Database, Reading, Writing

MOST_MESSAGES = 50  # of one turn; more wait for the next
HISTORY_TURNS = 6

# Asked many times a second for all turns of a worker: one constant text, planned once.
GONE_ON = text("""
    SELECT DISTINCT conversation_id FROM inbox
     WHERE conversation_id = ANY(CAST(:conversations AS uuid[])) AND state = 'received'
       AND id <> ALL(CAST(:held AS bigint[])) AND kind <> ALL(CAST(:unasking AS text[]))
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRecord:
    """A committed turn, for whoever asks why the bot said this."""

    id: UUID
    received_at: datetime
    asked: str
    question: str
    answer: str | None
    rung: str | None
    model: str | None
    prompt_version: str | None  # None: no generative model spoke
    abstained: bool
    confidence: float | None
    wants_person: bool
    sources: tuple[Source, ...]
    step_ms: dict[str, float]
    sending_ms: dict[str, float]  # of the first reply: in the outbox, and at Graph


class Turns:
    """Opens what was claimed, and commits what came of it."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        """Share the process's pool and keys."""
        self._database = database
        self._keyring = keyring

    async def open(self, claimed: ClaimedConversation) -> OpenTurn | None:
        """Gather all that the user wrote since the last answer; None where nothing is left to answer.

        Raises:
            StoreUnavailable: retryable.
        """
        async with self._database.read() as connection:
            messages = await self._unanswered(connection, claimed.id)
            if not messages:
                return None
            about = await _about(connection, claimed.id)
            history = await self._history(connection, claimed.id)
        return OpenTurn(
            conversation_id=claimed.id,
            tenant=_tenant(about),
            phone_number_id=about.phone_number_id,
            recipient=open_recipient(self._keyring, about.phone, about.user_id),
            messages=messages,
            history=history,
            is_with_person=about.taken_by is not None,
            fence=claimed.fence,
            claimed_at=claimed.claimed_at,
            language=about.language,
        )

    async def close(self, closed: ClosedTurn) -> ClosedTurn:
        """Commit a turn, and give it as it was committed: without its replies where a person has meanwhile taken over.

        Exactly the messages of its prompt are finished, never "all up to".

        Raises:
            LeaseLost: another worker has the conversation; nothing was written.
            StoreUnavailable: retryable.
        """
        turn = closed.turn
        async with self._database.write() as connection:
            row = await leases.hold(connection, conversations, turn.conversation_id, turn.fence)
            if row.taken_by is not None:
                closed = replace(closed, answer=None, replies=(), wants_person=False)
            if closed.consent is not None:
                said_at = turn.messages[-1].message.sent_at
                await note_of_conversation(connection, turn.conversation_id, closed.consent, said_at)
            turn_id = await self._keep(connection, closed)
            await connection.execute(
                update(inbox)
                .where(inbox.c.id.in_([message.inbox_id for message in turn.messages]), inbox.c.state == "received")
                .values(state="answered", turn_id=turn_id)
            )
            if await _has_gone_on(connection, turn):
                closed = replace(closed, replies=tuple(_quoting(reply, turn) for reply in closed.replies))
            for reply in closed.replies:
                await connection.execute(
                    insert(outbox).values(
                        phone_number_id=turn.phone_number_id,
                        conversation_id=turn.conversation_id,
                        turn_id=turn_id,
                        body=OUTBOUND.seal(self._keyring, reply),
                    )
                )
            await self._let_go(connection, closed)
        return closed

    async def gone_on(self, opened: Collection[OpenTurn]) -> set[UUID]:
        """Give those of these conversations whose users have written, changed or deleted something since.

        Raises:
            StoreUnavailable: retryable.
        """
        values = {
            "conversations": [turn.conversation_id for turn in opened],
            "held": [message.inbox_id for turn in opened for message in turn.messages],
            "unasking": [kind.value for kind in UNASKING],
        }
        async with self._database.read() as connection:
            return set((await connection.execute(GONE_ON, values)).scalars())

    async def nothing_left(self, claimed: ClaimedConversation) -> None:
        """Let go of a conversation that had nothing to answer."""
        async with self._database.write() as connection:
            await leases.hold(connection, conversations, claimed.id, claimed.fence)
            await leases.finish(connection, conversations, claimed.id, claimed.fence, ready_at=_ready_again(claimed.id))

    async def of_message(self, phone_number_id: str, wamid: str) -> TurnRecord | None:
        """Give the turn that answered a message; None while it has not been answered."""
        digest = self._keyring.blind_index(wamid, "wamid")
        first = outbox.alias()
        statement = (
            select(turns, first.c.created_at.label("queued_at"), first.c.sending_at, first.c.accepted_at)
            .join(inbox, inbox.c.turn_id == turns.c.id)
            .outerjoin(first, first.c.turn_id == turns.c.id)
            .where(inbox.c.phone_number_id == phone_number_id, inbox.c.wamid_digest == digest)
            .order_by(first.c.id)
            .limit(1)
        )
        async with self._database.read() as connection:
            row = (await connection.execute(statement)).one_or_none()
        return self._record(row) if row is not None else None

    async def _unanswered(self, connection: Reading, conversation_id: UUID) -> tuple[ReceivedMessage, ...]:
        return tuple(
            ReceivedMessage(inbox_id=key, received_at=received_at, message=INBOUND.open(self._keyring, body))
            for key, received_at, body in await connection.execute(unanswered(conversation_id))
        )

    async def _history(self, connection: Reading, conversation_id: UUID) -> tuple[Line, ...]:
        statement = (
            select(turns.c.asked, turns.c.answer, turns.c.received_at, turns.c.created_at)
            .where(turns.c.conversation_id == conversation_id)
            .order_by(turns.c.created_at.desc())
            .limit(HISTORY_TURNS)
        )
        lines: list[Line] = []
        for asked, answer, received_at, created_at in reversed((await connection.execute(statement)).all()):
            text = self._keyring.decrypt_text(asked, "turns.asked")
            if text:
                lines.append(Line(speaker=Speaker.USER, text=text, at=received_at))
            if answer is not None:
                text = self._keyring.decrypt_text(answer, "turns.answer")
                lines.append(Line(speaker=Speaker.BUSINESS, text=text, at=created_at))
        return tuple(lines)

    async def _keep(self, connection: Writing, closed: ClosedTurn) -> UUID:
        turn, answer, turn_id = closed.turn, closed.answer, uuid4()
        said = "\n".join(reply.body for reply in closed.replies)
        asked = "\n".join(one.message.text or "" for one in turn.spoken)  # what was deleted is not kept
        await connection.execute(
            insert(turns).values(
                id=turn_id,
                conversation_id=turn.conversation_id,
                asked=self._keyring.encrypt_text(asked, "turns.asked"),
                question=self._keyring.encrypt_text(closed.question, "turns.question"),
                answer=self._keyring.encrypt_text(said, "turns.answer") if said else None,
                language=closed.language,
                rung=answer.rung.value if answer else None,
                model=answer.model if answer else None,
                prompt_version=answer.prompt_version if answer else None,
                abstained=bool(answer and answer.abstained),
                confidence=answer.confidence if answer else None,
                wants_person=closed.wants_person,
                sources=[asdict(source) for source in answer.sources] if answer else [],
                step_ms=dict(closed.step_ms),
                received_at=turn.messages[0].received_at,
                claimed_at=turn.claimed_at,
            )
        )
        return turn_id

    async def _let_go(self, connection: Writing, closed: ClosedTurn) -> None:
        turn = closed.turn
        changes: dict[str, Any] = {"language": closed.language, "ready_at": _ready_again(turn.conversation_id)}
        if closed.wants_person:
            changes["wants_person_since"] = func.coalesce(conversations.c.wants_person_since, func.now())
        await leases.finish(connection, conversations, turn.conversation_id, turn.fence, **changes)

    def _record(self, row: Row[Any]) -> TurnRecord:
        opened = self._keyring.decrypt_text
        return TurnRecord(
            id=row.id,
            received_at=row.received_at,
            asked=opened(row.asked, "turns.asked"),
            question=opened(row.question, "turns.question"),
            answer=opened(row.answer, "turns.answer") if row.answer else None,
            rung=row.rung,
            model=row.model,
            prompt_version=row.prompt_version,
            abstained=row.abstained,
            confidence=row.confidence,
            wants_person=row.wants_person,
            sources=tuple(Source(**source) for source in row.sources),
            step_ms=row.step_ms,
            sending_ms=_sending_ms(row),
        )


def unanswered(conversation_id: UUID) -> Select[Any]:
    """Give the statement that finds what a turn has to answer, in the order in which the user wrote it."""
    # By (second of sending, arrival): Meta's timestamps have one second's resolution.
    return (
        select(inbox.c.id, inbox.c.received_at, inbox.c.body)
        .where(inbox.c.conversation_id == conversation_id, inbox.c.state == "received")
        .order_by(inbox.c.sent_at, inbox.c.id)
        .limit(MOST_MESSAGES)
    )


def _sending_ms(row: Row[Any]) -> dict[str, float]:
    spans = {"outbox": (row.queued_at, row.sending_at), "graph": (row.sending_at, row.accepted_at)}
    return {name: (end - start).total_seconds() * 1000 for name, (start, end) in spans.items() if start and end}


def _tenant(about: Row[Any]) -> Tenant:
    return Tenant(
        id=about.tenant_id,
        slug=about.slug,
        name=about.name,
        languages=tuple(about.languages),
        patience=timedelta(milliseconds=about.patience_ms),
    )


def _ready_again(conversation_id: UUID) -> Any:
    """Due at once while messages are unanswered, else not at all.

    Read after the row was locked: a router that comes later waits for the lock, and then writes its own time.
    """
    waiting = exists().where(inbox.c.conversation_id == conversation_id, inbox.c.state == "received")
    return select(func.now()).where(waiting).scalar_subquery()


async def _has_gone_on(connection: Writing, turn: OpenTurn) -> bool:
    """Tell whether the user has written more than this turn holds: the reply must show what it answers."""
    more = exists().where(
        inbox.c.conversation_id == turn.conversation_id,
        inbox.c.state == "received",
        inbox.c.kind.not_in([kind.value for kind in SILENT]),
    )
    return bool((await connection.execute(select(more))).scalar_one())


def _quoting(reply: OutboundMessage, turn: OpenTurn) -> OutboundMessage:
    return replace(reply, reply_to=reply.reply_to or turn.spoken[-1].message.wamid) if turn.spoken else reply


async def _about(connection: Reading, conversation_id: UUID) -> Any:
    statement = (
        select(
            conversations.c.phone_number_id,
            conversations.c.taken_by,
            conversations.c.language,
            tenants.c.id.label("tenant_id"),
            tenants.c.slug,
            tenants.c.name,
            tenants.c.languages,
            tenants.c.patience_ms,
            contacts.c.phone,
            contacts.c.user_id,
        )
        .join(tenants, tenants.c.id == conversations.c.tenant_id)
        .join(contacts, contacts.c.id == conversations.c.contact_id)
        .where(conversations.c.id == conversation_id)
    )
    return (await connection.execute(statement)).one()
