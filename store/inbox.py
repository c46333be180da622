"""What came in: kept before it is acknowledged, once, and then given to its conversation.

One rule: `receive` is the commit that our 200 promises; it reads nothing, resolves nobody and waits for nothing else.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text

from models.message import InboundMessage, MessageKind, OtherUpdate, RejectedUpdate, WebhookUpdates
from security.keyring import Keyring
from store.codec import INBOUND, seal_json
from store.database import Database, Writing
from store.statuses import record_statuses

# One constant text whatever the number of rows, so that it is planned once; sorted by key, so that two commits that
# hold the same messages lock them in the same order. The ids are drawn before that, in the order of the bodies: lines
# of one second are told apart by nothing else.
_RECEIVE = text("""
    WITH coming AS MATERIALIZED (
        SELECT nextval('inbox_id_seq') AS id, message.*
          FROM unnest(CAST(:phone_number_id AS text[]), CAST(:wamid_digest AS bytea[]), CAST(:kind AS text[]),
                      CAST(:sent_at AS timestamptz[]), CAST(:body AS bytea[]))
               AS message (phone_number_id, wamid_digest, kind, sent_at, body)
    )
    INSERT INTO inbox (id, phone_number_id, wamid_digest, kind, sent_at, body) OVERRIDING SYSTEM VALUE
    SELECT * FROM coming ORDER BY phone_number_id, wamid_digest, id
        ON CONFLICT (phone_number_id, wamid_digest) DO NOTHING
    RETURNING kind
""")

_KEEP_OTHER = text("""
    INSERT INTO other_updates (field, phone_number_id, body)
    SELECT * FROM unnest(CAST(:field AS text[]), CAST(:phone_number_id AS text[]), CAST(:body AS bytea[]))
""")

_QUARANTINE = text("""
    INSERT INTO quarantine (reason, phone_number_id, body)
    SELECT * FROM unnest(CAST(:reason AS text[]), CAST(:phone_number_id AS text[]), CAST(:body AS bytea[]))
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What one commit kept."""

    messages: int  # in the bodies
    new: Mapping[MessageKind, int]  # of them, not known before

    @property
    def repeated(self) -> int:
        """How many were known before, or came twice in the bodies."""
        return self.messages - sum(self.new.values())


class Inbox:
    """The ingress's view of the store."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        """Share the process's pool and keys."""
        self._database = database
        self._keyring = keyring

    async def receive(self, bodies: Sequence[WebhookUpdates]) -> Receipt:
        """Keep all updates of several POSTs in one commit; what is known already is nothing new.

        Raises:
            StoreUnavailable: retryable; nothing was kept.
        """
        messages = [message for body in bodies for message in body.messages]
        if not any(body.statuses or body.others or body.rejected for body in bodies):
            async with self._database.write_at_once() as connection:  # what comes most is one statement
                return Receipt(messages=len(messages), new=await self._keep_messages(connection, messages))
        async with self._database.write() as connection:
            new = await self._keep_messages(connection, messages)
            await record_statuses(connection, self._keyring, [status for body in bodies for status in body.statuses])
            await self._keep_other(connection, [other for body in bodies for other in body.others])
            await self._quarantine(connection, [rejected for body in bodies for rejected in body.rejected])
        return Receipt(messages=len(messages), new=new)

    async def quarantine(self, reason: str, body: bytes) -> None:
        """Keep a signed body that could not be read at all, or that the database would not take.

        Raises:
            StoreUnavailable: retryable.
        """
        sealed = self._keyring.encrypt(body, "quarantine.body")
        async with self._database.write() as connection:
            await connection.execute(_QUARANTINE, {"reason": [reason], "phone_number_id": [None], "body": [sealed]})

    async def _keep_messages(self, connection: Writing, messages: Sequence[InboundMessage]) -> Counter[MessageKind]:
        if not messages:
            return Counter()
        columns = {
            "phone_number_id": [message.phone_number_id for message in messages],
            "wamid_digest": [self._keyring.blind_index(message.wamid, "wamid") for message in messages],
            "kind": [message.kind.value for message in messages],
            "sent_at": [message.sent_at for message in messages],
            "body": [INBOUND.seal(self._keyring, message) for message in messages],
        }
        return Counter(map(MessageKind, (await connection.execute(_RECEIVE, columns)).scalars()))

    async def _keep_other(self, connection: Writing, others: Iterable[OtherUpdate]) -> None:
        rows = [
            (other.field, other.phone_number_id, seal_json(self._keyring, other.raw, "other.body")) for other in others
        ]
        if rows:
            field, number, body = zip(*rows, strict=True)
            columns = {"field": list(field), "phone_number_id": list(number), "body": list(body)}
            await connection.execute(_KEEP_OTHER, columns)

    async def _quarantine(self, connection: Writing, rejects: Iterable[RejectedUpdate]) -> None:
        rows = [
            (reject.reason, reject.phone_number_id, seal_json(self._keyring, reject.raw, "quarantine.body"))
            for reject in rejects
        ]
        if rows:
            reason, number, body = zip(*rows, strict=True)
            columns = {"reason": list(reason), "phone_number_id": list(number), "body": list(body)}
            await connection.execute(_QUARANTINE, columns)
