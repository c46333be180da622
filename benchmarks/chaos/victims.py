"""Who is killed, in which order. Pure but for the names of processes."""

import random
from collections.abc import Iterator
from contextlib import suppress

import psutil

from benchmarks.parts import deployment_of

EVERYTHING = "everything"
OWNER = "owner"
# What is killed again and again, one after the other.
PARTS = (
    "Ingress",
    "Conversation",
    "Sender",
    "Indexer",
    "Caretaker",
    "Embedder",
    "Generator",
    "Brain",
    "EmbedDoor",
    "ServeController",
    "HAProxyManager",
    "haproxy",
    "Milvus",
    "PostgreSQL",
)
# What costs a whole start each, so each of them only once.
FOUNDATIONS = ("raylet", "gcs_server", OWNER)

_PROGRAMS = {
    "deployments own": OWNER,
    "ServeController": "ServeController",
    "HAProxyManager": "HAProxyManager",
    "milvus_lite": "Milvus",
}


def part_of(process: psutil.Process) -> str:
    """Name the part of the service that a process is: its deployment or its program; "" for what is no victim."""
    with suppress(psutil.Error):
        title = " ".join(process.cmdline())
        if (deployment := deployment_of(title)) is not None:
            return deployment
        if process.name() in (*FOUNDATIONS, "haproxy"):
            return process.name()
        if process.name() == "postgres":
            return "PostgreSQL"
        return next((name for mark, name in _PROGRAMS.items() if mark in title), "")
    return ""


def order(seed: int, kills: int) -> Iterator[str]:
    """Give that many names: all parts in a random order, again and again, the dear ones spread among them.

    Everything at once comes in the middle, or never where there is room for fewer than three.
    """
    dice = random.Random(seed)  # noqa: S311 - a test must be repeatable
    names: list[str] = []
    while len(names) < kills:
        names += dice.sample(PARTS, len(PARTS))
    names = names[:kills]
    for place, name in zip(
        range(2, kills, max(3, kills // 4)), dice.sample(FOUNDATIONS, len(FOUNDATIONS)), strict=False
    ):
        names[place] = name
    if kills > 2:
        names[kills // 2] = EVERYTHING
    return iter(names)
