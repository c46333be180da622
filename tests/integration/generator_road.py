"""A program for `test_generator.py`: one Ray, one vLLM engine, a few questions; writes what came back as JSON.

A process of its own, because the hub's client reads `HF_ENDPOINT` when it is imported, and so that no Ray stays behind
in the process of the tests. Arguments: the model (a hub id), the home of the embedding model, a free port, and the
file to write, because Ray prints to standard output.
"""

import asyncio
import functools
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import ray
from ray import serve
from ray._private import parameter

from deployments.embedder import Embedder
from deployments.generation.options import ModelOptions
from deployments.generator import Generator, llm_parts
from models.answer import Question
from models.errors import ModelUnavailable
from models.passage import FoundPassage, Passage

ROOT = Path(__file__).resolve().parents[2]
QUICKLY = {"graceful_shutdown_timeout_s": 1, "ray_actor_options": {"num_cpus": 0}, "max_ongoing_requests": 64}


def question(seconds: float = 60) -> Question:
    one = Passage(id="p1", document_id=UUID(int=1), title="Opening hours", ordinal=0, text="Open at nine. " * 20)
    return Question(
        business="Casa Lumbre",
        language="en",
        text="When do you open on Sunday?",
        standalone="When do you open on Sunday?",
        passages=(FoundPassage(passage=one, score=1.0),) * 8,
        deadline=datetime.now(UTC) + timedelta(seconds=seconds),
        conversation_id=UUID(int=7),
    )


async def ask(door: Any) -> dict[str, Any]:
    """Ask three times: in good time, too late, and again in good time."""
    replies, took_s = [], []
    for seconds in (60.0, 0.001, 60.0):
        start = time.monotonic()
        replies.append(await _ask_once(door, seconds))
        took_s.append(round(time.monotonic() - start, 3))
    return {"replies": replies, "took_s": took_s, "status": await door.status.remote()}


async def _ask_once(door: Any, seconds: float) -> dict[str, Any]:
    try:
        answer = await door.answer.remote(question(seconds))
    except ModelUnavailable:
        return {"error": ModelUnavailable.__name__}  # Ray raises a subclass of its own making
    return {"text": answer.text, "model": answer.model, "sources": [source.title for source in answer.sources]}


async def embed_together(embedder: Any) -> dict[str, Any]:
    """Send sixteen queries at once, and count the runs that they took."""
    before = await embedder.status.remote()
    vectors = await asyncio.gather(*(embedder.embed.remote([f"opening hours {n}"]) for n in range(16)))
    after = await embedder.status.remote()
    return {"runs": after["runs"] - before["runs"], "shapes": [[len(one), len(one[0])] for one in vectors]}


def main(model: str, home: str, port: int, target: Path) -> None:
    # The agent's own port, 52365, is the same for every Ray of a machine, and `init` has no option for it: where it is
    # taken, the agent tries for longer than the raylet waits for it, and no Ray comes up.
    parameter.RayParams = functools.partial(parameter.RayParams, dashboard_agent_listen_port=0)
    ray.init(
        num_cpus=4,
        include_dashboard=False,
        object_store_memory=100 * 2**20,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}},
    )
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": port})
        start = time.monotonic()
        engine, arguments = llm_parts(model, ModelOptions(max_reply_tokens=64))
        door = serve.deployment(Generator, name="Generator", **QUICKLY).bind(engine, **arguments)
        llm = serve.run(door, name="llm", route_prefix=None)
        ready_s = time.monotonic() - start
        embed = serve.run(
            serve.deployment(Embedder, name="Embedder", **QUICKLY).bind(home), name="embed", route_prefix=None
        )
        outcome = {"ready_s": round(ready_s, 1), **asyncio.run(_both(llm, embed))}
        target.write_text(json.dumps(outcome))
    finally:
        serve.shutdown()
        ray.shutdown()


async def _both(llm: Any, embed: Any) -> dict[str, Any]:
    return {**await ask(llm), "shared": await embed_together(embed)}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
