"""How long does one hybrid search take among 10,000 passages, alone and with others beside it?

The search as a turn does it (dense and BM25, rank fusion, one tenant's passages), without embedding the question:
vectors are random, which no index finds easier than real ones.
"""

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from random import Random
from uuid import UUID

import numpy as np

from benchmarks.corpus import section
from benchmarks.figures import Figure, LegResult, percentile
from benchmarks.plan import Leg, Sample
from benchmarks.site import Needs, Outcome, Say, Site, Wishes
from models.errors import MachineFailed
from models.passage import Passage, Vector
from store.passages import MilvusPassages

NEEDS = Needs(applications=("edge", "operator"))
SECONDS = 15.0
PASSAGES = 10_000
TENANT = UUID(int=1)
DIMENSION = 384  # of all-MiniLM-L6-v2
A_DOCUMENT = 500  # passages
FOUND = 8  # wanted by a turn
WARM_UP = 20  # searches
ASKERS = (1, 8)  # side by side


async def run(site: Site, wishes: Wishes, say: Say) -> Outcome:
    """Fill a collection of its own, then search it: closed loop, first one asker, then several."""
    index = MilvusPassages(site.milvus_uri, "", model="bench", dimension=DIMENSION, splitter=str(PASSAGES))
    try:
        await index.prepare()
        filled_s = await _fill(index, wishes.seed, say)
        asked = _questions(wishes.seed)
        for vector, text in itertools.islice(asked, WARM_UP):
            await index.search(TENANT, vector, text, FOUND)
        found = [await _search(index, asked, askers, wishes.seconds, say) for askers in ASKERS]
    finally:
        await index.close()
    alone, beside = ([sample.latency_s * 1000 for sample in samples if sample.is_good] for samples in found)
    if not alone or not beside:
        raise MachineFailed("No search was answered.")
    return Outcome(
        scenario="retrieval",
        question=(__doc__ or "").partition("\n")[0],
        conditions={
            "passages": PASSAGES,
            "tenants": 1,
            "dimension": DIMENSION,
            "found": FOUND,
            "store": "Milvus Lite in server mode, hybrid search with a tenant filter",
        },
        figures={
            "p95": Figure(value=percentile(alone, 0.95), unit="ms"),
            "p50": Figure(value=percentile(alone, 0.5), unit="ms"),
            f"p95_of_{ASKERS[1]}": Figure(value=percentile(beside, 0.95), unit="ms"),
            "failed": Figure(value=sum(not s.is_good for samples in found for s in samples), unit="searches"),
            "filled_in": Figure(value=filled_s, unit="s"),
        },
        legs=[LegResult.of(_leg(a, wishes.seconds), samples) for a, samples in zip(ASKERS, found, strict=True)],
        series={_name(askers): sorted(values) for askers, values in zip(ASKERS, (alone, beside), strict=True)},
    )


async def _fill(index: MilvusPassages, seed: int, say: Say) -> float:
    """Keep the passages, document by document; gives the seconds it took."""
    draw, vectors, start = Random(seed), _unit_vectors(seed, PASSAGES), time.monotonic()  # noqa: S311 - repeatable
    for first in range(0, PASSAGES, A_DOCUMENT):
        document = UUID(int=first + 1)
        passages = [
            Passage(
                id=f"{document}:{at}", document_id=document, title="Leaflet", ordinal=at, text=section(draw, first + at)
            )
            for at in range(A_DOCUMENT)
        ]
        await index.replace(TENANT, document, passages, vectors[first : first + A_DOCUMENT])
        if first % 2_000 == 0:
            say(f"passages: {first} of {PASSAGES}")
    return time.monotonic() - start


async def _search(
    index: MilvusPassages, asked: Iterator[tuple[Vector, str]], askers: int, seconds: float, say: Say
) -> list[Sample]:
    say(f"searching for {seconds:g} s, {_name(askers)}")
    samples: list[Sample] = []
    end = time.time() + seconds

    async def ask() -> None:
        while (sent := time.time()) < end:
            vector, text = next(asked)
            try:
                status = 200 if await index.search(TENANT, vector, text, FOUND) else 404
            except MachineFailed:
                status = 0
            samples.append(Sample(leg=0, due=sent, sent=sent, done=time.time(), status=status, id=""))

    await asyncio.gather(*(ask() for _ in range(askers)))
    return samples


def _questions(seed: int) -> Iterator[tuple[Vector, str]]:
    draw, vectors = Random(seed + 1), itertools.cycle(_unit_vectors(seed + 1, 500))  # noqa: S311 - repeatable
    return ((vector, f"How much is item {draw.randrange(PASSAGES)}?") for vector in vectors)


def _unit_vectors(seed: int, count: int) -> Sequence[Vector]:
    drawn = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    vectors: list[Vector] = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).tolist()
    return vectors


def _leg(askers: int, seconds: float) -> Leg:
    return Leg(target=_name(askers), url="", kind="search", seconds=seconds)


def _name(askers: int) -> str:
    return "one asker" if askers == 1 else f"{askers} askers"
