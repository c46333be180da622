"""A thin door for Locust: every user is one connection that sends what the conductor hands it.

Run by `benchmarks/load.py` with the plan's path in BENCH_PLAN. Locust has made sleeping, sockets and threads
gevent's, so only pure rooms are imported.
"""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from locust import User, constant, events, task
from locust.exception import StopUser

from benchmarks.conductor import Conductor, Order
from benchmarks.plan import PLAN_VARIABLE, Plan, write_samples
from benchmarks.wire import Connection

plan = Plan.read(Path(os.environ[PLAN_VARIABLE]))
conductor = Conductor(plan=plan, wait=time.sleep)


class Sender(User):
    """One connection at a time; as many senders as the plan says."""

    wait_time = constant(0)
    fixed_count = plan.connections

    def on_start(self) -> None:
        self._leg = -1
        self._connection: Connection | None = None

    @task
    def send(self) -> None:
        """Send one request, and tell Locust and the conductor."""
        order = conductor.next()
        if order is None:
            raise StopUser
        leg, connection = conductor.leg(order.leg), self._connected(order.leg)
        method = "GET" if leg.kind == "get" else "POST"
        sent, clock, answer, error = time.time(), time.perf_counter(), b"", None
        try:
            status, answer = connection.request(order.headers, order.body, method=method)
        except OSError as failure:
            status, error = 0, failure
        elapsed_ms = (time.perf_counter() - clock) * 1000
        conductor.note(order, sent=sent, status=status, named=_named(order, leg.kind, answer))
        self._tell(leg.target, elapsed_ms, len(answer), error, status)

    def _connected(self, leg: int) -> Connection:
        """A connection of this leg's: servers hang up on one that has been idle while the other target's turn was."""
        if self._connection is None or leg != self._leg:
            if self._connection is not None:
                self._connection.close()
            self._leg, self._connection = leg, Connection(conductor.leg(leg).url, timeout_s=plan.timeout_s)
        return self._connection

    def _tell(self, target: str, elapsed_ms: float, length: int, error: OSError | None, status: int) -> None:
        bad = None if 200 <= status < 300 else Exception(f"HTTP {status}")
        self.environment.events.request.fire(
            request_type="POST",
            name=target,
            response_time=elapsed_ms,
            response_length=length,
            exception=error or bad,
            context={},
        )


def _named(order: Order, kind: str, answer: bytes) -> str:
    """The id that the simulator gave to what a user said."""
    if kind != "say":
        return order.id
    try:
        return str(json.loads(answer)["wamid"])
    except (ValueError, KeyError, TypeError):
        return ""


@events.test_start.add_listener
def watch(environment: Any, **_: Any) -> None:
    """End the run when the plan is through and all have been told."""

    def wait() -> None:
        while not conductor.is_through:
            time.sleep(0.1)
        write_samples(Path(plan.samples), conductor.samples)
        environment.runner.quit()

    threading.Thread(target=wait, daemon=True).start()
