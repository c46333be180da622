"""Alive and ready: public, and telling nothing but ok or not ok."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from deployments.operator.ports import within

READY_LIMIT_S = 2.0  # an ingress that cannot commit within this is of no use to Meta
_REMEMBER_S = 1.0  # anyone may ask, so Postgres is asked once a second at most


class ReadinessProbe:
    """Asks whether a message could be kept; all who ask at once share one question."""

    def __init__(self, can_keep: Callable[[], Awaitable[object]], *, limit_s: float = READY_LIMIT_S) -> None:
        self._can_keep = can_keep
        self._limit_s = limit_s
        self._asking = asyncio.Lock()
        self._is_ready = False
        self._known_until = 0.0

    async def is_ready(self) -> bool:
        """Say yes or no within the limit; an answer is a second old at most."""
        async with self._asking:
            if time.monotonic() >= self._known_until:
                self._is_ready = await within(self._limit_s, "readiness", self._ask) is True
                self._known_until = time.monotonic() + _REMEMBER_S
            return self._is_ready

    async def _ask(self) -> bool:
        # A False is a no as well, for ports that answer instead of raising.
        return await self._can_keep() is not False
