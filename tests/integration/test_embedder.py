"""The real model: exported from the pinned weights, then asked."""

import asyncio
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

with warnings.catch_warnings():  # Ray's own modules are deprecated in their use of pydantic
    warnings.simplefilter("ignore")
    from deployments.embedder import MAX_TEXTS, Embedder

from deployments.embedding.artifact import ready_model
from deployments.embedding.runner import EmbeddingModel
from models.errors import EmbedderUnavailable

LONG = "The warranty covers defects of material for two years from the date of purchase. " * 30


@pytest.fixture(scope="module")
def home(model_home: Path) -> Path:
    return model_home


@pytest.fixture(scope="module")
def embedder(home: Path) -> Embedder:
    return Embedder(str(home))


async def test_vectors_have_length_one_and_come_in_order(embedder: Embedder) -> None:
    texts = ["opening hours", LONG, "refund", "¿Abren los domingos?", "hi"]
    together = np.array(await embedder.embed(texts))
    assert together.shape == (5, 384)
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    alone = np.array([(await embedder.embed([text]))[0] for text in texts])
    # int8 scales each run by its largest value, so neighbours in a run move a vector a little
    assert (together * alone).sum(axis=1).min() > 0.95


async def test_a_paraphrase_is_nearer_than_another_topic(embedder: Embedder) -> None:
    asked, same, other = np.array(
        await embedder.embed(["When are you open?", "What are your opening hours?", "I want my money back."])
    )
    assert asked @ same > asked @ other + 0.2


async def test_a_text_is_cut_at_256_tokens(embedder: Embedder) -> None:
    once, twice = np.array(await embedder.embed([LONG, LONG * 2]))
    assert once @ twice > 0.999


async def test_a_text_that_utf8_cannot_hold_is_embedded_all_the_same(embedder: Embedder) -> None:
    assert len(await embedder.embed(["broken \ud800 text \x00"])) == 1


async def test_no_text_gives_no_vector_and_too_many_are_refused(embedder: Embedder) -> None:
    assert await embedder.embed([]) == []
    with pytest.raises(ValueError, match="256"):
        await embedder.embed(["x"] * (MAX_TEXTS + 1))


async def test_more_than_may_wait_is_refused(home: Path) -> None:
    small = Embedder(str(home), max_waiting_texts=2)
    with pytest.raises(EmbedderUnavailable):
        await small.embed(["a", "b", "c"])
    assert len(await small.embed(["a", "b"])) == 2


async def test_a_query_overtakes_documents(embedder: Embedder) -> None:
    documents = asyncio.create_task(embedder.embed([LONG] * 24))
    await asyncio.sleep(0)  # lets the documents in first
    assert embedder.status()["waiting_texts"] == 24
    await embedder.embed(["opening hours"])
    assert not documents.done()
    documents.cancel()


def test_a_short_query_takes_less_than_5_ms_on_one_core(home: Path) -> None:
    model = EmbeddingModel(ready_model(home))
    took_ms = []
    for _ in range(50):
        start = time.perf_counter()
        model.embed(["When do you open on Sunday?"])
        took_ms.append((time.perf_counter() - start) * 1000)
    assert min(took_ms) < 5  # the least of many: the machine is shared


def test_a_replica_never_imports_torch(home: Path) -> None:
    code = (
        "import sys; from deployments.embedder import Embedder; Embedder(sys.argv[1]); "
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(home)], timeout=60, capture_output=True, check=False)
    assert done.returncode == 0
