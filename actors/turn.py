"""The story of an answer: what the user wrote, what the business knows, what we say.

Nothing in here commits or sends; it is given its ports and gives a `ClosedTurn`. No transaction is open meanwhile.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from actors.pace import Pace
from actors.ports import Answerer, Embedder, PassageIndex
from actors.senses import Senses
from actors.timing import LADDER_RESERVE, Stopwatch, TimeLimit
from knowledge.answering.evidence import put_right
from knowledge.consent import consent_wish
from knowledge.language import detect
from knowledge.question import small_talk_reply, standalone
from knowledge.requests import asks_for_person
from knowledge.texts import Phrase, say
from models.answer import Answer, Question, Rung, Speaker
from models.conversation import ClosedTurn, OpenTurn
from models.errors import MachineFailed
from models.message import Consent, MessageKind, OutboundMessage
from models.passage import FoundPassage
from telemetry.metrics import Step

logger = logging.getLogger(__name__)

PASSAGES = 8  # found for a question: more bring more wrong answers than right ones

_CANNOT_READ = {
    MessageKind.AUDIO: Phrase.VOICE_NOT_UNDERSTOOD,
    MessageKind.IMAGE: Phrase.IMAGE_NOT_UNDERSTOOD,
    MessageKind.STICKER: Phrase.IMAGE_NOT_UNDERSTOOD,
}
_TOLD_BESIDE = frozenset({MessageKind.AUDIO, MessageKind.IMAGE, MessageKind.VIDEO, MessageKind.DOCUMENT})
_CONFIRMED = {Consent.OPTED_OUT: Phrase.OPTED_OUT, Consent.OPTED_IN: Phrase.OPTED_IN}


class TurnTaker:
    """Answers open turns; of one to the next it remembers nothing but how long it took."""

    def __init__(
        self,
        embedder: Embedder,
        index: PassageIndex,
        ladder: Sequence[Answerer],
        pace: Pace | None = None,
        senses: Senses | None = None,
    ) -> None:
        """Take the ports.

        Args:
            embedder: for questions.
            index: the passages of all tenants.
            ladder: answerers, the best first; below the last stands the holding text.
            pace: learns how long it takes to find and say an answer.
            senses: what hears voice notes and sees pictures; nothing does if not given.
        """
        self._embedder = embedder
        self._index = index
        self._ladder = ladder
        self._senses = senses or Senses()
        self.pace = pace or Pace()

    async def take(self, turn: OpenTurn, now: datetime) -> ClosedTurn:
        """Give what the turn comes to; never raises for a neighbour that is away: the ladder has a rung for it."""
        watch = Stopwatch()
        watch.note(Step.CLAIM, max((turn.claimed_at - turn.messages[0].received_at).total_seconds(), 0.0))
        closed = await self._decide(turn, TimeLimit.of(turn, now), watch)
        wish = consent_wish(said(turn), turn.tenant.languages)
        return replace(closed, step_ms=watch.step_ms, consent=wish.consent if wish else None)

    async def _decide(self, turn: OpenTurn, limit: TimeLimit, watch: Stopwatch) -> ClosedTurn:
        if turn.is_with_person or not turn.spoken:
            return ClosedTurn(turn=turn, question=said(turn), answer=None, language=_last_language(turn))
        turn = await self._senses.perceive(turn, _last_language(turn), limit)
        asked = said(turn)
        language = detect(asked, turn.tenant.languages, _last_language(turn))
        if not asked:
            return _reply(turn, asked, language, _phrase(_cannot_read(turn), language))
        wish = consent_wish(asked, turn.tenant.languages)
        if wish is not None and wish.is_all:
            return _reply(turn, asked, language, _phrase(_CONFIRMED[wish.consent], language))
        if asks_for_person(asked, language, was_offered=_was_offered(turn, language)):
            return _reply(turn, asked, language, _phrase(Phrase.HANDOFF_ACCEPTED, language), wants_person=True)
        if (small_talk := small_talk_reply(asked, language)) is not None:
            return _reply(turn, asked, language, Answer(text=small_talk, rung=Rung.PHRASE, model="small talk"))
        question = standalone(asked, turn.history, language)
        start = time.monotonic()
        answer = await self._answer(turn, asked, question, language, limit, watch)
        self.pace.note(timedelta(seconds=time.monotonic() - start))
        return _reply(turn, question, language, answer, wants_person=answer.rung is Rung.HOLDING)

    async def _answer(
        self, turn: OpenTurn, asked: str, question: str, language: str, limit: TimeLimit, watch: Stopwatch
    ) -> Answer:
        try:
            async with asyncio.timeout_at(limit.ends_at):
                passages = await self._find(turn, question, language, watch)
                return await self._climb_down(
                    Question(
                        business=turn.tenant.name,
                        language=language,
                        text=asked,
                        standalone=question,
                        history=turn.history,
                        passages=tuple(passages),
                        deadline=limit.deadline,
                        conversation_id=turn.conversation_id,
                    ),
                    watch,
                )
        except (MachineFailed, TimeoutError) as error:
            _tell("nothing could be found or said in time: a person is asked", error)
            return Answer(text=say(Phrase.HOLDING, language), rung=Rung.HOLDING, model=Rung.HOLDING)

    async def _find(self, turn: OpenTurn, question: str, language: str, watch: Stopwatch) -> list[FoundPassage]:
        """Search, and once more with what was misspelt put right: only what was found tells the business's words."""
        found = await self._search(turn, question, watch)
        contexts = [one.passage.context for one in found]
        meant = await asyncio.to_thread(put_right, question, language, contexts)
        return found if meant is None else await self._search(turn, meant, watch)

    async def _search(self, turn: OpenTurn, text: str, watch: Stopwatch) -> list[FoundPassage]:
        with watch.timed(Step.EMBED):
            (vector,) = await self._embedder.embed([text])
        with watch.timed(Step.SEARCH):
            return await self._index.search(turn.tenant.id, vector, text, PASSAGES)

    async def _climb_down(self, question: Question, watch: Stopwatch) -> Answer:
        with watch.timed(Step.GENERATE):
            early = replace(question, deadline=question.deadline - LADDER_RESERVE)
            for answerer in self._ladder[:-1]:
                try:
                    return await answerer.answer(early)
                except MachineFailed as error:
                    _tell("a rung of the ladder failed, the next is taken", error)
            return await self._ladder[-1].answer(question)


def _tell(event: str, error: Exception) -> None:
    logger.warning(event, extra={"why": type(error).__name__, "cause": type(error.__cause__).__name__})


def said(turn: OpenTurn) -> str:
    """Give what the user wrote and did not take back, as lines."""
    texts = [one.message.text.strip() for one in turn.spoken if one.message.text]
    return "\n".join(filter(None, texts))


def _cannot_read(turn: OpenTurn) -> Phrase:
    return _CANNOT_READ.get(turn.spoken[-1].message.kind, Phrase.UNSUPPORTED)


def _last_language(turn: OpenTurn) -> str:
    return turn.language or turn.tenant.languages[0]


def _was_offered(turn: OpenTurn, language: str) -> bool:
    last = next((line for line in reversed(turn.history) if line.speaker is Speaker.BUSINESS), None)
    offers = {say(phrase, language) for phrase in (Phrase.ABSTAIN, Phrase.HANDOFF_OFFERED)}
    return last is not None and any(offer in last.text for offer in offers)


def _unread(turn: OpenTurn, language: str) -> str:
    """What to say of voice notes and the like that lie beside a question, so that nobody thinks that we heard them."""
    kinds = [one.message.kind for one in turn.spoken if one.message.kind in _TOLD_BESIDE and not one.message.text]
    phrases = dict.fromkeys(_CANNOT_READ.get(kind, Phrase.UNSUPPORTED) for kind in kinds)
    return "".join(f"\n\n{say(phrase, language)}" for phrase in phrases)


def _phrase(phrase: Phrase, language: str) -> Answer:
    return Answer(text=say(phrase, language), rung=Rung.PHRASE, model=str(phrase))


def _reply(turn: OpenTurn, question: str, language: str, answer: Answer, *, wants_person: bool = False) -> ClosedTurn:
    # Several lines got one answer: it quotes the last of them, so that the user sees what it answers.
    quoted = turn.spoken[-1].message.wamid if len(turn.spoken) > 1 else None
    unread = _unread(turn, language) if said(turn) else ""
    reply = OutboundMessage(body=answer.text + unread, reply_to=quoted)
    return ClosedTurn(
        turn=turn, question=question, answer=answer, replies=(reply,), wants_person=wants_person, language=language
    )
