"""The line of one number: paced, one POST at a time per conversation, for as long as the number's lease is ours."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from actors.ports import GraphApi, SendQueue
from actors.verdicts import Verdicts
from models.errors import GraphRefused, GraphUnreachable, LeaseLost, ParleyError
from models.message import OutboundKind, Purpose
from store.outbox import ClaimedNumber, QueuedMessage
from telemetry.logs import following
from telemetry.metrics import LEASES_LOST, PERSON_REQUESTS, POSSIBLE_DUPLICATES
from whatsapp.breaker import Breaker
from whatsapp.decisions import decide
from whatsapp.pacing import Pacer, Rate, Slowdown, history_needed

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 0.02
IDLE_LOOK_S = 0.1
RELEASE_AFTER_S = 5.0  # of nothing to send
TURN_S = 30.0  # of a number that is never without work, where others may wait for its place
SETTLE_EVERY_S = 2.0
INBOUND_EVERY_S = 0.5
DRAIN_GRACE_S = 12.0  # a POST's own limit and its note


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all lines of one sender share."""

    draining: asyncio.Event
    slowdown: Slowdown  # where Graph finds that the app calls too often
    share: Callable[[], int]  # POSTs that a number may have under way
    is_full: Callable[[], bool]  # no further number can be claimed


class NumberLine:
    """Sends from one number for as long as its lease is ours and there is something to send."""

    def __init__(self, number: ClaimedNumber, queue: SendQueue, graph: GraphApi, shared: Shared) -> None:
        """Take a claimed number."""
        self._number = number
        self._id = number.phone_number_id
        self._queue = queue
        self._graph = graph
        self._shared = shared
        self._rate = Rate.within()
        self._breaker = Breaker()
        self._in_flight: set[asyncio.Task[None]] = set()
        self._settle_at = 0.0
        self._inbound_at = 0.0

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
        attempts = await self._queue.recent_attempts(self._id, history_needed(self._rate))
        pacer = Pacer.rebuilt(self._rate, attempts, now=datetime.now(UTC), shared=self._shared.slowdown)
        verdicts = Verdicts(self._id, self._queue, pacer, self._breaker, self._shared.slowdown)
        began = quiet_since = time.monotonic()
        while self._may_go_on(verdicts, began) and time.monotonic() - quiet_since < RELEASE_AFTER_S:
            busy = await self._pass(pacer, verdicts)
            if busy or self._in_flight:
                quiet_since = time.monotonic()
            await asyncio.sleep(LOOK_EVERY_S if busy or self._in_flight else IDLE_LOOK_S)

    def _may_go_on(self, verdicts: Verdicts, began: float) -> bool:
        is_over = self._shared.is_full() and time.monotonic() - began > TURN_S
        return not (verdicts.number_stopped or self._shared.draining.is_set() or is_over)

    async def _pass(self, pacer: Pacer, verdicts: Verdicts) -> bool:
        await self._settle()
        await self._subtract_inbound(pacer)
        shown = await self._show_read(pacer)
        most = max(self._shared.share() - len(self._in_flight), 0)
        room = self._breaker.room(most, datetime.now(UTC), in_flight=len(self._in_flight))
        heads = await self._queue.heads(self._id, room) if room else []
        chosen = await self._choose([head for head in heads if await self._may_go(head)], pacer)
        attempts = await self._queue.begin(self._number, list(chosen)) if chosen else {}
        for key, attempt_id in attempts.items():
            self._fly(self._send(chosen[key], attempt_id, verdicts))
        return bool(heads or shown or self._breaker.is_open)

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
        if self._breaker.is_open:
            return False
        receipts = await self._queue.take_receipts(self._id, self._shared.share())
        for receipt in receipts:
            if pacer.take_if_spare(datetime.now(UTC)):
                self._fly(self._mark_read(receipt.wamid, receipt.typing))
        return bool(receipts)

    async def _may_go(self, head: QueuedMessage) -> bool:
        """Whether WhatsApp, and the user, allow this message now; what they do not is ended without a POST."""
        if head.purpose is Purpose.CAMPAIGN and head.is_opted_out:
            await self._queue.withhold(head.id, "opted_out")
            return False
        if head.is_open or head.message.kind is OutboundKind.TEMPLATE:
            return True
        if asked := await self._queue.window_closed(head.id):
            PERSON_REQUESTS.add(1)
        logger.warning("the 24 hours are over, nothing is sent", extra={"outbox_id": head.id, "person_asked": asked})
        return False

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

    async def _send(self, head: QueuedMessage, attempt_id: UUID, verdicts: Verdicts) -> None:
        turn_id = str(head.turn_id) if head.turn_id else None
        contact_id = head.to.user_id or head.to.phone
        with following(contact_id=contact_id, outbox_id=head.id, turn_id=turn_id, attempt_id=str(attempt_id)):
            try:
                wamid = await self._graph.send(self._id, head.to, head.message, str(attempt_id))
            except (GraphRefused, GraphUnreachable) as error:
                await verdicts.note_error(head, attempt_id, error)
            else:
                await verdicts.note_accepted(head, attempt_id, wamid)

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
