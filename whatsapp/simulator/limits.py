"""Meta's rate limits, enforced exactly: a bucket for each number, one for each user it writes to. `now` is an argument.

One rule: written from Meta's pages, never from our own pacing, so that a mistake of the pacing shows here.
Sources: Meta, "Throughput" (80 messages a second, in and out together); "About the platform", "Pair rate limits".
"""

from typing import Final

from whatsapp.simulator.graph_errors import number_limit_hit, pair_limit_hit
from whatsapp.simulator.knobs import Limits

_NS: Final = 1_000_000_000
_TOLERANCE_NS: Final = 1_000  # unix seconds as floats are exact to a quarter of this
_SWEEP_FROM: Final = 4096


class TokenBucket:
    """Tokens that come back one every `interval_s`, up to `capacity`; kept as the instant at which it is full again.

    In whole nanoseconds, since sums of floats would let the last of 80 tokens come too late.
    """

    __slots__ = ("_capacity", "_full_at_ns", "_interval_ns")

    def __init__(self, *, interval_s: float, capacity: int, now: float) -> None:
        self._interval_ns = round(interval_s * _NS)
        self._capacity = capacity
        self._full_at_ns = round(now * _NS)

    def has_one(self, now: float) -> bool:
        """Whether a token could be taken."""
        missing_ns = self._full_at_ns - round(now * _NS)
        return missing_ns <= (self._capacity - 1) * self._interval_ns + _TOLERANCE_NS

    def take(self, now: float) -> None:
        """Take one, if it is there or not; an empty bucket stays empty and owes nothing."""
        now_ns = round(now * _NS)
        empty_ns = now_ns + self._capacity * self._interval_ns
        self._full_at_ns = min(max(self._full_at_ns, now_ns) + self._interval_ns, empty_ns)

    def is_full(self, now: float) -> bool:
        """Whether forgetting it would change nothing."""
        return self._full_at_ns <= round(now * _NS)


class LimitKeeper:
    """The buckets of all numbers and pairs; users whose bucket is full again are forgotten."""

    def __init__(self, limits: Limits) -> None:
        self.refused = {130429: 0, 131056: 0}  # code -> calls
        self.set_limits(limits)

    def set_limits(self, limits: Limits) -> None:
        """Begin anew with full buckets of these sizes."""
        self._limits = limits
        self._numbers: dict[str, TokenBucket] = {}
        self._pairs: dict[tuple[str, str], TokenBucket] = {}
        self._sweep_at = _SWEEP_FROM

    def receive(self, phone_number_id: str, now: float) -> None:
        """A user wrote: it counts against the number, but is never refused."""
        if self._limits.enforced:
            self._number(phone_number_id, now).take(now)

    def admit(self, phone_number_id: str, user: str, now: float) -> None:
        """Let one message of a number to a user pass, and count it; a refused one counts nowhere.

        Raises:
            GraphError: 130429 for the number, else 131056 for the pair.
        """
        if not self._limits.enforced:
            return
        number, pair = self._number(phone_number_id, now), self._pair(phone_number_id, user, now)
        if not number.has_one(now):
            self.refused[130429] += 1
            raise number_limit_hit()
        if not pair.has_one(now):
            self.refused[131056] += 1
            raise pair_limit_hit()
        number.take(now)
        pair.take(now)

    def _number(self, phone_number_id: str, now: float) -> TokenBucket:
        bucket = self._numbers.get(phone_number_id)
        if bucket is None:
            interval_s = 1 / self._limits.number_per_s
            bucket = TokenBucket(interval_s=interval_s, capacity=self._limits.number_burst, now=now)
            self._numbers[phone_number_id] = bucket
        return bucket

    def _pair(self, phone_number_id: str, user: str, now: float) -> TokenBucket:
        bucket = self._pairs.get((phone_number_id, user))
        if bucket is None:
            self._sweep(now)
            interval_s = self._limits.pair_interval_s
            bucket = TokenBucket(interval_s=interval_s, capacity=self._limits.pair_burst, now=now)
            self._pairs[phone_number_id, user] = bucket
        return bucket

    def _sweep(self, now: float) -> None:
        if len(self._pairs) < self._sweep_at:
            return
        self._pairs = {pair: bucket for pair, bucket in self._pairs.items() if not bucket.is_full(now)}
        self._sweep_at = max(2 * len(self._pairs), _SWEEP_FROM)
