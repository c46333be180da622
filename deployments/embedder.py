"""The embedder: texts to unit vectors, queries before documents.

Work runs in one thread, because a replica's event loop also carries its health checks.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ray import serve
from ray.serve.exceptions import RayServeException
from tokenizers import Encoding

from deployments.embedding.artifact import DIMENSION, MODEL_NAME, ready_model
from deployments.embedding.gate import UrgencyGate
from deployments.embedding.runner import EmbeddingModel, plan_runs
from deployments.embedding.tokens import MAX_TOKENS
from models.errors import EmbedderUnavailable

MAX_TEXTS = 256  # a call
QUERY_TOKENS = 128  # a call up to this size is a query; a larger one is documents and can wait
DOCUMENTS_WAIT = timedelta(seconds=2)  # documents are overtaken by queries for no longer than this
HEALTH_TIMEOUT = timedelta(seconds=5)

Vectors = npt.NDArray[np.float32]
Batch = Callable[[list[list[Encoding]]], Coroutine[Any, Any, list[Vectors]]]


class Embedder:
    """One replica of the embedding model; the contract is `actors.ports.Embedder`."""

    model_name = MODEL_NAME
    dimension = DIMENSION
    max_tokens = MAX_TOKENS

    def __init__(
        self,
        home: str,
        *,
        threads: int = 1,
        max_batch: int = 32,
        batch_wait_ms: float = 1.0,
        max_waiting_texts: int = 4096,
    ) -> None:
        """Load the model, exporting it first where it is missing (about 30 s).

        Args:
            home: the folder of `PARLEY_HOME`; the model is kept under `models/` in it.
            threads: processor threads of one run.
            max_batch: queries that may share a run.
            batch_wait_ms: how long a query waits for others; on one core sharing gains a quarter, so not for long.
            max_waiting_texts: beyond this calls are refused.
        """
        self._model = EmbeddingModel(ready_model(Path(home)), threads=threads)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedding")
        self._gate = UrgencyGate()
        self._max_waiting_texts = max_waiting_texts
        self._waiting_texts = 0
        self._runs = 0
        self._share = _sharing(self._run_queries, max_batch, batch_wait_ms / 1000)
        self._model.embed(["warm"])

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Give one vector a text, in order: 384 float32 values of length 1; texts are cut at 256 tokens.

        Raises:
            EmbedderUnavailable: too much is waiting. Retryable.
            ValueError: more than 256 texts.
        """
        if len(texts) > MAX_TEXTS:
            raise ValueError(f"{len(texts)} texts in one call; {MAX_TEXTS} are allowed")
        if not texts:
            return []
        if self._waiting_texts + len(texts) > self._max_waiting_texts:
            raise EmbedderUnavailable("Too many texts are waiting to be embedded.")
        self._waiting_texts += len(texts)
        try:
            vectors: list[list[float]] = (await self._embed(texts)).tolist()
            return vectors
        finally:
            self._waiting_texts -= len(texts)

    async def check_health(self) -> None:
        """Embed one word.

        Raises:
            TimeoutError: the thread or the batching loop is stuck.
        """
        async with asyncio.timeout(HEALTH_TIMEOUT.total_seconds()):
            await self._embed(["health"])

    def status(self) -> dict[str, int]:
        """Give the runs so far, and the texts that are in hand."""
        return {"runs": self._runs, "waiting_texts": self._waiting_texts}

    async def _embed(self, texts: Sequence[str]) -> Vectors:
        encodings = await self._in_thread(self._model.encode, texts) if _is_long(texts) else self._model.encode(texts)
        if sum(map(len, encodings)) <= QUERY_TOKENS:
            vectors: Vectors = await self._share(encodings)
            return vectors
        return await self._run(encodings, asyncio.get_running_loop().time() + DOCUMENTS_WAIT.total_seconds())

    async def _run_queries(self, calls: list[list[Encoding]]) -> list[Vectors]:
        """Embed the queries of several calls together; one result a call."""
        together = [encoding for call in calls for encoding in call]
        vectors = await self._run(together, asyncio.get_running_loop().time())
        ends = np.cumsum([len(call) for call in calls])
        return np.split(vectors, ends[:-1])

    async def _run(self, encodings: list[Encoding], due_s: float) -> Vectors:
        vectors = np.empty((len(encodings), DIMENSION), dtype=np.float32)
        for places in plan_runs([len(encoding) for encoding in encodings]):
            async with self._gate.turn(due_s):
                self._runs += 1
                vectors[places] = await self._in_thread(self._model.run, [encodings[place] for place in places])
        return vectors

    async def _in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)


def _is_long(texts: Sequence[str]) -> bool:
    """Tell whether tokenizing takes more than the millisecond that an event loop can spare."""
    return len(texts) > 8 or sum(map(len, texts)) > 2000


def _sharing(run: Batch, max_batch: int, wait_s: float) -> Callable[[list[Encoding]], Coroutine[Any, Any, Vectors]]:
    """Let concurrent calls share a run; outside a Serve replica, where `serve.batch` cannot work, each runs alone."""
    try:
        serve.get_replica_context()
    except RayServeException:
        return lambda call: _alone(run, call)
    shared: Callable[[list[Encoding]], Coroutine[Any, Any, Vectors]] = serve.batch(
        max_batch_size=max_batch, batch_wait_timeout_s=wait_s
    )(run)
    return shared


async def _alone(run: Batch, call: list[Encoding]) -> Vectors:
    return (await run([call]))[0]
