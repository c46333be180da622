"""Sends what is queued: one sender a number by lease, and no number at the cost of the others."""

import asyncio

from actors.keeper import ClaimingActor, Keeper
from actors.loop import Loop
from actors.number_line import DRAIN_GRACE_S, NumberLine, Shared
from actors.ports import GraphApi, SendQueue
from whatsapp.pacing import Slowdown

MOST_NUMBERS = 64  # of one sender
MOST_IN_FLIGHT = 64  # POSTs of one number
MOST_POSTS = 192  # of one sender, shared among its numbers; the client of Graph has 200 connections


class Sender(ClaimingActor[str]):
    """One replica's worth of sending."""

    def __init__(self, owner: str, queue: SendQueue, graph: GraphApi) -> None:
        """Take the ports; `owner` is this sender's unique name on its leases."""
        self._owner = owner
        self._queue = queue
        self._graph = graph
        keeper: Keeper[str] = Keeper("sender", lambda keys: queue.renew(owner, keys), most=MOST_NUMBERS)
        super().__init__(Loop("sender", self._step), keeper, held_as="numbers", grace_s=DRAIN_GRACE_S)
        self._shared = Shared(
            draining=asyncio.Event(),
            slowdown=Slowdown(),
            share=lambda: share(keeper.held),
            is_full=lambda: not keeper.free,
        )

    async def drain(self) -> None:
        """Begin no more POSTs, note the outcome of those in flight, let the numbers go."""
        self._shared.draining.set()
        await super().drain()

    async def _step(self) -> bool:
        numbers = await self._queue.claim_numbers(self._owner, self._keeper.free) if self._keeper.free else []
        for number in numbers:
            line = NumberLine(number, self._queue, self._graph, self._shared)
            self._keeper.begin(number.phone_number_id, line.run())
        return bool(numbers)


def share(numbers: int) -> int:
    """Say how many POSTs each of so many numbers may have under way: a flood of one leaves room for the others."""
    return max(min(MOST_IN_FLIGHT, MOST_POSTS // max(numbers, 1)), 1)
