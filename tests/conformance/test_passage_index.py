"""What every `PassageIndex` does: Milvus Lite and the twin of the unit tests alike."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from actors.ports import PassageIndex
from models.errors import SearchRefused
from models.passage import Passage, Vector
from store.passages import MilvusPassages
from tests.factories import direction, passage
from tests.twins.neighbours import TwinPassages

SAID = "opening hours of the shop"  # the same words everywhere, so that only the angle decides


@pytest.fixture(scope="module")
async def milvus(milvus_uri: str) -> AsyncIterator[MilvusPassages]:
    index = MilvusPassages(milvus_uri, "", model="angles", dimension=2, splitter="1")
    await index.prepare()
    await index.prepare()  # safe to repeat
    yield index
    await index.close()
    await index.close()


@pytest.fixture(params=[pytest.param("milvus", marks=pytest.mark.milvus), "twin"])
def index(request: pytest.FixtureRequest) -> PassageIndex:
    return request.getfixturevalue("milvus") if request.param == "milvus" else TwinPassages()  # type: ignore[no-any-return]


async def keep(index: PassageIndex, tenant: UUID, document: UUID, *angles: float) -> list[Passage]:
    """Make passages at these angles the document's."""
    made = [passage(SAID, document_id=document, ordinal=place) for place in range(len(angles))]
    vectors: list[Vector] = [direction(angle) for angle in angles]
    await index.replace(tenant, document, made, vectors)
    return made


async def found(index: PassageIndex, tenant: UUID, limit: int = 10) -> list[Passage]:
    return [one.passage for one in await index.search(tenant, direction(0), SAID, limit)]


async def test_a_passage_is_found_as_it_was_kept(index: PassageIndex) -> None:
    tenant, document = uuid4(), uuid4()
    kept = passage('We open at "nine".', document_id=document, headings=("Week", "Summer"), page=3)
    await index.replace(tenant, document, [kept], [direction(60)])
    (one,) = await index.search(tenant, direction(0), "When do you open?", 5)
    assert one.passage == kept
    assert one.similarity == pytest.approx(0.5, abs=1e-5)  # cos 60°


async def test_a_passage_that_no_index_takes_is_refused_and_the_others_stay(index: PassageIndex) -> None:
    tenant, document = uuid4(), uuid4()
    kept = await keep(index, tenant, document, 0)
    with pytest.raises(SearchRefused):
        await index.replace(tenant, document, [passage("Q" * 20_000, document_id=document)], [direction(0)])
    assert await found(index, tenant) == kept


async def test_a_tenant_finds_its_own_passages_only(index: PassageIndex) -> None:
    ours, theirs = uuid4(), uuid4()
    kept = await keep(index, ours, uuid4(), 0)
    await keep(index, theirs, uuid4(), 0)
    assert await found(index, ours) == kept
    assert await found(index, uuid4()) == []


async def test_the_nearest_comes_first_and_no_more_than_asked_for(index: PassageIndex) -> None:
    tenant, document = uuid4(), uuid4()
    made = [
        passage(said, document_id=document, ordinal=place)
        for place, said in enumerate(("nothing like it", "some hours", "opening hours of the shop"))
    ]
    await index.replace(tenant, document, made, [direction(80), direction(40), direction(5)])
    assert await found(index, tenant, limit=2) == [made[2], made[1]]


async def test_replacing_twice_is_replacing_once(index: PassageIndex) -> None:
    tenant, document = uuid4(), uuid4()
    await keep(index, tenant, document, 0, 10)
    kept = await keep(index, tenant, document, 0, 10)
    assert sorted(await found(index, tenant), key=lambda one: one.ordinal) == kept


async def test_replacing_takes_away_what_the_document_held_before(index: PassageIndex) -> None:
    tenant, document = uuid4(), uuid4()
    await keep(index, tenant, document, 0, 10, 20)
    kept = await keep(index, tenant, document, 5)
    assert await found(index, tenant) == kept


async def test_a_document_without_passages_is_gone_and_others_stay(index: PassageIndex) -> None:
    tenant, gone = uuid4(), uuid4()
    await keep(index, tenant, gone, 0)
    kept = await keep(index, tenant, uuid4(), 10)
    await index.replace(tenant, gone, [], [])
    assert await found(index, tenant) == kept


async def test_a_tenant_cannot_clear_the_document_of_another(index: PassageIndex) -> None:
    tenant, document = uuid4(), uuid4()
    kept = await keep(index, tenant, document, 0)
    await index.replace(uuid4(), document, [], [])
    assert await found(index, tenant) == kept
