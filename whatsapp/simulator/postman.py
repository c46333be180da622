"""Carries webhooks to their callback: signed, one at a time per user, again and again until answered with 200.

One rule: without faults the order of one user's webhooks changes only where one is refused while the service is up.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from whatsapp.simulator.batching import Box, Note, Style, Update, merge
from whatsapp.simulator.courier import Courier
from whatsapp.simulator.fate import Chance
from whatsapp.simulator.knobs import WebhookFaults
from whatsapp.simulator.options import SimulatorOptions
from whatsapp.simulator.roster import BusinessNumber
from whatsapp.simulator.webhook_bodies import encode_body

logger = logging.getLogger(__name__)

_IN_ORDER_TRIES = 3  # a webhook that is refused more often lets those behind it pass
_AWAY = frozenset({408, 429, 502, 503, 504})  # nobody is there to judge the body, so passing would not help
_BATCH = "batch"  # the lane of a number's batches; no user has this id


class _Outcome(Enum):
    TAKEN = "answered with 200"
    REFUSED = "answered with something else"
    AWAY = "not answered, or by nobody who had read it"


@dataclass(slots=True)
class _Letter:
    """One POST, with as many updates as it carries."""

    phone_number_id: str
    body: bytes = field(repr=False)
    updates: Sequence[Update]
    posted_at: float
    tries: int = 0
    is_taken: bool = False


class Postman:
    """Delivers webhooks; lanes keep order, a shared number of slots bounds how many are in flight."""

    def __init__(
        self, options: SimulatorOptions, chance: Chance | None = None, now: Callable[[], float] | None = None
    ) -> None:
        self._options = options
        self._chance = chance or Chance()
        self._now = now or options.clock
        self._courier = Courier(options)
        self._lanes: dict[tuple[str, str], deque[_Letter]] = {}
        self._boxes: dict[str, Box] = {}  # by phone_number_id
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers: dict[str, BusinessNumber] = {}
        # updates, but for `failed_tries` and `posts`, which count POSTs
        self.counts = {"delivered": 0, "failed_tries": 0, "dropped": 0, "pending": 0, "posts": 0}

    async def start(self) -> None:
        """Open the connections; must run on the loop that serves."""
        await self._courier.start()

    async def close(self) -> None:
        """Stop at once; what is undelivered is lost, as the whole simulator is. Safe twice."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._lanes.clear()
        self._boxes.clear()
        await self._courier.close()

    async def verify(self, callback_url: str, verify_token: str) -> None:
        """Do what Meta does when a callback is set; raises VerificationFailed."""
        await self._courier.verify(callback_url, verify_token)

    def register(self, number: BusinessNumber) -> None:
        """Use this callback and secret from now on, for what is waiting already too."""
        self._numbers[number.phone_number_id] = number

    def post(
        self,
        phone_number_id: str,
        user_id: str,
        body: dict[str, Any],
        on_taken: Note | None = None,
        *,
        on_posted: Note | None = None,
    ) -> None:
        """Queue one update for the callback of a registered number; never waits.

        Args:
            user_id: whose order is kept, within this number.
            on_taken: called once, after the first 200.
            on_posted: called once, before the first try.
        """
        if self.counts["pending"] >= self._options.webhook_pending:
            self.counts["dropped"] += 1
            logger.warning("webhook dropped, too many are waiting", extra={"phone_number_id": phone_number_id})
            return
        self.counts["pending"] += 1
        update = Update(body=body, on_posted=on_posted, on_taken=on_taken)
        if self._faults.batch_updates > 1:
            self._box(phone_number_id, update)
        else:
            self._queue((phone_number_id, user_id), self._letter(phone_number_id, [update], encode_body(body)))

    @property
    def _faults(self) -> WebhookFaults:
        return self._chance.faults.webhook

    def _letter(self, phone_number_id: str, updates: Sequence[Update], body: bytes) -> _Letter:
        return _Letter(phone_number_id, body, updates, self._now())

    # -- several updates in one POST -------------------------------------------------------------------------------

    def _box(self, phone_number_id: str, update: Update) -> None:
        faults, size = self._faults, len(encode_body(update.body))
        box = self._boxes.get(phone_number_id)
        if box is not None and not box.has_room(size, most_updates=faults.batch_updates, most_bytes=faults.batch_bytes):
            self._close_box(phone_number_id, box)
            box = None
        if box is None:
            box = self._boxes[phone_number_id] = Box()
            asyncio.get_running_loop().call_later(faults.batch_wait_s, self._close_box, phone_number_id, box)
        box.add(update, size)
        if len(box.updates) >= faults.batch_updates:
            self._close_box(phone_number_id, box)

    def _close_box(self, phone_number_id: str, box: Box) -> None:
        if self._boxes.get(phone_number_id) is not box:  # closed already: it was full before its time
            return
        del self._boxes[phone_number_id]
        style = list(Style)[self._chance.index("batch style", len(Style))]
        body = encode_body(merge([update.body for update in box.updates], style))
        self._queue((phone_number_id, _BATCH), self._letter(phone_number_id, box.updates, body))

    # -- in which order --------------------------------------------------------------------------------------------

    def _queue(self, key: tuple[str, str], letter: _Letter) -> None:
        faults = self._faults
        if self._chance.happens("reorder", faults.reorder_share):
            self._spawn(self._stray(letter, self._chance.within("reorder delay", faults.reorder_within_s)))
            return
        if not faults.in_order:
            self._spawn(self._stray(letter, 0.0))
            return
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
                self._spawn(self._stray(letter, self._pause_s(letter)))
            else:
                await asyncio.sleep(self._pause_s(letter))

    async def _stray(self, letter: _Letter, pause_s: float) -> None:
        """Deliver a webhook that has no place in a lane."""
        while True:
            await asyncio.sleep(pause_s)
            if await self._attempt(letter) is _Outcome.TAKEN or self._is_too_old(letter):
                return
            pause_s = self._pause_s(letter)

    # -- one try ---------------------------------------------------------------------------------------------------

    async def _attempt(self, letter: _Letter) -> _Outcome:
        if not letter.tries:
            _call(update.on_posted for update in letter.updates)
        copies = self._copies(letter)
        letter.tries += 1
        if copies == 1:
            statuses = [await self._post(letter)]
        else:
            statuses = await asyncio.gather(*(self._post(letter) for _ in range(copies)))
        if letter.is_taken:
            return _Outcome.TAKEN
        is_away = any(status is None or status in _AWAY for status in statuses)
        return _Outcome.AWAY if is_away else _Outcome.REFUSED

    def _copies(self, letter: _Letter) -> int:
        if letter.tries:
            return self._faults.redelivery_copies
        return self._faults.copies if self._chance.happens("duplicate", self._faults.duplicate_share) else 1

    async def _post(self, letter: _Letter) -> int | None:
        self.counts["posts"] += 1
        timeout_s = self._faults.timeout_s or self._options.webhook_timeout_s
        status = await self._courier.post(self._numbers[letter.phone_number_id], letter.body, timeout_s)
        if status != 200:
            self.counts["failed_tries"] += 1
        elif not letter.is_taken:
            self._taken(letter)
        return status

    def _taken(self, letter: _Letter) -> None:
        letter.is_taken = True
        self.counts["delivered"] += len(letter.updates)
        self.counts["pending"] -= len(letter.updates)
        _call(update.on_taken for update in letter.updates)
        if self._chance.happens("repeat", self._faults.repeat_share):
            self._spawn(self._repeat(letter, self._chance.within("repeat delay", self._faults.repeat_within_s)))

    async def _repeat(self, letter: _Letter, pause_s: float) -> None:
        await asyncio.sleep(pause_s)
        await self._post(letter)

    def _is_too_old(self, letter: _Letter) -> bool:
        if self._now() - letter.posted_at < self._options.give_up_after_s:
            return False
        self.counts["dropped"] += len(letter.updates)
        self.counts["pending"] -= len(letter.updates)
        return True

    def _pause_s(self, letter: _Letter) -> float:
        """1, 2, 4 ... seconds, up to the cap, each 0 to 20 % longer so that lanes do not march in step; all scaled."""
        doubled = self._options.first_retry_s * 2.0 ** min(letter.tries - 1, 20)
        pause_s = min(doubled, self._options.longest_retry_s) * self._faults.time_scale
        return pause_s + self._chance.within("retry jitter", 0.2 * pause_s)


def _call(notes: Any) -> None:
    for note in notes:
        if note is not None:
            note()
