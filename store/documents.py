"""A business's documents and their passages: the text that is kept; the search index is made from it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from models.passage import DocumentState, Passage
from models.tables import documents, passages
from store import leases
from store.database import Database

MOST_TRIES = 5  # reported failures before a document is rejected
RETRY_AFTER = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedDocument:
    """A document that is ours to index, or to remove, until the lease runs out."""

    id: UUID
    tenant_id: UUID
    name: str
    content: bytes
    state: DocumentState
    due_at: datetime  # changes when the file is replaced, or must be indexed once more
    fence: int
    tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRecord:
    """A document as its business sees it."""

    id: UUID
    name: str
    title: str | None
    state: DocumentState
    reason: str | None
    passage_count: int


class Documents:
    """The indexer's and the command line's view of the store."""

    def __init__(self, database: Database) -> None:
        """Share the process's pool."""
        self._database = database

    async def add(self, tenant_id: UUID, name: str, content: bytes) -> UUID:
        """Keep a file to be indexed; the same name again replaces what it held."""
        statement = insert(documents).values(id=uuid4(), tenant_id=tenant_id, name=name, content=content)
        replaced = statement.on_conflict_do_update(
            index_elements=["tenant_id", "name"],
            set_={"content": content, "state": "received", "reason": None, "due_at": func.now(), "tries": 0},
        ).returning(documents.c.id)
        async with self._database.write() as connection:
            document_id: UUID = (await connection.execute(replaced)).scalar_one()
        return document_id

    async def remove(self, tenant_id: UUID, name: str) -> bool:
        """Ask for a document to be forgotten; False where there is none of that name."""
        statement = (
            update(documents)
            .where(documents.c.tenant_id == tenant_id, documents.c.name == name)
            .values(state="removed", due_at=func.now(), tries=0)
        )
        async with self._database.write() as connection:
            return (await connection.execute(statement)).rowcount > 0

    async def of_tenant(self, tenant_id: UUID) -> list[DocumentRecord]:
        """Give all documents of a tenant by name."""
        columns = [column for column in documents.c if column.name != "content"]
        statement = select(*columns).where(documents.c.tenant_id == tenant_id).order_by(documents.c.name)
        async with self._database.read() as connection:
            return [_record(row) for row in await connection.execute(statement)]

    async def digests(self, tenant_id: UUID) -> dict[str, bytes]:
        """Give the SHA-256 of each file of a tenant by name; a file that is being removed has none."""
        statement = select(documents.c.name, func.sha256(documents.c.content)).where(
            documents.c.tenant_id == tenant_id, documents.c.state != "removed"
        )
        async with self._database.read() as connection:
            return {name: digest for name, digest in await connection.execute(statement)}

    async def claim(self, owner: str, limit: int, after: UUID | None = None) -> list[ClaimedDocument]:
        """Take documents that wait to be indexed or removed, the longest waiting of a tenant first.

        Args:
            owner: who takes them.
            limit: how many at most.
            after: the tenant that was served last; the next in the order of ids has its turn, so that one that sends
                thousands of files makes another's wait for one file each.
        """
        table = documents
        async with self._database.write() as connection:
            rows = await leases.claim(
                connection,
                table,
                owner=owner,
                where=table.c.state.in_(["received", "removed"]) & (table.c.due_at <= func.now()),
                order_by=(table.c.tenant_id <= after, table.c.tenant_id, table.c.due_at) if after else table.c.due_at,
                limit=limit,
            )
        return [_claimed(row) for row in rows]

    async def renew(self, owner: str, keys: Collection[UUID]) -> set[UUID]:
        """Keep these of this owner's; give the ids that it still has."""
        async with self._database.write() as connection:
            return await leases.renew(connection, documents, owner=owner, keys=keys)

    async def confirm(self, claimed: ClaimedDocument) -> None:
        """Return if the claim is still the newest: ask right before the search index is written.

        Raises:
            LeaseLost: another indexer has it.
        """
        async with self._database.write() as connection:
            await leases.hold(connection, documents, claimed.id, claimed.fence)

    async def index_again(self, document_id: UUID) -> bool:
        """Have a document indexed, or removed, once more, whoever is at it; False where it is gone.

        For an indexer that may have written to the search index after another one: whoever works on it now leaves it
        waiting, and what was finished already waits again.
        """
        is_finished = documents.c.state.in_(["indexed", "rejected"])
        statement = (
            update(documents)
            .where(documents.c.id == document_id)
            .values(
                state=case((is_finished, "received"), else_=documents.c.state),
                due_at=func.greatest(documents.c.due_at, func.now()),  # a failure's pause goes on
            )
        )
        async with self._database.write() as connection:
            return (await connection.execute(statement)).rowcount > 0

    async def indexed(self, claimed: ClaimedDocument, title: str, cut: Sequence[Passage]) -> None:
        """Replace the passages of a document and call it indexed.

        Raises:
            LeaseLost: another indexer has it; nothing was written.
        """
        rows = [_row(claimed, passage) for passage in cut]
        async with self._database.write() as connection:
            held = await leases.hold(connection, documents, claimed.id, claimed.fence)
            await connection.execute(delete(passages).where(passages.c.document_id == claimed.id))
            if rows:
                await connection.execute(insert(passages), rows)
            # A file that was replaced or removed while we read the old one keeps its new state and is claimed again.
            state = "indexed" if _is_unchanged(held, claimed) else held.state
            await leases.finish(
                connection, documents, claimed.id, claimed.fence, state=state, title=title, passage_count=len(rows),
                reason=None,
            )  # fmt: skip

    async def reject(self, claimed: ClaimedDocument, reason: str) -> None:
        """Call a document unreadable, with one sentence for its owner; raises LeaseLost as `indexed`."""
        async with self._database.write() as connection:
            held = await leases.hold(connection, documents, claimed.id, claimed.fence)
            await connection.execute(delete(passages).where(passages.c.document_id == claimed.id))
            # The verdict is of that file; one that came meanwhile keeps its state and is claimed again.
            is_of_this = held.state == "received" and _is_unchanged(held, claimed)
            verdict = {"state": "rejected", "reason": reason} if is_of_this else {}
            await leases.finish(connection, documents, claimed.id, claimed.fence, passage_count=0, **verdict)

    async def forget(self, claimed: ClaimedDocument) -> None:
        """Delete a document and its passages; the search index was cleared before."""
        async with self._database.write() as connection:
            held = await leases.hold(connection, documents, claimed.id, claimed.fence)
            if _is_unchanged(held, claimed):
                await connection.execute(delete(documents).where(documents.c.id == claimed.id))
            else:  # sent again meanwhile, or written to: it is claimed once more
                await leases.give_back(connection, documents, claimed.id, claimed.fence)

    async def fail(self, claimed: ClaimedDocument) -> None:
        """Try again a little later."""
        async with self._database.write() as connection:
            await leases.fail(connection, documents, claimed.id, claimed.fence, due_at=func.now() + RETRY_AFTER)


def _is_unchanged(held: Row[Any], claimed: ClaimedDocument) -> bool:
    """Whether the file was neither replaced nor removed, nor is to be done again, since it was claimed."""
    return bool(held.state == claimed.state and held.due_at == claimed.due_at)


def _row(claimed: ClaimedDocument, passage: Passage) -> dict[str, Any]:
    return {
        "id": passage.id,
        "document_id": claimed.id,
        "tenant_id": claimed.tenant_id,
        "ordinal": passage.ordinal,
        "title": passage.title,
        "headings": list(passage.headings),
        "page": passage.page,
        "text": passage.text,
    }


def _claimed(row: Row[Any]) -> ClaimedDocument:
    return ClaimedDocument(
        id=row.id,
        tenant_id=row.tenant_id,
        name=row.name,
        content=row.content,
        state=DocumentState(row.state),
        due_at=row.due_at,
        fence=row.fence,
        tries=row.tries,
    )


def _record(row: Row[Any]) -> DocumentRecord:
    return DocumentRecord(
        id=row.id,
        name=row.name,
        title=row.title,
        state=DocumentState(row.state),
        reason=row.reason,
        passage_count=row.passage_count,
    )
