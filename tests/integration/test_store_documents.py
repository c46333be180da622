"""A business's documents and accounts, on a real PostgreSQL."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from actors.indexer import Indexer
from models.errors import LeaseLost
from models.passage import DocumentState, ExtractedDocument, Passage
from models.tables import documents, passages
from security.keyring import Keyring
from store.accounts import Accounts, App, NoSuchAccount
from store.database import Database
from store.documents import ClaimedDocument, DocumentRecord, Documents
from store.duties import Duties
from tests.factories import Business, fresh, make_business, passage
from tests.twins.neighbours import TwinEmbedder, TwinPassages

pytestmark = pytest.mark.postgres


@pytest.fixture
def store(database: Database) -> Documents:
    return Documents(database)


async def claimed(business: Business, store: Documents) -> ClaimedDocument:
    """The claim on this business's only waiting document; those of other tests are given up."""
    mine = None
    for document in await store.claim("indexer", 1000):
        if document.tenant_id == business.tenant.id:
            mine = document
        else:
            await store.fail(document)
    assert mine is not None
    return mine


async def record(business: Business, store: Documents) -> DocumentRecord:
    (found,) = await store.of_tenant(business.tenant.id)
    return found


async def test_a_document_waits_is_claimed_and_becomes_indexed(business: Business, store: Documents) -> None:
    key = await store.add(business.tenant.id, "hours.md", b"# Hours")
    claim = await claimed(business, store)
    assert (claim.id, claim.name, claim.content, claim.state) == (key, "hours.md", b"# Hours", DocumentState.RECEIVED)
    await store.indexed(claim, "Hours", [passage("We open at nine.", document_id=key, headings=("Week",), page=2)])
    found = await record(business, store)
    assert (found.state, found.title, found.passage_count) == (DocumentState.INDEXED, "Hours", 1)
    async with business.database.read() as connection:
        row = (await connection.execute(select(passages).where(passages.c.document_id == key))).one()
    assert (row.text, row.headings, row.page, row.tenant_id) == ("We open at nine.", ["Week"], 2, business.tenant.id)


async def test_the_same_name_again_replaces_the_document(business: Business, store: Documents) -> None:
    first = await store.add(business.tenant.id, "hours.md", b"old")
    await store.indexed(await claimed(business, store), "Hours", [passage("old", document_id=first)])
    assert await store.add(business.tenant.id, "hours.md", b"new") == first
    claim = await claimed(business, store)
    assert claim.content == b"new"
    await store.indexed(claim, "Hours", [passage("new", document_id=first)])
    async with business.database.read() as connection:
        texts = (await connection.execute(select(passages.c.text).where(passages.c.document_id == first))).scalars()
        assert list(texts) == ["new"]


async def test_the_same_name_of_two_businesses_is_two_documents(
    business: Business, store: Documents, database: Database, keyring: Keyring
) -> None:
    other = await make_business(database, keyring)
    keys = {await store.add(tenant, "hours.md", b"x") for tenant in (business.tenant.id, other.tenant.id)}
    assert len(keys) == 2
    assert len(await store.of_tenant(business.tenant.id)) == 1


async def test_a_file_replaced_while_the_old_one_is_indexed_is_indexed_next(
    business: Business, store: Documents
) -> None:
    await store.add(business.tenant.id, "hours.md", b"old")
    claim = await claimed(business, store)
    await store.add(business.tenant.id, "hours.md", b"new")
    await store.indexed(claim, "Hours", [])
    assert (await record(business, store)).state is DocumentState.RECEIVED
    assert (await claimed(business, store)).content == b"new"


async def test_a_file_replaced_while_the_old_one_is_rejected_is_indexed_next(
    business: Business, store: Documents
) -> None:
    await store.add(business.tenant.id, "hours.md", b"old")
    claim = await claimed(business, store)
    await store.add(business.tenant.id, "hours.md", b"new")
    await store.reject(claim, "It is empty.")
    found = await record(business, store)
    assert (found.state, found.reason) == (DocumentState.RECEIVED, None)
    assert (await claimed(business, store)).content == b"new"


async def test_a_document_removed_while_it_is_rejected_is_forgotten(business: Business, store: Documents) -> None:
    await store.add(business.tenant.id, "hours.md", b"old")
    claim = await claimed(business, store)
    await store.remove(business.tenant.id, "hours.md")
    await store.reject(claim, "It is empty.")
    assert (await claimed(business, store)).state is DocumentState.REMOVED


async def test_a_document_sent_again_while_it_is_forgotten_is_indexed_next(
    business: Business, store: Documents
) -> None:
    await store.add(business.tenant.id, "hours.md", b"old")
    await store.remove(business.tenant.id, "hours.md")
    claim = await claimed(business, store)
    await store.add(business.tenant.id, "hours.md", b"new")
    await store.forget(claim)
    assert (await claimed(business, store)).content == b"new"


async def test_a_forgotten_document_is_gone_with_its_passages(business: Business, store: Documents) -> None:
    key = await store.add(business.tenant.id, "hours.md", b"x")
    await store.indexed(await claimed(business, store), "Hours", [passage("x", document_id=key)])
    assert await store.remove(business.tenant.id, "hours.md")
    await store.forget(await claimed(business, store))
    assert await store.of_tenant(business.tenant.id) == []
    async with business.database.read() as connection:
        assert (await connection.execute(select(passages).where(passages.c.document_id == key))).all() == []


async def test_nobody_removes_the_document_of_another_business(
    business: Business, store: Documents, database: Database, keyring: Keyring
) -> None:
    await store.add(business.tenant.id, "hours.md", b"x")
    other = await make_business(database, keyring)
    assert not await store.remove(other.tenant.id, "hours.md")
    assert (await record(business, store)).state is DocumentState.RECEIVED


@pytest.mark.parametrize("act", ["confirm", "indexed", "reject", "forget", "fail"])
async def test_an_indexer_that_lost_its_claim_changes_nothing(business: Business, store: Documents, act: str) -> None:
    await store.add(business.tenant.id, "hours.md", b"x")
    lost = await claimed(business, store)
    await _expire(business)
    await claimed(business, store)
    calls = {
        "confirm": (lost,),
        "indexed": (lost, "Hours", []),
        "reject": (lost, "bad"),
        "forget": (lost,),
        "fail": (lost,),
    }
    with pytest.raises(LeaseLost):
        await getattr(store, act)(*calls[act])
    assert (await record(business, store)).state is DocumentState.RECEIVED


async def test_a_slow_indexer_does_not_leave_its_old_passages_in_the_search_index(
    business: Business, store: Documents
) -> None:
    """It pauses between its last question and its write, while another one indexes the newer file."""
    index, slow_index = TwinPassages(), TwinPassages()
    writing, may_write = asyncio.Event(), asyncio.Event()

    async def paused(*arguments: Any) -> None:
        writing.set()
        await may_write.wait()
        await index.replace(*arguments)

    slow_index.replace = paused  # type: ignore[method-assign]
    slow, quick = _indexer(store, slow_index), _indexer(store, index)
    await store.add(business.tenant.id, "hours.md", b"old")
    working = asyncio.create_task(slow._work(await claimed(business, store)))
    await writing.wait()
    await store.add(business.tenant.id, "hours.md", b"new")
    await _expire(business)
    await quick._work(await claimed(business, store))
    may_write.set()
    await working
    assert await _found(business, index) == ["old"]  # for a moment
    await slow._mend()
    await quick._work(await claimed(business, store))
    assert await _found(business, index) == ["new"]
    assert (await record(business, store)).state is DocumentState.INDEXED


@pytest.mark.parametrize("is_removed", [False, True])
async def test_an_indexer_at_work_leaves_a_document_waiting_that_must_be_done_again(
    business: Business, store: Documents, is_removed: bool
) -> None:
    key = await store.add(business.tenant.id, "hours.md", b"x")
    if is_removed:
        await store.remove(business.tenant.id, "hours.md")
    claim = await claimed(business, store)
    assert await store.index_again(key)
    await (store.forget(claim) if is_removed else store.indexed(claim, "Hours", []))
    assert (await claimed(business, store)).state is claim.state


async def test_doing_again_what_is_forgotten_tells_so(store: Documents) -> None:
    assert not await store.index_again(uuid4())


def _indexer(store: Documents, index: TwinPassages) -> Indexer:
    """Makes one passage of a file."""

    async def extract(content: bytes, name: str) -> ExtractedDocument:
        return ExtractedDocument(title=content.decode(), sections=())

    def split(document: ExtractedDocument, document_id: UUID) -> list[Passage]:
        return [passage(document.title, document_id=document_id)]

    return Indexer("indexer", store, TwinEmbedder(), index, extract, split)


async def _found(business: Business, index: TwinPassages) -> list[str]:
    return [one.passage.text for one in await index.search(business.tenant.id, [1.0, 0.0], "", 10)]


async def _expire(business: Business) -> None:
    async with business.database.write() as connection:
        statement = documents.update().where(documents.c.tenant_id == business.tenant.id)
        await connection.execute(statement.values(lease_until=documents.c.created_at))


async def test_a_tenant_with_many_files_lets_another_have_its_turn(store: Documents, database: Database) -> None:
    keyring = Keyring({"test": b"k" * 32})
    flooding, other = [await make_business(database, keyring) for _ in range(2)]
    for place in range(4):
        await store.add(flooding.tenant.id, f"{place}.md", b"x")
    await store.add(other.tenant.id, "one.md", b"x")
    tenants = {flooding.tenant.id, other.tenant.id}
    served: list[UUID] = []
    after = flooding.tenant.id
    while len(served) < 5:
        (claim,) = await store.claim("indexer", 1, after)
        after = claim.tenant_id
        if after in tenants:
            served.append(after)
        await store.fail(claim)
    assert served[0] == other.tenant.id or served[1] == other.tenant.id
    assert served.count(flooding.tenant.id) == 4


async def test_a_failed_document_waits_before_it_is_tried_again(business: Business, store: Documents) -> None:
    await store.add(business.tenant.id, "hours.md", b"x")
    await store.fail(await claimed(business, store))
    assert business.tenant.id not in [document.tenant_id for document in await store.claim("indexer", 1000)]


async def test_a_duty_is_done_by_one_and_again_on_time(database: Database) -> None:
    duties, name = Duties(database), fresh("duty")
    await duties.enrol([name])
    await duties.enrol([name])  # once
    claim = await duties.claim("caretaker")
    assert claim is not None
    assert await duties.claim("another") is None
    await duties.done(claim, timedelta(hours=1))
    assert await duties.claim("caretaker") is None


async def test_accounts_give_back_what_was_added(business: Business) -> None:
    accounts = Accounts(business.database, business.keyring)
    assert await accounts.tenant(business.tenant.slug) == business.tenant
    assert business.tenant in await accounts.tenants()
    assert await accounts.access_token(business.number) == "token"
    apps, app_of_number = await accounts.signers()
    app = apps[app_of_number[business.number]]
    assert (app.secrets, app.verify_token) == ((b"secret",), "verify")
    assert "secret" not in repr(app)


async def test_a_tenant_added_again_is_renamed(business: Business) -> None:
    accounts = Accounts(business.database, business.keyring)
    renamed = await accounts.add_tenant(business.tenant.slug, "New name", ["es"])
    assert (renamed.id, renamed.name, renamed.languages) == (business.tenant.id, "New name", ("es",))


async def test_a_number_added_again_has_its_new_secrets_and_starts(business: Business) -> None:
    accounts = Accounts(business.database, business.keyring)
    await business.execute("UPDATE numbers SET stopped_reason = 'x' WHERE phone_number_id = :number")
    await accounts.add_number(
        tenant_id=business.tenant.id,
        phone_number_id=business.number,
        display_phone_number="15550100000",
        portfolio=business.portfolio,
        app=App(name=fresh("app-"), secrets=(b"newer", b"secret"), verify_token="v"),
        access_token="another",
    )
    assert await accounts.access_token(business.number) == "another"
    (number,) = [one for one in await accounts.numbers() if one.phone_number_id == business.number]
    assert number.stopped_reason is None


async def test_a_stopped_number_is_started_again(business: Business) -> None:
    await business.execute("UPDATE numbers SET stopped_reason = 'x' WHERE phone_number_id = :number")
    accounts = Accounts(business.database, business.keyring)
    await accounts.start_number(business.number)
    (number,) = [one for one in await accounts.numbers() if one.phone_number_id == business.number]
    assert number.stopped_reason is None


async def test_unknown_accounts_are_named_in_the_error(database: Database, keyring: Keyring) -> None:
    accounts = Accounts(database, keyring)
    with pytest.raises(NoSuchAccount, match="tenants add nobody"):
        await accounts.tenant("nobody")
    with pytest.raises(NoSuchAccount, match="nothing"):
        await accounts.start_number("nothing")
    with pytest.raises(NoSuchAccount):
        await accounts.access_token("nothing")


async def test_no_secret_is_readable_in_the_rows(business: Business) -> None:
    async with business.database.engine.connect() as connection:
        rows = (await connection.exec_driver_sql("SELECT access_token FROM numbers")).all()
        rows += (await connection.exec_driver_sql("SELECT secrets, verify_token FROM apps")).all()
    assert not any(word in repr(rows) for word in ("'token'", "b'secret'", "verify"))
