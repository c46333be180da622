"""What a POST to Graph came to: noted on its message, and what it asks of number, neighbours and circuit."""

import logging
from datetime import UTC, datetime, timedelta
from uuid import UUID

from actors.ports import SendQueue
from models.errors import GraphRefused, GraphUnreachable
from models.message import Purpose
from store.outbox import QueuedMessage
from telemetry.logs import following
from telemetry.metrics import (
    GRAPH_CIRCUIT_OPENINGS,
    NUMBER_STOPS,
    PERSON_REQUESTS,
    REPLY_SECONDS,
    SEND_ERRORS,
    SENDS,
    STEP_SECONDS,
    Step,
)
from whatsapp.breaker import Breaker
from whatsapp.decisions import Decision, decide, wait_before_retry
from whatsapp.pacing import Pacer, Slowdown

logger = logging.getLogger(__name__)


class Verdicts:
    """Of one number, for as long as a sender has it."""

    def __init__(
        self, phone_number_id: str, queue: SendQueue, pacer: Pacer, breaker: Breaker, sender_slowdown: Slowdown
    ) -> None:
        """Take what a verdict may change."""
        self._id = phone_number_id
        self._queue = queue
        self._pacer = pacer
        self._breaker = breaker
        self._sender_slowdown = sender_slowdown
        self.number_stopped = False  # until an operator has acted

    async def note_accepted(self, head: QueuedMessage, attempt_id: UUID, wamid: str) -> None:
        """Graph took the message."""
        self._breaker.answered()
        await self._queue.accepted(head.id, attempt_id, wamid)
        with following(message_id=wamid):
            _tell_accepted(head)

    async def note_error(self, head: QueuedMessage, attempt_id: UUID, error: GraphRefused | GraphUnreachable) -> None:
        """Graph did not, or nobody knows; what to do stands in the table of `whatsapp.decisions`."""
        decision = decide(error)
        code = error.code if isinstance(error, GraphRefused) else 0
        SENDS.add(1, outcome=decision)
        SEND_ERRORS.add(1, code=code)
        self._turn_circuit(error, decision)
        if decision is Decision.UNKNOWN_OUTCOME:
            await self._queue.unknown(head.id, attempt_id, code or None)
        elif decision is Decision.STOP_NUMBER:
            await self._stop(head, attempt_id, code)
        elif decision.may_resend:
            self._slow_down(decision)
            await self._queue.retry(head.id, attempt_id, wait_before_retry(decision, head.attempts + 1), code)
        else:
            await self._end(head, attempt_id, code, decision)
            logger.warning("message will not be sent", extra={"code": code, "why": decision})

    async def _end(self, head: QueuedMessage, attempt_id: UUID, code: int, decision: Decision) -> None:
        if decision is Decision.OPTED_OUT:
            await self._queue.opted_out(head.id, attempt_id, code)
        elif decision is Decision.NEEDS_TEMPLATE:
            if await self._queue.window_closed(head.id, attempt_id, code):
                PERSON_REQUESTS.add(1)
        else:
            # A callback that cannot go out leaves nobody to answer the user but a person.
            asks_person = decision is Decision.ASK_PERSON or head.purpose is Purpose.CALLBACK
            await self._queue.failed(head.id, attempt_id, code, decision, asks_person=asks_person)
            if asks_person:
                PERSON_REQUESTS.add(1)

    def _slow_down(self, decision: Decision) -> None:
        now = datetime.now(UTC)
        if decision is Decision.SLOW_NUMBER:
            self._pacer.slow_down(now)
        elif decision is Decision.SLOW_SENDER:
            self._sender_slowdown.begin(now)

    def _turn_circuit(self, error: GraphRefused | GraphUnreachable, decision: Decision) -> None:
        if isinstance(error, GraphRefused) and decision is not Decision.UNKNOWN_OUTCOME:
            self._breaker.answered()
        elif self._breaker.failed(datetime.now(UTC)):
            GRAPH_CIRCUIT_OPENINGS.add(1)
            logger.error("Graph gives no answers: calls are held back", extra={"phone_number_id": self._id})

    async def _stop(self, head: QueuedMessage, attempt_id: UUID, code: int) -> None:
        """Keep the message, and send nothing more by this number until an operator has acted."""
        await self._queue.retry(head.id, attempt_id, timedelta(), code)
        await self._queue.stop_number(self._id, f"Graph refused with code {code}")
        NUMBER_STOPS.add(1, reason=code)
        logger.error("number stopped", extra={"phone_number_id": self._id, "code": code})
        self.number_stopped = True


def _tell_accepted(head: QueuedMessage) -> None:
    now = datetime.now(UTC)
    SENDS.add(1, outcome="accepted")
    STEP_SECONDS.observe(max((now - head.queued_at).total_seconds(), 0.0), step=Step.SEND)
    if head.received_at is not None:
        REPLY_SECONDS.observe(max((now - head.received_at).total_seconds(), 0.0))
    logger.info("message accepted", extra={"conversation": str(head.conversation_id)})
