"""Sends what is queued: one sender a number by lease, paced, one POST at a time per conversation."""

import asyncio
import logging
import time
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from actors.keeper import ClaimingActor, Keeper
from actors.loop import Loop
from actors.ports import GraphApi, SendQueue
from models.errors import GraphRefused, GraphUnreachable, LeaseLost, ParleyError
from store.outbox import ClaimedNumber, QueuedMessage
from telemetry.logs import following
from telemetry.metrics import (
    LEASES_LOST,
    NUMBER_STOPS,
    POSSIBLE_DUPLICATES,
    REPLY_SECONDS,
    SEND_ERRORS,
    SENDS,
    STEP_SECONDS,
    Step,
)
from whatsapp.decisions import Decision, decide, wait_before_retry
from whatsapp.pacing import Pacer, Rate

logger = logging.getLogger(__name__)

MOST_NUMBERS = 64  # of one sender
MOST_IN_FLIGHT = 64  # POSTs of one number
LOOK_EVERY_S = 0.02
IDLE_LOOK_S = 0.1
RELEASE_AFTER_S = 5.0  # of nothing to send
SETTLE_EVERY_S = 2.0
INBOUND_EVERY_S = 0.5
DRAIN_GRACE_S = 12.0  # a POST's own limit and its note


class Sender(ClaimingActor[str]):
    """One replica's worth of sending."""

    def __init__(self, owner: str, queue: SendQueue, graph: GraphApi) -> None:
        """Take the ports; `owner` is this sender's unique name on its leases."""
        self._owner = owner
        self._queue = queue
        self._graph = graph
        keeper: Keeper[str] = Keeper("sender", lambda keys: queue.renew(owner, keys), most=MOST_NUMBERS)
        super().__init__(Loop("sender", self._step), keeper, held_as="numbers", grace_s=DRAIN_GRACE_S)
        self._draining = asyncio.Event()

    async def drain(self) -> None:
        """Begin no more POSTs, note the outcome of those in flight, let the numbers go."""
        self._draining.set()
        await super().drain()

    async def _step(self) -> bool:
        numbers = await self._queue.claim_numbers(self._owner, self._keeper.free) if self._keeper.free else []
        for number in numbers:
            line = NumberLine(number, self._queue, self._graph, self._draining)
            self._keeper.begin(number.phone_number_id, line.run())
        return bool(numbers)


class NumberLine:
    """Sends from one number for as long as its lease is ours and there is something to send."""

    def __init__(self, number: ClaimedNumber, queue: SendQueue, graph: GraphApi, draining: asyncio.Event) -> None:
        """Take a claimed number."""
        self._number = number
        self._id = number.phone_number_id
        self._queue = queue
        self._graph = graph
        self._draining = draining
        self._in_flight: set[asyncio.Task[None]] = set()
        self._settle_at = 0.0
        self._inbound_at = 0.0
        self._stopped = False

    async def run(self) -> None:
        """Send until nothing is left for a while, the lease is lost, or the sender drains."""
        try:
            await self._send_while_busy()
            await self._finish_flights()
            await self._queue.release(self._number)
        except LeaseLost:
            LEASES_LOST.add(1, loop="sender")
        except ParleyError as error:
            logger.warning("sending stopped for now", extra={"reason": type(error).__name__})
        finally:
            await self._finish_flights()

    async def _send_while_busy(self) -> None:
        attempts = await self._queue.recent_attempts(self._id)
        pacer = Pacer.rebuilt(Rate.within(), attempts, now=datetime.now(UTC))
        quiet_since = time.monotonic()
        while self._may_go_on() and time.monotonic() - quiet_since < RELEASE_AFTER_S:
            busy = await self._pass(pacer)
            if busy or self._in_flight:
                quiet_since = time.monotonic()
            await asyncio.sleep(LOOK_EVERY_S if busy or self._in_flight else IDLE_LOOK_S)

    def _may_go_on(self) -> bool:
        return not self._stopped and not self._draining.is_set()

    async def _pass(self, pacer: Pacer) -> bool:
        await self._settle()
        await self._subtract_inbound(pacer)
        shown = await self._show_read(pacer)
        room = MOST_IN_FLIGHT - len(self._in_flight)
        heads = await self._queue.heads(self._id, room) if room > 0 else []
        chosen = await self._choose(heads, pacer)
        attempts = await self._queue.begin(self._number, list(chosen)) if chosen else {}
        for key, attempt_id in attempts.items():
            self._fly(self._send(chosen[key], attempt_id, pacer))
        return bool(heads or shown)

    async def _settle(self) -> None:
        if time.monotonic() >= self._settle_at:
            self._settle_at = time.monotonic() + SETTLE_EVERY_S
            if again := await self._queue.settle_unknown(self._id):
                POSSIBLE_DUPLICATES.add(again)

    async def _subtract_inbound(self, pacer: Pacer) -> None:
        if time.monotonic() >= self._inbound_at:
            self._inbound_at = time.monotonic() + INBOUND_EVERY_S
            pacer.subtract_inbound(await self._queue.inbound_per_s(self._id), datetime.now(UTC))

    async def _show_read(self, pacer: Pacer) -> bool:
        receipts = await self._queue.take_receipts(self._id, MOST_IN_FLIGHT)
        for receipt in receipts:
            if pacer.take_if_spare(datetime.now(UTC)):
                self._fly(self._mark_read(receipt.wamid, receipt.typing))
        return bool(receipts)

    async def _choose(self, heads: list[QueuedMessage], pacer: Pacer) -> dict[int, QueuedMessage]:
        """Give those that may go now; a user whose bucket is empty waits without holding up the others."""
        chosen: dict[int, QueuedMessage] = {}
        for head in heads:
            now = datetime.now(UTC)
            if pacer.number_delay(now):
                break
            if delay := pacer.pair_delay(head.conversation_id, now):
                await self._queue.postpone(head.id, delay)
                continue
            pacer.take(head.conversation_id, now)
            chosen[head.id] = head
        return chosen

    async def _send(self, head: QueuedMessage, attempt_id: UUID, pacer: Pacer) -> None:
        try:
            wamid = await self._graph.send(self._id, head.to, head.message, str(attempt_id))
        except (GraphRefused, GraphUnreachable) as error:
            await self._note_error(head, attempt_id, error, pacer)
        else:
            await self._queue.accepted(head.id, attempt_id, wamid)
            with following(message_id=wamid, contact_id=head.to.user_id or head.to.phone):
                _note_accepted(head)

    async def _note_error(
        self, head: QueuedMessage, attempt_id: UUID, error: GraphRefused | GraphUnreachable, pacer: Pacer
    ) -> None:
        decision = decide(error)
        code = error.code if isinstance(error, GraphRefused) else 0
        SENDS.add(1, outcome=decision)
        SEND_ERRORS.add(1, code=code)
        if decision is Decision.UNKNOWN_OUTCOME:
            await self._queue.unknown(head.id, attempt_id, code or None)
        elif decision is Decision.STOP_NUMBER:
            await self._stop(head, attempt_id, code)
        elif decision.may_resend:
            if decision is Decision.SLOW_NUMBER:
                pacer.slow_down(datetime.now(UTC))
            delay = wait_before_retry(decision, head.attempts + 1)
            await self._queue.retry(head.id, attempt_id, delay, code)
        else:
            await self._queue.failed(head.id, attempt_id, code, decision)
            logger.warning("message will not be sent", extra={"outbox_id": head.id, "code": code, "why": decision})

    async def _stop(self, head: QueuedMessage, attempt_id: UUID, code: int) -> None:
        """Keep the message, and send nothing more by this number until an operator has acted."""
        await self._queue.retry(head.id, attempt_id, timedelta(), code)
        await self._queue.stop_number(self._id, f"Graph refused with code {code}")
        NUMBER_STOPS.add(1, reason=code)
        logger.error("number stopped", extra={"phone_number_id": self._id, "code": code})
        self._stopped = True

    async def _mark_read(self, wamid: str, typing: bool) -> None:
        try:
            await self._graph.mark_read(self._id, wamid, typing=typing)
        except (GraphRefused, GraphUnreachable) as error:
            logger.info("read receipt not shown", extra={"why": decide(error)})

    def _fly(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(_guarded(work))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    async def _finish_flights(self) -> None:
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=DRAIN_GRACE_S)


async def _guarded(work: Coroutine[Any, Any, None]) -> None:
    """Let one message's note fail alone: the row stays `sending`, and is settled as unknown."""
    try:
        await work
    except ParleyError as error:
        logger.warning("outcome of a send could not be noted", extra={"reason": type(error).__name__})


def _note_accepted(head: QueuedMessage) -> None:
    now = datetime.now(UTC)
    SENDS.add(1, outcome="accepted")
    STEP_SECONDS.observe(max((now - head.queued_at).total_seconds(), 0.0), step=Step.SEND)
    if head.received_at is not None:
        REPLY_SECONDS.observe(max((now - head.received_at).total_seconds(), 0.0))
    logger.info("message accepted", extra={"outbox_id": head.id, "conversation": str(head.conversation_id)})
