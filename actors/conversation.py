"""Answers conversations: claims those that are due, takes each turn, commits what came of it."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from uuid import UUID

from actors.drafts import Drafts
from actors.keeper import ClaimingActor, Keeper
from actors.loop import Loop
from actors.ports import ConversationClaims, Routing, TurnStore
from actors.turn import TurnTaker
from knowledge.texts import FALLBACK_LANGUAGE, Phrase, say
from models.conversation import ClosedTurn, OpenTurn
from models.errors import LeaseLost, MachineFailed, ParleyError
from models.message import OutboundMessage
from store.conversations import ClaimedConversation
from telemetry.logs import following
from telemetry.metrics import ABSTENTIONS, LEASES_LOST, PERSON_REQUESTS, ROWS_BURIED, TURNS, Step, timed

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 32  # turns of one worker; they wait for models, not for the processor
SLOWEST_LOOK = timedelta(milliseconds=30)  # a message is picked up within 50 ms; docs/decisions/0008 has the cost
DRAIN_GRACE_S = 25.0  # the longest turn; Serve gives a worker 40 s


class ConversationWorker(ClaimingActor[UUID]):
    """One replica's worth of answering."""

    def __init__(
        self, owner: str, routing: Routing, claims: ConversationClaims, turns: TurnStore, taker: TurnTaker
    ) -> None:
        """Take the ports; `owner` is this worker's unique name on its leases."""
        self._owner = owner
        self._routing = routing
        self._claims = claims
        self._turns = turns
        self._taker = taker
        self._drafts = Drafts(turns, lambda turn: taker.take(turn, datetime.now(UTC)), taker.pace)
        keeper: Keeper[UUID] = Keeper("conversation", lambda keys: claims.renew(owner, keys), most=MOST_AT_ONCE)
        loop = Loop("conversation", self._step, slowest=SLOWEST_LOOK)
        super().__init__(loop, keeper, held_as="turns_under_way", grace_s=DRAIN_GRACE_S)

    def start(self) -> None:
        """Begin to claim, and to watch for newer messages."""
        super().start()
        self._drafts.loop.start()

    async def drain(self) -> None:
        """Claim nothing more, finish what is under way or give it back."""
        await super().drain()
        await self._drafts.loop.drain()

    @property
    def loops(self) -> tuple[Loop, ...]:
        """What must be alive."""
        return (*super().loops, self._drafts.loop)

    async def _step(self) -> bool:
        if not await self._claims.work_waits():
            return False
        routed = await self._routing.route()
        if self._keeper.free == 0:
            return False
        claims = await self._claims.claim(self._owner, self._keeper.free)
        for claimed in claims:
            self._keeper.begin(claimed.id, self._work(claimed))
        return bool(routed or claims)

    async def _work(self, claimed: ClaimedConversation) -> None:
        try:
            await self._answer(claimed)
        except LeaseLost:
            LEASES_LOST.add(1, loop="conversation")
        except asyncio.CancelledError:
            await self._undo(claimed, failed=False)
            raise
        except Exception as error:  # a turn's own failure must not end the worker
            expected = isinstance(error, ParleyError) and error.retryable
            logger.log(
                logging.WARNING if expected else logging.ERROR,
                "turn failed",
                extra={"conversation": str(claimed.id)},
                exc_info=None if expected else error,
            )
            await self._undo(claimed, failed=not expected)

    async def _answer(self, claimed: ClaimedConversation) -> None:
        turn = await self._opened(claimed)
        if claimed.is_worn_out:
            await self._bury(claimed, turn)
        elif turn is None:
            await self._turns.nothing_left(claimed)
        else:
            with following(message_id=turn.messages[-1].message.wamid, contact_id=_identity(turn)):
                closed = await self._drafts.finish(turn, lambda: self._turns.open(claimed))
                with timed(Step.COMMIT):
                    closed = await self._turns.close(closed)
                _count(closed)

    async def _opened(self, claimed: ClaimedConversation) -> OpenTurn | None:
        """Open the turn; one that cannot even be opened must still be buried in the end."""
        try:
            return await self._turns.open(claimed)
        except MachineFailed:
            raise
        except Exception:
            if not claimed.is_worn_out:
                raise
            logger.exception("a turn that cannot be opened is buried", extra={"conversation": str(claimed.id)})
            return None

    async def _bury(self, claimed: ClaimedConversation, turn: OpenTurn | None) -> None:
        language = (turn.language or turn.tenant.languages[0]) if turn else FALLBACK_LANGUAGE
        await self._claims.bury(claimed, "failed too often", OutboundMessage(body=say(Phrase.HOLDING, language)))
        ROWS_BURIED.add(len(turn.messages) if turn else 1, queue="inbox")

    async def _undo(self, claimed: ClaimedConversation, *, failed: bool) -> None:
        """Let go of the row; where even that fails, its lease runs out by itself."""
        try:
            await (self._claims.fail(claimed) if failed else self._claims.give_back(claimed))
        except ParleyError:
            logger.info("could not give a conversation back", extra={"conversation": str(claimed.id)})


def _identity(turn: OpenTurn) -> str:
    return turn.recipient.user_id or turn.recipient.phone or str(turn.conversation_id)


def _count(closed: ClosedTurn) -> None:
    answer = closed.answer
    TURNS.add(1, rung=answer.rung if answer else "silent")
    if answer is not None and answer.abstained:
        ABSTENTIONS.add(1)
    if closed.wants_person:
        PERSON_REQUESTS.add(1)
    logger.info(
        "turn answered",
        extra={
            "conversation": str(closed.turn.conversation_id),
            "rung": answer.rung if answer else "silent",
            "messages": len(closed.turn.messages),
            "step_ms": dict(closed.step_ms),
        },
    )
