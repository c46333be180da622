"""What processes take while they are loaded: memory and descriptors, read from /proc now and then."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

EVERY_S = 1.0  # reading `smaps_rollup` of a large process takes the kernel some ms


@dataclass(slots=True)
class Watched:
    """What was seen so far, one value a look."""

    memory_mb: list[float] = field(default_factory=list)  # proportional set size of all processes together
    descriptors: list[int] = field(default_factory=list)

    @property
    def most_memory_mb(self) -> float:
        """The highest; 0 where nothing was seen."""
        return max(self.memory_mb, default=0.0)


@asynccontextmanager
async def watching(pids: Callable[[], Sequence[int]], every_s: float = EVERY_S) -> AsyncIterator[Watched]:
    """Look at processes for the length of a block; which they are is asked anew each time."""
    watched = Watched()
    task = asyncio.create_task(_watch(pids, every_s, watched))
    try:
        yield watched
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _watch(pids: Callable[[], Sequence[int]], every_s: float, watched: Watched) -> None:
    while True:
        found = [seen for pid in await asyncio.to_thread(pids) if (seen := look(pid)) is not None]
        if found:
            watched.memory_mb.append(sum(memory for memory, _ in found))
            watched.descriptors.append(sum(count for _, count in found))
        await asyncio.sleep(every_s)


def look(pid: int) -> tuple[float, int] | None:
    """MB and open descriptors of a process; None once it is gone."""
    try:
        return memory_mb(pid), len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return None


def memory_mb(pid: int) -> float:
    """Proportional set size: what is shared counts by its share. In 10^6 bytes.

    Raises:
        OSError: the process is gone, or another user's.
    """
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def processor_s(pids: Sequence[int]) -> float:
    """Seconds of processor that these have used, with those of their children that have ended; the gone count 0."""
    return sum(_used(pid) for pid in pids) / os.sysconf("SC_CLK_TCK")


def _used(pid: int) -> int:
    """Clock ticks. Source: proc(5), fields 14 to 17 of `stat`; the name in field 2 may hold spaces."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15]))
