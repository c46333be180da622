"""Voice notes and pictures in words, where a model hears or sees; where none does, they stay as they are.

One rule: a sense that fails costs the turn nothing but the words; what is said to the user then stands in `turn.py`.
"""

import asyncio
import logging
from dataclasses import replace

from actors.ports import Describer, Transcriber
from actors.timing import LADDER_RESERVE, TimeLimit
from models.conversation import OpenTurn, ReceivedMessage
from models.errors import MachineFailed
from models.message import InboundMessage, MessageKind

logger = logging.getLogger(__name__)

_SEEN = frozenset({MessageKind.IMAGE, MessageKind.STICKER})


class Senses:
    """Ears and eyes of a turn; either may be missing."""

    def __init__(self, transcriber: Transcriber | None = None, describer: Describer | None = None) -> None:
        """Take the models that there are."""
        self._transcriber = transcriber
        self._describer = describer

    async def perceive(self, turn: OpenTurn, language: str, limit: TimeLimit) -> OpenTurn:
        """Give the turn with words for what it holds of voice notes and pictures, in the order in which they came.

        Args:
            turn: as it was opened.
            language: of the descriptions, and a hint for the ears.
            limit: of the turn, which goes on without the words that are missing as long before as its ladder needs.
        """
        stands = {one.message.wamid for one in turn.spoken}
        messages = list(turn.messages)
        try:
            async with asyncio.timeout_at(limit.ends_at - LADDER_RESERVE.total_seconds()):
                for place, one in enumerate(messages):
                    if one.message.wamid in stands:
                        messages[place] = await self._in_words(one, language)
        except TimeoutError:
            logger.warning("a voice note or picture took too long", extra={"messages": len(messages)})
        return replace(turn, messages=tuple(messages))

    async def _in_words(self, one: ReceivedMessage, language: str) -> ReceivedMessage:
        message = one.message
        try:
            words = await self._words(message, language)
        except MachineFailed as error:
            logger.warning("a voice note or picture stays without words", extra={"why": type(error).__name__})
            words = ""
        if not words.strip():
            return one
        text = "\n".join(filter(None, (message.text, words.strip())))  # a caption first
        return replace(one, message=replace(message, text=text))

    async def _words(self, message: InboundMessage, language: str) -> str:
        if message.media is None:
            return ""
        if message.kind is MessageKind.AUDIO and self._transcriber is not None:
            return await self._transcriber.transcribe(message.phone_number_id, message.media, language)
        if message.kind in _SEEN and self._describer is not None:
            return await self._describer.describe(message.phone_number_id, message.media, language)
        return ""
