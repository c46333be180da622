"""Hands out requests: leg after leg, each when it is due, until the plan is through.

Open loop: arrivals are drawn beforehand and do not wait for answers; whoever is late for one says so, since latency
counts from when it was due. Closed loop (no rate): every connection takes the next as soon as it is free.
"""

import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from random import Random

from benchmarks.plan import Leg, Plan, Sample
from benchmarks.workload import Workload

PREPARED_A_SECOND = 4_000  # bodies made before a closed leg, so that making them costs nothing while it lasts
ITEMS = 500  # that questions are about
FEW = 8  # bodies of 3 MB made beforehand
_QUESTION = "What does the leaflet say about item {}? #{}"  # the number after # tells messages apart


@dataclass(slots=True, kw_only=True)
class Order:
    """One request to be sent."""

    leg: int
    due: float | None  # unix seconds; None: now
    headers: Mapping[str, str]
    body: bytes
    id: str = ""


@dataclass(slots=True)
class _Stretch:
    """A leg under way."""

    orders: deque[Order]
    more: Iterator[Order]
    ends_at: float
    idle: int = 0


@dataclass(slots=True)
class Conductor:
    """Shared by all connections of the load process; `wait` must let the others run (gevent's sleep does)."""

    plan: Plan
    wait: Callable[[float], None]
    samples: list[Sample] = field(default_factory=list)
    _position: int = -1
    _stretch: _Stretch | None = None
    _spoken: int = 0  # messages of users so far, so that each leg goes on with the next user

    @property
    def is_through(self) -> bool:
        """Whether all legs are done."""
        return self._position >= len(self.plan.legs)

    def leg(self, position: int) -> Leg:
        """Give a leg of the plan."""
        return self.plan.legs[position]

    def next(self) -> Order | None:
        """Wait for this connection's next request; None once the plan is through."""
        if self._position < 0:
            self._open_next()
        while not self.is_through:
            position = self._position
            if (order := self._take()) is not None:
                return order
            self._rest(position)
        return None

    def note(self, order: Order, *, sent: float, status: int, named: str) -> None:
        """Keep what became of a request."""
        due = sent if order.due is None else order.due
        self.samples.append(
            Sample(leg=order.leg, due=due, sent=sent, done=time.time(), status=status, id=named or order.id)
        )

    def _take(self) -> Order | None:
        stretch = self._stretch
        if stretch is None:
            return None
        order = stretch.orders.popleft() if stretch.orders else next(stretch.more, None)
        if order is None or (order.due is None and time.time() >= stretch.ends_at):
            return None
        if order.due is not None and (early := order.due - time.time()) > 0:
            self.wait(early)
        return order

    def _rest(self, position: int) -> None:
        """Wait while the next leg is prepared; the last connection to rest begins that."""
        if self._stretch is None:
            self.wait(0.02)
            return
        self._stretch.idle += 1
        if self._stretch.idle == self.plan.connections:
            self._open_next()
        while self._position == position:
            self.wait(0.02)

    def _open_next(self) -> None:
        self._position += 1
        self._stretch = None
        if self.is_through:
            return
        leg, orders = self.leg(self._position), deque(self._prepared(self._position))
        self.wait(self.plan.pause_s)
        now = time.time()
        for order in orders:
            order.due = None if order.due is None else now + order.due
        more = iter(()) if leg.rate else self._orders(self._position, len(orders))
        self._stretch = _Stretch(orders, more, now + leg.seconds)

    def _prepared(self, position: int) -> Iterator[Order]:
        leg, orders = self.leg(position), self._orders(position, 0)
        if leg.rate is None:
            count = FEW if leg.kind == "batch" else int(leg.seconds * PREPARED_A_SECOND)
            yield from islice(orders, count)
            return
        for due, order in zip(arrivals(self.plan.seed, position, leg.rate, leg.seconds), orders, strict=False):
            order.due = due  # from the start of the leg, until that is known
            yield order

    def _orders(self, position: int, start: int) -> Iterator[Order]:
        leg, workload = self.leg(position), Workload(self.plan.seed, self.plan.lines)
        index = start
        while leg.most is None or index < leg.most:
            yield self._order(leg, position, workload, index)
            index += 1

    def _order(self, leg: Leg, position: int, workload: Workload, index: int) -> Order:
        extra = dict(self.plan.headers)
        if leg.kind == "get":
            return Order(leg=position, due=None, headers=extra, body=b"")
        if leg.kind == "say":
            body = self._said()
            return Order(leg=position, due=None, headers={**extra, "Content-Type": "application/json"}, body=body)
        name = f"{position} {leg.target}"
        make = {"text": workload.text, "mixed": workload.mixed, "batch": workload.batch}[leg.kind]
        signed = make(name, index)
        return Order(leg=position, due=None, headers={**extra, **signed.headers}, body=signed.body, id=signed.ids[0])

    def _said(self) -> bytes:
        """What the simulator is asked to let a user say: each user in turn, so that nobody speaks again too soon."""
        spoken, self._spoken = self._spoken, self._spoken + 1
        user = spoken % len(self.plan.users)
        line = self.plan.lines[user % len(self.plan.lines)]
        item = Random(f"{self.plan.seed}/{spoken}").randrange(ITEMS)  # noqa: S311 - repeatable on purpose
        said = {"body": _QUESTION.format(item, spoken + 1)}
        body = {"from": self.plan.users[user], "to": line.phone_number_id, "type": "text", "text": said}
        return json.dumps(body).encode()


def arrivals(seed: int, position: int, rate: float, seconds: float) -> Iterator[float]:
    """Give the instants of a Poisson process, seconds from the leg's start."""
    draw = Random(f"{seed}/{position}/arrivals")  # noqa: S311 - repeatable on purpose
    at = draw.expovariate(rate)
    while at < seconds:
        yield at
        at += draw.expovariate(rate)
