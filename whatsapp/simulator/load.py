"""Many users who write at a given rate, whatever the service does: an open loop, seeded."""

import asyncio
import heapq
import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from models.errors import TheyErred
from whatsapp.simulator.exchange import Exchange
from whatsapp.simulator.knobs import LoadPlan
from whatsapp.simulator.roster import BusinessNumber, User

_LOADS: Final = 16
_PLACE: Final = "{token}"


@dataclass(slots=True)
class Arrival:
    """One line: when, by whom (an index), and which text."""

    after_s: float
    writer: int
    text: int


def arrivals(plan: LoadPlan, writers: int) -> Iterator[Arrival]:
    """The lines of a plan in the order of their times, endless; bursts of different users interleave."""
    chance = random.Random(f"{plan.seed}/load")  # noqa: S311 - repeatable on purpose
    lines = 1 + plan.burst_share * (plan.burst_size - 1)  # of one arrival, on average
    rate = plan.rate_per_s / lines
    waiting: list[tuple[float, int, Arrival]] = []  # a heap by time, then by order
    order = itertools.count()
    starts_s = 0.0
    while True:
        while not waiting or starts_s <= waiting[0][0]:
            writer = chance.randrange(writers)
            size = plan.burst_size if plan.burst_share and chance.random() < plan.burst_share else 1
            for line in range(size):
                arrival = Arrival(starts_s + line * plan.burst_gap_s, writer, chance.randrange(len(plan.texts)))
                heapq.heappush(waiting, (arrival.after_s, next(order), arrival))
            starts_s += chance.expovariate(rate) if plan.arrivals == "poisson" else 1 / rate
        yield heapq.heappop(waiting)[2]


class Load:
    """One plan under way."""

    def __init__(
        self,
        load_id: str,
        plan: LoadPlan,
        exchange: Exchange,
        writers: Sequence[User],
        numbers: Sequence[BusinessNumber],
    ) -> None:
        self.id = load_id
        self._plan = plan
        self._exchange = exchange
        self._writers = writers
        self._numbers = numbers
        self._written = 0
        self._late_s = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Write no more; safe twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def view(self) -> dict[str, object]:
        """How far it is; `late_s` is the most that a line was written after its time."""
        is_done = self._task is not None and self._task.done()
        error = self._task.exception() if self._task is not None and is_done and not self._task.cancelled() else None
        return {
            "id": self.id,
            "messages": self._plan.messages,
            "written": self._written,
            "late_s": round(self._late_s, 4),
            "is_done": is_done,
            "error": None if error is None else type(error).__name__,
        }

    async def _run(self) -> None:
        """Write each line at its time."""
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        for line in itertools.islice(arrivals(self._plan, len(self._writers)), self._plan.messages):
            await self._wait(began_at + line.after_s)
            self._late_s = max(self._late_s, loop.time() - began_at - line.after_s)
            self._write(line)

    async def _wait(self, until: float) -> None:
        """Sleep up to an instant of the loop; where it has passed, let others run all the same."""
        pause_s = until - asyncio.get_running_loop().time()
        if pause_s > 0.001 or self._written % 16 == 0:
            await asyncio.sleep(max(pause_s, 0.0))

    def _write(self, line: Arrival) -> None:
        number = self._numbers[line.writer % len(self._numbers)]
        writer = self._exchange.roster.user(self._writers[line.writer].id)  # as they are now: numbers change
        text = load_text(self._plan, line.text, self._exchange.journal.next_token())
        self._exchange.say(writer or self._writers[line.writer], number, "text", {"body": text}, None)
        self._written += 1


class Loads:
    """The loads of one simulator; the oldest finished one is forgotten first."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._loads: dict[str, Load] = {}
        self._ids = itertools.count(1)

    def start(self, plan: LoadPlan) -> Load:
        """Begin a new one.

        Raises:
            TheyErred: nobody writes, or to nobody, or too many loads are under way.
        """
        self._make_room()
        numbers = _numbers(plan, self._exchange)
        writers = [_known(self._exchange.roster.user(user_id)) for user_id in plan.users]
        writers += self._exchange.roster.add_users(
            plan.new_users, without_phone_share=plan.without_phone_share, seed=plan.seed
        )
        if not writers:
            raise TheyErred("a load needs 'users' or 'new_users'")
        load = Load(f"load-{next(self._ids)}", plan, self._exchange, writers, numbers)
        self._loads[load.id] = load
        load.start()
        return load

    def find(self, load_id: str) -> Load | None:
        """The load with this id."""
        return self._loads.get(load_id)

    async def close(self) -> None:
        """Stop all; safe twice."""
        for load in self._loads.values():
            await load.stop()

    def _make_room(self) -> None:
        if len(self._loads) < _LOADS:
            return
        done = next((load.id for load in self._loads.values() if load.view()["is_done"]), None)
        if done is None:
            raise TheyErred(f"at most {_LOADS} loads run at the same time")
        del self._loads[done]


def load_text(plan: LoadPlan, which: int, token: int) -> str:
    """One text of a plan with its token, filled up to its length."""
    text = plan.texts[which]
    if _PLACE not in text:
        text = f"{text} {_PLACE}"
    missing = plan.text_chars - len(text)  # "{token}" stands for as many characters, about
    if missing > 0:
        text = ("again and " * (missing // 10 + 1))[:missing] + text
    return text.replace(_PLACE, f"#{token}")


def _numbers(plan: LoadPlan, exchange: Exchange) -> list[BusinessNumber]:
    known = {number.phone_number_id: number for number in exchange.roster.numbers}
    missing = [name for name in plan.numbers if name not in known]
    if missing or not known:
        raise TheyErred("a load names a number that the simulator does not have, or there is none")
    return [known[name] for name in plan.numbers or known]


def _known(user: User | None) -> User:
    if user is None:
        raise TheyErred("a load names a user whom the simulator does not have")
    return user
