"""Carries webhooks to their callback: signed, one at a time per user, again and again until it is answered with 200.

One rule: the order of one user's webhooks changes only where one of them is refused while the service is up.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import aiohttp
from yarl import URL

from models.errors import TheyErred
from whatsapp.simulator.options import SimulatorOptions
from whatsapp.simulator.roster import BusinessNumber
from whatsapp.simulator.webhook_bodies import encode_body, sign_body

logger = logging.getLogger(__name__)

_IN_ORDER_TRIES = 3  # a webhook that is refused more often lets those behind it pass
_AWAY = frozenset({408, 429, 502, 503, 504})  # nobody is there to judge the body, so passing would not help


class VerificationFailed(TheyErred):
    """The callback did not echo the challenge; the message says what it did instead."""


class _Outcome(Enum):
    TAKEN = "answered with 200"
    REFUSED = "answered with something else"
    AWAY = "not answered, or by nobody who had read it"


@dataclass(slots=True)
class _Letter:
    phone_number_id: str
    body: bytes = field(repr=False)
    on_taken: Callable[[], object] | None
    posted_at: float
    tries: int = 0


class Postman:
    """Delivers webhooks; lanes keep order, a shared number of slots bounds how many are in flight."""

    def __init__(self, options: SimulatorOptions) -> None:
        self._options = options
        self._slots = asyncio.Semaphore(options.webhook_concurrency)
        self._lanes: dict[tuple[str, str], deque[_Letter]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers: dict[str, BusinessNumber] = {}
        self._session: aiohttp.ClientSession | None = None
        self.counts = {"delivered": 0, "failed_tries": 0, "dropped": 0, "pending": 0}

    async def start(self) -> None:
        """Open the connections; must run on the loop that serves."""
        timeout = aiohttp.ClientTimeout(total=self._options.webhook_timeout_s)
        connector = aiohttp.TCPConnector(limit=self._options.webhook_concurrency)
        self._session = aiohttp.ClientSession(timeout=timeout, connector=connector, auto_decompress=False)

    async def close(self) -> None:
        """Stop at once; what is undelivered is lost, as the whole simulator is. Safe twice."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._lanes.clear()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def verify(self, callback_url: str, verify_token: str) -> None:
        """Do what Meta does when a callback is set: ask it to echo a challenge.

        Raises:
            VerificationFailed: any answer but 200 with the challenge as its body.
        """
        challenge = str(secrets.randbelow(9 * 10**9) + 10**9)
        query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token}
        try:
            url = URL(callback_url).update_query(query)
            async with self._open_session().get(url, allow_redirects=False) as response:
                echoed = await response.content.read(1024)
                status = response.status
        except (aiohttp.ClientError, ValueError, TimeoutError, OSError) as error:
            raise VerificationFailed(f"the callback URL could not be reached ({type(error).__name__})") from error
        if status != 200:
            raise VerificationFailed(f"the callback URL answered the verification with HTTP {status}, not 200")
        if echoed.strip() != challenge.encode():
            raise VerificationFailed("the callback URL answered 200, but did not echo hub.challenge")

    def register(self, number: BusinessNumber) -> None:
        """Use this callback and secret from now on, for what is waiting already too."""
        self._numbers[number.phone_number_id] = number

    def post(
        self, phone_number_id: str, user_id: str, body: dict[str, Any], on_taken: Callable[[], object] | None = None
    ) -> None:
        """Queue one webhook for the callback of a registered number; never waits.

        Args:
            user_id: whose order is kept, within this number.
            on_taken: called once, after the 200.
        """
        if self.counts["pending"] >= self._options.webhook_pending:
            self.counts["dropped"] += 1
            logger.warning("webhook dropped, too many are waiting", extra={"phone_number_id": phone_number_id})
            return
        self.counts["pending"] += 1
        letter = _Letter(phone_number_id, encode_body(body), on_taken, self._options.clock())
        key = (phone_number_id, user_id)
        lane = self._lanes.get(key)
        if lane is not None:
            lane.append(letter)
            return
        self._lanes[key] = deque([letter])
        self._spawn(self._walk(key))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _walk(self, key: tuple[str, str]) -> None:
        """Empty one lane, head first."""
        lane = self._lanes[key]
        try:
            await self._empty(lane)
        finally:
            self._lanes.pop(key, None)

    async def _empty(self, lane: deque[_Letter]) -> None:
        while lane:
            letter = lane[0]
            outcome = await self._attempt(letter)
            if outcome is _Outcome.TAKEN or self._is_too_old(letter):
                lane.popleft()
            elif outcome is _Outcome.REFUSED and letter.tries >= _IN_ORDER_TRIES:
                lane.popleft()
                self._spawn(self._insist(letter))
            else:
                await asyncio.sleep(self._pause_s(letter))

    async def _insist(self, letter: _Letter) -> None:
        """Go on with a webhook that lost its place."""
        while not self._is_too_old(letter):
            await asyncio.sleep(self._pause_s(letter))
            if await self._attempt(letter) is _Outcome.TAKEN:
                return

    async def _attempt(self, letter: _Letter) -> _Outcome:
        letter.tries += 1
        number = self._numbers[letter.phone_number_id]
        headers = {
            "Content-Type": "application/json",
            "X-Hub-Signature-256": sign_body(number.app_secret, letter.body),
            "User-Agent": "facebookexternalua",
        }
        status: int | None = None
        try:
            async with (
                self._slots,
                self._open_session().post(
                    number.callback_url, data=letter.body, headers=headers, allow_redirects=False
                ) as response,
            ):
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            logger.debug("webhook not answered", extra={"tries": letter.tries})
        if status == 200:
            self._taken(letter)
            return _Outcome.TAKEN
        self.counts["failed_tries"] += 1
        return _Outcome.AWAY if status is None or status in _AWAY else _Outcome.REFUSED

    def _taken(self, letter: _Letter) -> None:
        self.counts["delivered"] += 1
        self.counts["pending"] -= 1
        if letter.on_taken is not None:
            letter.on_taken()

    def _is_too_old(self, letter: _Letter) -> bool:
        if self._options.clock() - letter.posted_at < self._options.give_up_after_s:
            return False
        self.counts["dropped"] += 1
        self.counts["pending"] -= 1
        return True

    def _pause_s(self, letter: _Letter) -> float:
        """1, 2, 4 ... seconds, up to the cap, each 0 to 20 % longer so that lanes do not march in step."""
        doubled = self._options.first_retry_s * 2.0 ** min(letter.tries - 1, 20)
        return min(doubled, self._options.longest_retry_s) * (1 + secrets.randbelow(200) / 1000)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the postman has not been started")
        return self._session
