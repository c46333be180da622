"""What Meta says became of our messages: a monotone ladder, climbed by attempt id first, then by wamid.

A status that comes before our own note of the message is parked; `apply_parked` lets it climb later.
"""

from collections.abc import Sequence

from sqlalchemy import text

from models.lifecycle import OUTBOX_STEPS, OutboxState, before
from models.message import DeliveryState, DeliveryStatus
from security.keyring import Keyring
from store.codec import as_uuid
from store.database import Database, Writing

_LARGEST_CODE = 2**31 - 1  # of PostgreSQL's integer

_STATES = [OutboxState(state.value) for state in DeliveryState]

# The legal steps of models/lifecycle.py, as rows: (from, to).
_STEPS = ", ".join(f"('{old}', '{new}')" for new in _STATES for old in before(OUTBOX_STEPS, new))

_COMING = """
    WITH coming AS (
        SELECT * FROM unnest(CAST(:phone_number_id AS text[]), CAST(:wamid_digest AS bytea[]),
                             CAST(:attempt_id AS uuid[]), CAST(:state AS text[]), CAST(:error_code AS int[]),
                             CAST(:reason AS text[])) WITH ORDINALITY
               AS status (phone_number_id, wamid_digest, attempt_id, state, error_code, reason, place)
    ), """

# A body may hold several statuses of one message: the newest legal one wins, by the order of the ladder.
_MATCHED = f"""
    matched AS (
        SELECT DISTINCT ON (coming.place) coming.*, outbox.id AS outbox_id, outbox.state AS old_state
          FROM coming JOIN outbox
            ON outbox.phone_number_id = coming.phone_number_id
           AND (outbox.attempt_id = coming.attempt_id OR outbox.wamid_digest = coming.wamid_digest)
         ORDER BY coming.place, (outbox.attempt_id = coming.attempt_id) DESC NULLS LAST
    ), climbing AS (
        SELECT DISTINCT ON (outbox_id) matched.*
          FROM matched JOIN (VALUES {_STEPS}) AS step (old, new) ON step.old = old_state AND step.new = state
         ORDER BY outbox_id, array_position(ARRAY['sent', 'delivered', 'read', 'played', 'failed'], state) DESC
    ), climbed AS (
        UPDATE outbox
           SET state = climbing.state, error_code = climbing.error_code, reason = climbing.reason,
               accepted_at = coalesce(outbox.accepted_at, now()),
               wamid_digest = coalesce(outbox.wamid_digest, climbing.wamid_digest)
          FROM climbing
         WHERE outbox.id = climbing.outbox_id
           -- Asked again of the row as it stands once it is locked: another commit may have climbed meanwhile.
           AND (outbox.state, climbing.state) IN (VALUES {_STEPS})
    )"""  # noqa: S608 (the steps are our own enum)

_RECORD = text(
    f"""{_COMING} {_MATCHED}
    INSERT INTO parked_statuses (phone_number_id, wamid_digest, attempt_id, state, error_code, reason)
    SELECT phone_number_id, wamid_digest, attempt_id, state, error_code, reason
      FROM coming WHERE place NOT IN (SELECT place FROM matched)
"""  # noqa: S608
)

# The newest first: what has waited for long (its attempt was given up) may never match, and must not be in the way.
_APPLY_PARKED = text(
    f"""
    WITH coming AS (
        SELECT phone_number_id, wamid_digest, attempt_id, state, error_code, reason, id AS place FROM parked_statuses
         ORDER BY id DESC LIMIT :limit FOR UPDATE SKIP LOCKED
    ), {_MATCHED}
    DELETE FROM parked_statuses WHERE id IN (SELECT place FROM matched)
"""  # noqa: S608
)


async def record_statuses(connection: Writing, keyring: Keyring, statuses: Sequence[DeliveryStatus]) -> None:
    """Let the messages climb, within the caller's commit; park what names a message that we do not know yet."""
    if not statuses:
        return
    columns = {
        "phone_number_id": [status.phone_number_id for status in statuses],
        "wamid_digest": [keyring.blind_index(status.wamid, "wamid") for status in statuses],
        "attempt_id": [as_uuid(status.attempt_id) for status in statuses],
        "state": [status.state.value for status in statuses],
        "error_code": [_stored_code(status.error_code) for status in statuses],
        "reason": [_stored_text(status.error_title) for status in statuses],
    }
    await connection.execute(_RECORD, columns)


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
