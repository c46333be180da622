"""What Meta says became of our messages: a monotone ladder, climbed by attempt id first, then by wamid.

A status that comes before our own note of the message is parked; `ParkedStatuses` lets it climb later. A message that
failed for a cause that passes is queued again, once, as long as nothing after it has gone out and no other status says
that it reached the user: on the ladder this stands between `sent` and `delivered`, so that any order of the same
statuses ends in the same state.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, text, update

from models.lifecycle import OUTBOX_STEPS, OutboxState, before
from models.message import DeliveryState, DeliveryStatus
from models.tables import conversations, outbox
from security.keyring import Keyring
from store.codec import as_uuid
from store.consent import note_of_outbox
from store.database import Database, Writing
from store.leases import in_order

_LARGEST_CODE = 2**31 - 1  # of PostgreSQL's integer

_STATES = [OutboxState(state.value) for state in DeliveryState]

# The legal steps of models/lifecycle.py, as rows: (from, to).
_LEGAL = [(old, new.value) for new in _STATES for old in before(OUTBOX_STEPS, new)]
# What failed already needs an operator to be queued again.
_RESEND = [(old, "resend") for old in before(OUTBOX_STEPS, OutboxState.QUEUED) if old != OutboxState.FAILED]
_STEPS = ", ".join(f"('{old}', '{new}')" for old, new in _LEGAL + _RESEND)

_COMING = """
    WITH coming AS (
        SELECT * FROM unnest(CAST(:phone_number_id AS text[]), CAST(:wamid_digest AS bytea[]),
                             CAST(:attempt_id AS uuid[]), CAST(:state AS text[]), CAST(:error_code AS int[]),
                             CAST(:reason AS text[]), CAST(:may_resend AS boolean[])) WITH ORDINALITY
               AS status (phone_number_id, wamid_digest, attempt_id, state, error_code, reason, may_resend, place)
    ), """

# A body may hold several statuses of one message: the newest legal one wins, by the order of the ladder. The rows are
# locked in the order of their ids, as everywhere.
_MATCHED = f"""
    named AS (
        SELECT DISTINCT ON (coming.place) coming.*, outbox.id AS outbox_id, outbox.state AS old_state, outbox.resent_at,
               outbox.conversation_id, outbox.sending_at
          FROM coming JOIN outbox
            ON outbox.phone_number_id = coming.phone_number_id
           AND (outbox.attempt_id = coming.attempt_id OR outbox.wamid_digest = coming.wamid_digest)
         ORDER BY coming.place, (outbox.attempt_id = coming.attempt_id) DESC NULLS LAST
    ), matched AS (
        SELECT place, outbox_id, old_state, resent_at, wamid_digest, error_code, reason,
               -- A repeat of the status that queued it again, before the next attempt, changes nothing.
               CASE WHEN NOT (state = 'failed' AND may_resend) THEN state
                    WHEN resent_at >= sending_at THEN 'resend'
                    WHEN resent_at IS NOT NULL THEN state
                    WHEN EXISTS (
                       SELECT FROM outbox AS later
                        WHERE later.phone_number_id = named.phone_number_id AND later.sending_at >= named.sending_at
                          AND later.conversation_id = named.conversation_id AND later.id > named.outbox_id) THEN state
                    ELSE 'resend' END AS state
          FROM named
    ), climbing AS (
        SELECT DISTINCT ON (outbox_id) matched.*
          FROM matched JOIN (VALUES {_STEPS}) AS step (old, new) ON step.old = old_state AND step.new = state
         ORDER BY outbox_id,
                  array_position(ARRAY['sent', 'resend', 'delivered', 'read', 'played', 'failed'], state) DESC
    ), locked AS (
        SELECT id FROM outbox WHERE id IN (SELECT outbox_id FROM climbing) ORDER BY id FOR NO KEY UPDATE
    ), climbed AS (
        UPDATE outbox
           SET state = CASE climbing.state WHEN 'resend' THEN 'queued' ELSE climbing.state END,
               error_code = climbing.error_code, reason = climbing.reason,
               accepted_at = coalesce(outbox.accepted_at, now()),
               wamid_digest = coalesce(outbox.wamid_digest, climbing.wamid_digest),
               failed_at = CASE climbing.state WHEN 'failed' THEN now() END,
               resent_at = CASE climbing.state WHEN 'resend' THEN now() ELSE outbox.resent_at END,
               due_at = CASE climbing.state WHEN 'resend' THEN now() + interval '5 s' ELSE outbox.due_at END
          FROM climbing JOIN locked ON locked.id = climbing.outbox_id
         WHERE outbox.id = climbing.outbox_id
           -- Asked again of the row as it stands once it is locked: another commit may have climbed meanwhile.
           AND (outbox.state, climbing.state) IN (VALUES {_STEPS})
           AND (climbing.state <> 'resend' OR outbox.resent_at IS NULL)
           -- Queued again after it failed: that it was sent before says nothing new.
           AND (climbing.state <> 'sent' OR outbox.state <> 'queued' OR outbox.resent_at IS NULL
                OR outbox.resent_at < outbox.sending_at)
    )"""  # noqa: S608 (the steps are our own enum)

_RECORD = text(
    f"""{_COMING} {_MATCHED}
    INSERT INTO parked_statuses (phone_number_id, wamid_digest, attempt_id, state, error_code, reason, may_resend)
    SELECT phone_number_id, wamid_digest, attempt_id, state, error_code, reason, may_resend
      FROM coming WHERE place NOT IN (SELECT place FROM matched)
"""  # noqa: S608
)

# The newest first: what has waited for long (its attempt was given up) may never match, and must not be in the way.
_APPLY_PARKED = text(
    f"""
    WITH coming AS (
        SELECT phone_number_id, wamid_digest, attempt_id, state, error_code, reason, may_resend, id AS place
          FROM parked_statuses
         ORDER BY id DESC LIMIT :limit FOR UPDATE SKIP LOCKED
    ), {_MATCHED}
    DELETE FROM parked_statuses WHERE id IN (SELECT place FROM matched)
"""  # noqa: S608
)


async def record_statuses(connection: Writing, keyring: Keyring, statuses: Sequence[DeliveryStatus]) -> None:
    """Let the messages climb, within the caller's commit; park what names a message that we do not know yet."""
    if not statuses:
        return
    columns: dict[str, list[Any]] = {
        "phone_number_id": [status.phone_number_id for status in statuses],
        "wamid_digest": [keyring.blind_index(status.wamid, "wamid") for status in statuses],
        "attempt_id": [as_uuid(status.attempt_id) for status in statuses],
        "state": [status.state.value for status in statuses],
        "error_code": [_stored_code(status.error_code) for status in statuses],
        "reason": [_stored_text(status.error_title) for status in statuses],
        "may_resend": [status.may_resend for status in statuses],
    }
    await _ask_people(connection, [_named(columns, place) for place, one in enumerate(statuses) if one.asks_person])
    await connection.execute(_RECORD, columns)
    for place, status in enumerate(statuses):
        if status.opts_out:
            await note_of_outbox(connection, _named(columns, place))


async def _ask_people(connection: Writing, which: Sequence[ColumnElement[bool]]) -> None:
    """Ask for a person where a message now fails; conversations are locked before their messages, as everywhere."""
    if not which:
        return
    theirs = select(outbox.c.conversation_id).where(or_(*which), outbox.c.state != OutboxState.FAILED)
    locked = in_order(conversations, conversations.c.id.in_(theirs))
    since = func.coalesce(conversations.c.wants_person_since, func.now())
    await connection.execute(
        update(conversations).where(conversations.c.id == locked.c.id).values(wants_person_since=since)
    )


def _named(columns: dict[str, list[Any]], place: int) -> ColumnElement[bool]:
    by_name = or_(
        outbox.c.attempt_id == columns["attempt_id"][place], outbox.c.wamid_digest == columns["wamid_digest"][place]
    )
    return and_(outbox.c.phone_number_id == columns["phone_number_id"][place], by_name)


def _stored_code(code: int | None) -> int | None:
    """Leave out what no column of ours holds; the good updates of the same body must not suffer for it."""
    return code if code is not None and abs(code) <= _LARGEST_CODE else None


def _stored_text(text: str | None) -> str | None:
    """PostgreSQL's text holds no NUL."""
    return text.replace("\x00", "\ufffd") if text is not None else None


class ParkedStatuses:
    """The caretaker's view of the store."""

    def __init__(self, database: Database) -> None:
        """Share the process's pool."""
        self._database = database

    async def apply(self, limit: int = 1000) -> int:
        """Let parked statuses climb whose message is known by now; give how many found theirs."""
        async with self._database.write() as connection:
            return (await connection.execute(_APPLY_PARKED, {"limit": limit})).rowcount
