"""Several processes prepare the search index of an empty Milvus Lite at once, as replicas do at a first start."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from pymilvus import MilvusClient

from deployments.embedded.milvus import EmbeddedMilvus
from deployments.settings import ROOT

pytestmark = pytest.mark.milvus

PROCESSES = 4
ROUNDS = 8  # each with a collection of its own
LIMIT_S = 60

# Connects first, so that all are at the collection itself at once; then prepares the index of each model it is told.
PREPARER = """
import asyncio, sys
from store.passages import MilvusPassages

async def prepare(model):
    index = MilvusPassages(sys.argv[1], "", model=model, dimension=2, splitter="1")
    client = await index._connected()
    await client.list_collections()
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        await index.prepare()
        print("prepared", flush=True)
    except Exception as error:
        print(f"failed: {error.__cause__}".splitlines()[0], flush=True)
    await index.close()

for line in sys.stdin:
    asyncio.run(prepare(line.strip()))
"""


@asynccontextmanager
async def preparer(uri: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PREPARER,
        uri,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def say(processes: list[asyncio.subprocess.Process], line: str) -> list[str]:
    """Tell all of them the same; give what each answers."""
    for process in processes:
        assert process.stdin
        process.stdin.write(f"{line}\n".encode())
    return [(await process.stdout.readline()).decode().strip() for process in processes if process.stdout]


@pytest.fixture(scope="module")
def empty_milvus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("empty vectors") / "a home"
    home.mkdir()
    return home


async def test_processes_that_prepare_the_same_index_at_once_all_succeed(empty_milvus: Path) -> None:
    server = EmbeddedMilvus(empty_milvus)
    try:
        uri = server.start()
        async with asyncio.timeout(LIMIT_S), AsyncExitStack() as running:
            processes = [await running.enter_async_context(preparer(uri)) for _ in range(PROCESSES)]
            for place in range(ROUNDS):
                assert await say(processes, f"round {place}") == ["ready"] * PROCESSES
                assert await say(processes, "") == ["prepared"] * PROCESSES
                _require_whole(uri, f"parley_round_{place}_1")
    finally:
        server.stop()


def _require_whole(uri: str, collection: str) -> None:
    client = MilvusClient(uri, timeout=10)
    assert sorted(client.list_indexes(collection)) == ["vector", "words"]
    client.close()
