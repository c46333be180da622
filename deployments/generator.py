"""The generator: the door to one generative model, with the contract of `actors.ports.Answerer`.

The engine stands behind a Serve handle; this class holds no weights and imports neither vLLM nor torch.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from deployments.generation.options import ModelOptions
from deployments.generation.reply import clean
from deployments.generation.wire import EngineReply, TooLong
from deployments.handles import outcome
from knowledge.texts import Phrase, say
from models.answer import Answer, Question, Rung, Source
from models.errors import ModelUnavailable
from models.prompt import PROMPT_VERSION, ChatMessage, build_prompt, is_abstention

logger = logging.getLogger(__name__)

WARM_UP_TIMEOUT = timedelta(minutes=20)  # a large model is first fetched and loaded; a tiny one takes a minute
TEMPLATE_TOKENS = 64  # what a chat template adds around two messages
FEWEST_PROMPT_TOKENS = 128  # below this a prompt holds no evidence: not worth asking
TEMPERATURE = 0.0  # the same question has the same answer
BYTES_A_TOKEN = 3.0  # a low guess for subword tokenizers; corrected by what the engine counts
LEARNING_RATE = 0.2


class Generator:
    """One replica of the door to one model."""

    def __init__(self, engine: Any, *, model: str, max_tokens: int, max_reply_tokens: int = 200) -> None:
        """Hold the engine's handle.

        Args:
            engine: a Serve handle of `generation.engine.EngineServer`.
            model: the name that answers and metrics carry.
            max_tokens: the model's context, prompt and reply together.
            max_reply_tokens: the longest reply; at most a quarter of the context.
        """
        self._engine = engine
        self.model_name = model
        self._max_reply_tokens = min(max_reply_tokens, max_tokens // 4)
        self._max_prompt_tokens = max_tokens - self._max_reply_tokens - TEMPLATE_TOKENS
        self._bytes_a_token = BYTES_A_TOKEN
        self._is_warm = False

    async def answer(self, question: Question) -> Answer:
        """Give one reply before `question.deadline`; its sources are the passages that were given.

        Raises:
            ModelUnavailable: no reply in time, a dead engine, or nothing that could be sent. Retryable.
        """
        left = (question.deadline - datetime.now(UTC)).total_seconds()
        try:
            async with asyncio.timeout(max(0.0, left)):
                reply = await self._ask_within_context(question)
        except TimeoutError as error:
            raise ModelUnavailable("The model did not answer before the turn's deadline.") from error
        return self._to_answer(question, reply)

    async def check_health(self) -> None:
        """Wait for a first generated token, once, so that no user waits for a cold engine.

        Serve calls this before a new replica counts as ready. The engine's own health is checked in its own replica.

        Raises:
            ModelUnavailable: the engine gave none in 20 minutes.
        """
        if self._is_warm:
            return
        try:
            async with asyncio.timeout(WARM_UP_TIMEOUT.total_seconds()):
                await self._call((ChatMessage(role="user", content="Hello"),), max_tokens=1, affinity=None)
        except TimeoutError as error:
            raise ModelUnavailable("The model did not become ready.") from error
        self._is_warm = True

    def status(self) -> dict[str, Any]:
        """Name the engine and say whether it has answered yet."""
        return {"engine": "vllm", "model": self.model_name, "is_warm": self._is_warm}

    async def _ask_within_context(self, question: Question) -> EngineReply:
        """Ask, with half the prompt again where our guess of its tokens was too low."""
        budget = self._max_prompt_tokens
        affinity = str(question.conversation_id) if question.conversation_id else None
        while budget >= FEWEST_PROMPT_TOKENS:
            messages = build_prompt(question, budget, self._guess_tokens)
            outcome = await self._call(messages, max_tokens=self._max_reply_tokens, affinity=affinity)
            if isinstance(outcome, EngineReply):
                self._learn(messages, outcome.prompt_tokens)
                return outcome
            budget //= 2
        raise ModelUnavailable("The model's context is too small for a prompt with evidence.")

    async def _call(
        self, messages: Sequence[ChatMessage], *, max_tokens: int, affinity: str | None
    ) -> EngineReply | TooLong:
        plain = [{"role": message.role, "content": message.content} for message in messages]
        handle = self._engine.options(session_id=affinity) if affinity else self._engine
        reply: EngineReply | TooLong = await outcome(
            handle.reply.remote(plain, max_tokens, TEMPERATURE), ModelUnavailable
        )
        return reply

    def _to_answer(self, question: Question, reply: EngineReply) -> Answer:
        text = clean(reply.text, was_cut=reply.was_cut)
        if not text:
            raise ModelUnavailable("The model wrote nothing that could be sent.")
        abstained = is_abstention(text)
        return Answer(
            text=say(Phrase.ABSTAIN, question.language) if abstained else text,
            rung=Rung.MODEL,
            model=self.model_name,
            sources=() if abstained else _sources(question),
            abstained=abstained,
            prompt_version=PROMPT_VERSION,
        )

    def _guess_tokens(self, text: str) -> int:
        return int(len(text.encode("utf-8", "replace")) / self._bytes_a_token) + 1

    def _learn(self, messages: Sequence[ChatMessage], counted: int) -> None:
        """Move our bytes a token towards what the engine counted."""
        seen = sum(len(message.content.encode("utf-8", "replace")) for message in messages) / max(1, counted)
        self._bytes_a_token += LEARNING_RATE * (max(1.0, seen) - self._bytes_a_token)


def llm_parts(model: str, options: ModelOptions) -> tuple[Any, dict[str, Any]]:
    """Give the engine's deployment, and the arguments of the `Generator` that is bound on it.

    Raises:
        WrongSetting: there is no such model.
    """
    from deployments.generation.engine import engine_deployment, engine_facts  # brings vLLM

    facts = engine_facts(model, options)
    arguments = {
        "model": facts.model_id,
        "max_tokens": facts.max_tokens,
        "max_reply_tokens": options.max_reply_tokens,
    }
    return engine_deployment(model, options), arguments


def _sources(question: Question) -> tuple[Source, ...]:
    """Name each document once, at its best passage."""
    best: dict[str, Source] = {}
    for found in question.passages:
        passage = found.passage
        best.setdefault(passage.title, Source(passage_id=passage.id, title=passage.title, page=passage.page))
    return tuple(best.values())
