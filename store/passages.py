"""Passages in Milvus: one collection for each (embedding model, splitter version), the tenant as partition key.

Milvus is derived from Postgres and can always be rebuilt. A process reads and writes the collection of its own model
and splitter only, so that old and new code beside each other never mix two. One client an event loop, made inside it.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from grpc import RpcError  # type: ignore[import-untyped]
from pymilvus import AnnSearchRequest, AsyncMilvusClient, DataType, Function, FunctionType, MilvusClient, RRFRanker
from pymilvus.exceptions import DataNotMatchException, MilvusException, ParamError

from models.errors import SearchRefused, SearchUnavailable
from models.passage import FoundPassage, Passage, Vector

SEARCH_LIMIT_S = 3.0
WRITE_LIMIT_S = 20.0
START_LIMIT_S = 30.0
RRF_K = 60  # the constant of the paper on reciprocal rank fusion (Cormack, Clarke, Büttcher 2009)
# pymilvus pings an idle server every 10 s, and a gRPC server at its defaults, like Milvus Lite's, hangs up on whoever
# pings more often than every 300 s; the call under way is lost with the connection.
_CHANNEL = {"grpc.keepalive_time_ms": 360_000}
_MADE_WITHIN_S = 5.0
_MOST_BYTES = 16_384  # of a VARCHAR; the splitter keeps a passage within a quarter of it
# What pymilvus and the server call an argument that is wrong: the older code, and the newer ones from 1100 on
# (Milvus, pkg/util/merr/errors.go: parameter invalid, missing, too large).
_REFUSALS = frozenset({6, 1100, 1101, 1102})
_STORED = ["document_id", "title", "ordinal", "text", "headings", "page", "vector"]
_INDEXES: Mapping[str, Mapping[str, Any]] = {
    "vector": {"index_type": "HNSW", "metric_type": "COSINE", "params": {"M": 16, "efConstruction": 200}},
    "words": {"index_type": "SPARSE_INVERTED_INDEX", "metric_type": "BM25"},
}

Result = TypeVar("Result")


class MilvusPassages:
    """The searchable copy of every tenant's passages."""

    def __init__(self, uri: str, token: str, *, model: str, dimension: int, splitter: str) -> None:
        """Prepare, without connecting.

        Args:
            uri: of Milvus 2.5 or newer, or of Milvus Lite in server mode.
            token: empty where the server asks for none.
            model: name of the embedding model; a collection never mixes two.
            dimension: of its vectors.
            splitter: version of the splitter that cut the passages.
        """
        self._uri, self._token = uri, token
        self._dimension = dimension
        name = f"{model}_{splitter}".lower()
        self.collection = "parley_" + "".join(letter if letter.isalnum() else "_" for letter in name)
        self._client: AsyncMilvusClient | None = None
        self._writing = asyncio.Lock()  # Milvus Lite wants writers of one collection one by one

    async def prepare(self) -> None:
        """Make the collection and its indexes where they are missing; safe to repeat, and from several processes.

        Raises:
            SearchUnavailable: retryable.
        """
        client = await self._connected()
        # In a thread, by the blocking client: the other one asks for a timestamp after each index, which Milvus Lite
        # does not give, and would leave the collection without its second one.
        await _limited(asyncio.to_thread(self._create), START_LIMIT_S)
        await _limited(client.load_collection(self.collection), START_LIMIT_S)

    async def search(self, tenant_id: UUID, vector: Vector, text: str, limit: int) -> list[FoundPassage]:
        """Give this tenant's best passages by rank fusion of dense and BM25 search, best first.

        Raises:
            SearchUnavailable: retryable.
        """
        # Milvus Lite knows no parameters in expressions; a UUID of ours needs none. Each search gives no more than is
        # wanted in the end: more would let what both find a little bury what one finds best.
        only = {"expr": f'tenant_id == "{tenant_id}"', "limit": limit}
        dense = AnnSearchRequest([list(vector)], "vector", {"metric_type": "COSINE"}, **only)
        words = AnnSearchRequest([text], "words", {"metric_type": "BM25"}, **only)
        client = await self._connected()
        (hits,) = await _limited(
            client.hybrid_search(self.collection, [dense, words], RRFRanker(RRF_K), limit, output_fields=_STORED),
            SEARCH_LIMIT_S,
        )
        return [_found(hit, vector) for hit in hits]

    async def replace(
        self, tenant_id: UUID, document_id: UUID, passages: Sequence[Passage], vectors: Sequence[Vector]
    ) -> None:
        """Make exactly these the passages of the document; safe to repeat.

        Raises:
            SearchUnavailable: retryable; a repeat completes it.
            SearchRefused: Milvus does not take these passages, now or later; those that it has are unchanged.
        """
        rows = [_row(tenant_id, passage, vector) for passage, vector in zip(passages, vectors, strict=True)]
        client = await self._connected()
        async with self._writing:
            if rows:
                await _limited(_taken(client.upsert(self.collection, rows)), WRITE_LIMIT_S)
            await _limited(
                self._delete_others(client, tenant_id, document_id, [row["id"] for row in rows]), WRITE_LIMIT_S
            )

    async def close(self) -> None:
        """Close the connection; safe twice."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    async def _connected(self) -> AsyncMilvusClient:
        if self._client is None:
            try:
                self._client = AsyncMilvusClient(
                    self._uri, token=self._token, timeout=START_LIMIT_S, grpc_options=_CHANNEL
                )
            except (MilvusException, OSError) as error:
                raise SearchUnavailable("Milvus does not answer") from error
        return self._client

    async def _delete_others(
        self, client: AsyncMilvusClient, tenant_id: UUID, document_id: UUID, kept: list[str]
    ) -> None:
        mine = f'tenant_id == "{tenant_id}" and document_id == "{document_id}"'
        await client.delete(self.collection, filter=f"{mine} and id not in {json.dumps(kept)}" if kept else mine)

    def _create(self) -> None:
        """Make what is missing of the collection and its indexes; another process may be at it, too."""
        client = MilvusClient(self._uri, token=self._token, timeout=START_LIMIT_S, grpc_options=_CHANNEL)
        try:
            if not client.has_collection(self.collection):
                _unless(lambda: client.has_collection(self.collection), lambda: self._create_collection(client))
            for field, index in _INDEXES.items():
                if not client.list_indexes(self.collection, field_name=field):
                    wanted = client.prepare_index_params()
                    wanted.add_index(field, **index)
                    _unless(
                        partial(client.list_indexes, self.collection, field_name=field),
                        partial(client.create_index, self.collection, wanted),
                    )
        finally:
            client.close()

    def _create_collection(self, client: MilvusClient) -> None:
        schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=128)
        schema.add_field("tenant_id", DataType.VARCHAR, max_length=36, is_partition_key=True)
        schema.add_field("document_id", DataType.VARCHAR, max_length=36)
        schema.add_field("title", DataType.VARCHAR, max_length=1024)
        schema.add_field("ordinal", DataType.INT64)
        schema.add_field("page", DataType.INT64)  # 0: the format has no pages
        schema.add_field("headings", DataType.JSON)
        schema.add_field("text", DataType.VARCHAR, max_length=_MOST_BYTES)
        schema.add_field("context", DataType.VARCHAR, max_length=_MOST_BYTES, enable_analyzer=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=self._dimension)
        schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
        schema.add_function(Function("bm25", FunctionType.BM25, ["context"], ["words"]))
        client.create_collection(self.collection, schema=schema)


def _unless(is_there: Callable[[], object], make: Callable[[], object]) -> None:
    """Make a thing; that it cannot be made is no error where another process is making it meanwhile.

    Milvus Lite makes a collection's folder some milliseconds before the collection is there, and refuses a second one.
    """
    try:
        make()
    except MilvusException:
        give_up_at = time.monotonic() + _MADE_WITHIN_S
        while not is_there():
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.05)


async def _limited(call: Awaitable[Result], limit_s: float) -> Result:
    try:
        async with asyncio.timeout(limit_s):
            return await call
    except (MilvusException, RpcError, TimeoutError, OSError) as error:
        raise SearchUnavailable("Milvus does not answer in time") from error


async def _taken(call: Awaitable[Result]) -> Result:
    """Tell "it says no" from "it is away": the second passes, the first does not."""
    try:
        return await call
    except MilvusException as error:
        is_refusal = error.is_input_error or error.code in _REFUSALS
        if is_refusal or isinstance(error, ParamError | DataNotMatchException):
            raise SearchRefused("Milvus does not take a passage") from error
        raise


def _row(tenant_id: UUID, passage: Passage, vector: Vector) -> dict[str, Any]:
    return {
        "id": passage.id,
        "tenant_id": str(tenant_id),
        "document_id": str(passage.document_id),
        "title": passage.title,
        "ordinal": passage.ordinal,
        "page": passage.page or 0,
        "headings": list(passage.headings),
        "text": passage.text,
        "context": passage.context,
        "vector": [float(value) for value in vector],
    }


def _found(hit: Any, question: Vector) -> FoundPassage:
    entity = hit["entity"]
    passage = Passage(
        id=hit["id"],
        document_id=UUID(entity["document_id"]),
        title=entity["title"],
        ordinal=entity["ordinal"],
        text=entity["text"],
        headings=tuple(entity["headings"]),
        page=entity["page"] or None,
    )
    similarity = sum(a * b for a, b in zip(entity["vector"], question, strict=True))
    return FoundPassage(passage=passage, score=hit["distance"], similarity=similarity)
