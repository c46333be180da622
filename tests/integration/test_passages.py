"""What only the real Milvus Lite can show: how a collection is made, mended, and away."""

from uuid import uuid4

import pytest
from pymilvus import MilvusClient

from models.errors import SearchUnavailable
from store.passages import MilvusPassages
from tests.factories import direction, passage

pytestmark = pytest.mark.milvus


async def test_a_collection_that_lost_an_index_is_completed(milvus_uri: str) -> None:
    """As a process leaves it that dies between the two."""
    index = MilvusPassages(milvus_uri, "", model="mended", dimension=2, splitter="1")
    await index.prepare()
    client = MilvusClient(milvus_uri, timeout=10)
    client.release_collection(index.collection)
    client.drop_index(index.collection, "words")
    assert client.list_indexes(index.collection, field_name="words") == []
    await index.prepare()
    assert client.list_indexes(index.collection, field_name="words") == ["words"]
    client.close()
    await index.close()


async def test_words_alone_find_a_passage_that_vectors_do_not(milvus_uri: str) -> None:
    """A model's number, a name: the angle says nothing, BM25 does."""
    index = MilvusPassages(milvus_uri, "", model="words", dimension=2, splitter="1")
    await index.prepare()
    tenant, document = uuid4(), uuid4()
    near = [passage(f"something else {place}", document_id=document, ordinal=place) for place in range(40)]
    named = passage("the XR-7781 helmet", document_id=document, ordinal=40)
    vectors = [direction(place) for place in range(40)]
    await index.replace(tenant, document, [*near, named], [*vectors, direction(179)])
    found = await index.search(tenant, direction(0), "XR-7781", 5)
    assert named in [one.passage for one in found]
    await index.close()


async def test_a_milvus_that_is_away_is_a_retryable_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.passages.START_LIMIT_S", 0.5)
    index = MilvusPassages("http://127.0.0.1:9", "", model="away", dimension=2, splitter="1")
    with pytest.raises(SearchUnavailable):
        await index.prepare()
    await index.close()
