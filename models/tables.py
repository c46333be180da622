"""The Postgres schema, declared once; `store/` speaks to it and `store/migrations/` brings a database up to it.

What a person wrote, and what tells who a person is, stands in columns of type `BYTEA`, sealed by `security.keyring`;
it is found again by blind index (columns ending in `_digest`). Knowledge of a business is not personal and stays
readable.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Instant = DateTime(timezone=True)


def created_at() -> Column:  # type: ignore[type-arg]
    """When the row was written, by the database's clock."""
    return Column("created_at", Instant, nullable=False, server_default=func.now())


def lease_columns() -> list[Column]:  # type: ignore[type-arg]
    """What makes a table claimable; only `store/leases.py` writes them."""
    return [
        Column("lease_owner", Text),
        Column("lease_until", Instant),  # null: nobody holds the row
        Column("fence", BigInteger, nullable=False, server_default=text("0")),  # grows with every claim
        Column("tries", Integer, nullable=False, server_default=text("0")),  # failures that were reported
        Column("expiries", Integer, nullable=False, server_default=text("0")),  # leases that ran out
    ]


tenants = Table(
    "tenants",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("slug", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("languages", ARRAY(Text), nullable=False),
    Column("patience_ms", Integer, nullable=False, server_default=text("1200")),  # the wait for more lines
    Column("window_template", JSONB),  # Meta's template object that goes out where the 24-hour window has closed
    created_at(),
)

# A Meta app: whoever signs a webhook, and the verify token its callback URL was set up with.
apps = Table(
    "apps",
    metadata,
    Column("name", Text, primary_key=True),
    Column("secrets", LargeBinary, nullable=False),  # sealed JSON list, newest first
    Column("verify_token", LargeBinary, nullable=False),  # sealed
    created_at(),
)

numbers = Table(
    "numbers",
    metadata,
    Column("phone_number_id", Text, primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id"), nullable=False, index=True),
    Column("app_name", ForeignKey("apps.name"), nullable=False),
    Column("portfolio", Text, nullable=False),  # the scope of business-scoped user ids
    Column("display_phone_number", Text, nullable=False),  # the business's own, public
    Column("access_token", LargeBinary, nullable=False),  # sealed
    Column("stopped_reason", Text),  # not null: nothing is sent until someone starts it again
    *lease_columns(),
    created_at(),
)

contacts = Table(
    "contacts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id"), nullable=False, index=True),
    Column("phone", LargeBinary),  # sealed
    Column("user_id", LargeBinary),  # sealed
    Column("name", LargeBinary),  # sealed
    Column("opted_out", Boolean, nullable=False, server_default=text("false")),  # of marketing; not of answers
    Column("consent_at", Instant),  # when they last said so, by Meta's clock; null: never
    Column("met_at", Instant, nullable=False, server_default=func.now()),  # when they first wrote, by Meta's clock
    Column("merged_into", ForeignKey("contacts.id")),  # the same person; its conversations are still to follow
    created_at(),
    Index("ix_contacts_merged_into", "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
)

contact_aliases = Table(
    "contact_aliases",
    metadata,
    # Two tenants may share a portfolio (an agency's), and must not share what is known of a person.
    Column("tenant_id", ForeignKey("tenants.id"), primary_key=True),
    Column("portfolio", Text, primary_key=True),
    Column("kind", Text, primary_key=True),  # "user_id" or "phone"
    Column("digest", LargeBinary, primary_key=True),
    Column("contact_id", ForeignKey("contacts.id"), nullable=False, index=True),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id"), nullable=False),
    Column("phone_number_id", ForeignKey("numbers.phone_number_id"), nullable=False),
    Column("contact_id", ForeignKey("contacts.id"), nullable=False, index=True),
    Column("language", Text),  # of the last answer
    Column("ready_at", Instant),  # null: nothing to answer
    Column("last_inbound_at", Instant),  # opens the 24-hour window
    Column("unread_wamid", LargeBinary),  # sealed; not null: a read receipt is due
    Column("wants_person_since", Instant),  # stays until a person hands back
    Column("taken_by", Text),  # the person who answers instead of the bot
    *lease_columns(),
    created_at(),
    UniqueConstraint("phone_number_id", "contact_id"),
    Index("ix_conversations_ready", "ready_at", postgresql_where=text("ready_at IS NOT NULL")),
    Index("ix_conversations_unread", "phone_number_id", postgresql_where=text("unread_wamid IS NOT NULL")),
    # Those that want a person or have one: few among many.
    Index(
        "ix_conversations_person", "wants_person_since", "id", postgresql_where=text("wants_person_since IS NOT NULL")
    ),
)

# No foreign key on the number: the ingress has checked it, and every insert would lock the same row of `numbers`.
# Rows stay at least 8 days, since Meta repeats a webhook for up to 7: their key is what makes a repeat nothing new.
inbox = Table(
    "inbox",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("phone_number_id", Text, nullable=False),
    Column("wamid_digest", LargeBinary, nullable=False),
    Column("kind", Text, nullable=False),
    Column("sent_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False, server_default=func.now()),
    Column("body", LargeBinary, nullable=False),  # sealed InboundMessage as JSON
    Column("state", Text, nullable=False, server_default=text("'received'")),
    Column("conversation_id", ForeignKey("conversations.id")),
    Column("turn_id", ForeignKey("turns.id")),
    Column("reason", Text),  # why it was buried
    UniqueConstraint("phone_number_id", "wamid_digest"),
    Index("ix_inbox_unrouted", "id", postgresql_where=text("conversation_id IS NULL AND state = 'received'")),
    Index("ix_inbox_unfinished", "conversation_id", "id", postgresql_where=text("state = 'received'")),
    Index("ix_inbox_buried", "conversation_id", "id", postgresql_where=text("state = 'buried'")),
    Index("ix_inbox_received", "phone_number_id", "received_at"),
    Index("ix_inbox_turn", "turn_id", postgresql_where=text("turn_id IS NOT NULL")),
)

turns = Table(
    "turns",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("conversation_id", ForeignKey("conversations.id"), nullable=False),
    Column("asked", LargeBinary, nullable=False),  # sealed: what the user wrote
    Column("question", LargeBinary, nullable=False),  # sealed: the same, readable without the history
    Column("answer", LargeBinary),  # sealed; null: nothing was said
    Column("language", Text, nullable=False),
    Column("rung", Text),
    Column("model", Text),
    Column("prompt_version", Text),  # null: no generative model spoke
    Column("abstained", Boolean, nullable=False),
    Column("confidence", Float),
    Column("wants_person", Boolean, nullable=False),
    Column("sources", JSONB, nullable=False),
    Column("step_ms", JSONB, nullable=False),
    Column("received_at", Instant, nullable=False),  # of its first message
    Column("claimed_at", Instant, nullable=False),
    created_at(),
    Index("ix_turns_conversation_id_created_at", "conversation_id", "created_at"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("phone_number_id", ForeignKey("numbers.phone_number_id"), nullable=False),
    Column("conversation_id", ForeignKey("conversations.id"), nullable=False),
    Column("turn_id", ForeignKey("turns.id"), index=True),
    Column("purpose", Text, nullable=False, server_default=text("'answer'")),  # see `models.message.Purpose`
    Column("body", LargeBinary, nullable=False),  # sealed OutboundMessage as JSON
    Column("state", Text, nullable=False, server_default=text("'queued'")),
    Column("due_at", Instant, nullable=False, server_default=func.now()),
    Column("attempt_id", Uuid),  # of the newest attempt; travels as biz_opaque_callback_data
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("possible_duplicates", Integer, nullable=False, server_default=text("0")),  # sent again, outcome unknown
    Column("sending_at", Instant),
    Column("accepted_at", Instant),
    Column("wamid", LargeBinary),  # sealed
    Column("wamid_digest", LargeBinary),
    Column("error_code", Integer),
    Column("reason", Text),  # why it failed
    Column("failed_at", Instant),
    Column("resent_at", Instant),  # after a `failed` status with a passing cause: once only
    created_at(),
    Index(
        "ix_outbox_unfinished",
        "phone_number_id",
        "conversation_id",
        "id",
        postgresql_where=text("state IN ('queued', 'sending', 'unknown', 'accepted')"),
    ),
    Index("ix_outbox_queued", "phone_number_id", "purpose", "id", postgresql_where=text("state = 'queued'")),
    Index("ix_outbox_attempt_id", "attempt_id", postgresql_where=text("attempt_id IS NOT NULL")),
    Index("ix_outbox_wamid", "phone_number_id", "wamid_digest", postgresql_where=text("wamid_digest IS NOT NULL")),
    Index("ix_outbox_sending_at", "phone_number_id", "sending_at"),
    Index("ix_outbox_failed", "failed_at", postgresql_where=text("state = 'failed'")),
    Index("ix_outbox_without_turn", "conversation_id", "id", postgresql_where=text("turn_id IS NULL")),  # by a person
)

# Who took which conversation, replied and handed back: for the record, without a word of what was said. No foreign
# keys: the record stays when what it speaks of is merged or forgotten.
handoff_events = Table(
    "handoff_events",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("conversation_id", Uuid, nullable=False),
    Column("act", Text, nullable=False),  # see `models.handoff.Act`
    Column("person", Text, nullable=False),
    Column("outbox_id", BigInteger),  # of a reply
    Column("request_id", Uuid, unique=True),  # a reply that is asked for again is the same reply
    created_at(),
    Index("ix_handoff_events_conversation_id", "conversation_id", "id"),
    Index("ix_handoff_events_outbox_id", "outbox_id", postgresql_where=text("outbox_id IS NOT NULL")),
)

# Statuses that came before our own note of the message they speak of.
parked_statuses = Table(
    "parked_statuses",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("phone_number_id", Text, nullable=False),
    Column("wamid_digest", LargeBinary, nullable=False),
    Column("attempt_id", Uuid),
    Column("state", Text, nullable=False),
    Column("error_code", Integer),
    Column("reason", Text),
    Column("may_resend", Boolean, nullable=False, server_default=text("false")),
    Column("received_at", Instant, nullable=False, server_default=func.now()),
    Index("ix_parked_statuses_wamid", "phone_number_id", "wamid_digest"),
)

other_updates = Table(
    "other_updates",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("field", Text, nullable=False),
    Column("phone_number_id", Text),
    Column("body", LargeBinary, nullable=False),  # sealed
    Column("received_at", Instant, nullable=False, server_default=func.now()),
    Column("applied_at", Instant),  # null: nobody has acted on it
    Index(
        "ix_other_updates_preferences",
        "id",
        postgresql_where=text("field = 'user_preferences' AND applied_at IS NULL"),
    ),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("phone_number_id", Text),
    Column("body", LargeBinary, nullable=False),  # sealed
    Column("received_at", Instant, nullable=False, server_default=func.now()),
)

documents = Table(
    "documents",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id"), nullable=False),
    Column("name", Text, nullable=False),  # of the file
    Column("title", Text),
    Column("content", LargeBinary, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'received'")),
    Column("reason", Text),  # why it was rejected
    Column("passage_count", Integer, nullable=False, server_default=text("0")),
    Column("due_at", Instant, nullable=False, server_default=func.now()),
    *lease_columns(),
    created_at(),
    UniqueConstraint("tenant_id", "name"),
    Index("ix_documents_waiting", "due_at", postgresql_where=text("state IN ('received', 'removed')")),
)

passages = Table(
    "passages",
    metadata,
    Column("id", Text, primary_key=True),
    Column("document_id", ForeignKey("documents.id", ondelete="CASCADE"), nullable=False),
    Column("tenant_id", ForeignKey("tenants.id"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("headings", ARRAY(Text), nullable=False),
    Column("page", Integer),
    Column("text", Text, nullable=False),
    Index("ix_passages_document_id", "document_id", "ordinal"),
)

# Upkeep that one worker at a time does; a row for each duty of `actors/caretaker.py`.
duties = Table(
    "duties",
    metadata,
    Column("name", Text, primary_key=True),
    Column("due_at", Instant, nullable=False, server_default=func.now()),
    *lease_columns(),
)
