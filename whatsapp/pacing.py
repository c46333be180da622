"""How fast we may send: a bucket for the number and one for each user, so that Meta never has to tell us.

Pure: `now` is an argument, aware UTC, by one clock. One rule: ask `number_delay` and `pair_delay` first, then `take` at
the moment of sending.
Sources: Meta's pages "Throughput" (80 messages a second and number, in and out together) and "About the platform",
section "Pair rate limits" (one message in 6 seconds to a user, bursts of 45 on credit).
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from whatsapp.limits import NUMBER_MESSAGES_PER_S, PAIR_BURST, PAIR_INTERVAL

MOST_INBOUND: Final = 0.75  # of the number's pace, given up for messages that come in
SLOWED_FOR: Final = timedelta(minutes=1)  # after a 130429 each message counts double for so long

_SWEEP_FROM = 1024  # users remembered before the first look for those that can be forgotten
_NONE = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What we allow ourselves, a little less than Meta allows: requests may bunch on their way."""

    number_per_s: float  # steady
    number_burst: int  # at once; steady and burst of any one second together stay under Meta's limit
    pair_interval: timedelta = PAIR_INTERVAL
    pair_burst: int = PAIR_BURST - 1

    @classmethod
    def within(cls, limit_per_s: float = NUMBER_MESSAGES_PER_S) -> "Rate":
        """95 % of a number's limit, a tenth of it as burst: 68 a second and 8 at once of Meta's 80."""
        burst = max(int(limit_per_s * 0.1), 1)
        return cls(number_per_s=max(limit_per_s * 0.95 - burst, limit_per_s * 0.5), number_burst=burst)


class Bucket:
    """A token bucket kept as one instant: when it would be full again (the GCRA of ATM networks).

    A message costs one token; a token comes back every `interval`; `burst` of them fit in.
    """

    __slots__ = ("_burst", "_debt", "_full_at", "_interval")

    def __init__(self, *, interval: timedelta, burst: int, full_at: datetime, debt: timedelta = _NONE) -> None:
        """`debt` is how far `take` may go below empty, as the time that refilling that takes."""
        self._interval = interval
        self._burst = burst
        self._full_at = full_at
        self._debt = debt

    def wait(self, now: datetime) -> timedelta:
        """How long until one token is there; zero if it is."""
        return max(self._missing(now) - self._interval * (self._burst - 1), _NONE)

    def take(self, now: datetime, count: float = 1) -> None:
        """Take tokens, or parts of one, also such as are not there, down to the allowed debt."""
        lowest = self._interval * self._burst + self._debt
        self._full_at = now + min(self._missing(now) + self._interval * count, lowest)

    def is_full(self, now: datetime) -> bool:
        return self._missing(now) == _NONE

    def has_half(self, now: datetime) -> bool:
        return self._missing(now) <= self._interval * (self._burst // 2)

    def _missing(self, now: datetime) -> timedelta:
        """The time to full. A clock that was set back must not block for as long: the bucket then counts as empty."""
        missing = self._full_at - now
        most = self._interval * self._burst + self._debt
        if missing > most:
            self._full_at = now + most
            return most
        return max(missing, _NONE)


class Slowdown:
    """A minute in which each message counts double: of one number, or shared by all of a sender's."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until: datetime | None = None

    def begin(self, now: datetime) -> None:
        """Start the minute, or start it again."""
        self._until = now + SLOWED_FOR

    def is_on(self, now: datetime) -> bool:
        """Whether it lasts; a clock that was set back ends it rather than stretch it."""
        return self._until is not None and now < self._until <= now + SLOWED_FOR


class Pacer:
    """The pace of one number and of everybody it writes to.

    Memory is bounded: a user is forgotten when their bucket is full, which at a steady pace leaves some 400 of them.
    """

    def __init__(self, rate: Rate, *, now: datetime, shared: Slowdown | None = None) -> None:
        """A pacer that has sent nothing: every bucket is full; `shared` slows it beside its own number."""
        self._rate = rate
        self._number = _number_bucket(rate, full_at=now)
        self._pairs: dict[Hashable, Bucket] = {}
        self._sweep_at = _SWEEP_FROM
        self._slowdowns = (Slowdown(), shared or Slowdown())
        self._subtracted_at = now

    @classmethod
    def rebuilt(
        cls,
        rate: Rate,
        attempts: Iterable[tuple[Hashable, datetime]],
        *,
        now: datetime,
        shared: Slowdown | None = None,
    ) -> "Pacer":
        """The pacer of a sender that takes over from another.

        The users' buckets are replayed; the number's starts empty, since what its last sender did in the last second
        may not be known to the end.

        Args:
            rate: what we allow ourselves.
            attempts: (user, when) of what was sent in the last `history_needed(rate)`, oldest first.
            now: the moment of taking over.
            shared: slows all numbers of a sender.
        """
        pacer = cls(rate, now=now, shared=shared)
        for pair, at in attempts:
            pacer._pair(pair, at).take(at)
        pacer._forget_full(now)
        pacer._number.take(now, rate.number_burst)
        return pacer

    def number_delay(self, now: datetime) -> timedelta:
        """How long anything has to wait for the number; look at this before at many users."""
        return self._number.wait(now)

    def pair_delay(self, pair: Hashable, now: datetime) -> timedelta:
        """How long this user's bucket alone asks to wait."""
        known = self._pairs.get(pair)
        return known.wait(now) if known else _NONE

    def take(self, pair: Hashable, now: datetime) -> None:
        """Note that a message to this user goes out now."""
        self._number.take(now, self._cost(now))
        self._pair(pair, now).take(now)
        if len(self._pairs) >= self._sweep_at:
            self._forget_full(now)

    def take_if_spare(self, now: datetime) -> bool:
        """Whether a read receipt or typing indicator may go now; it is then counted. The first to be dropped.

        Whether Meta counts them is not documented, so we do; the user's bucket is not touched.
        """
        if not self._number.has_half(now):
            return False
        self._number.take(now, self._cost(now))
        return True

    def subtract_inbound(self, per_s: float, now: datetime) -> None:
        """Give up for what comes in as much as it takes of the number's limit, since the last call: Meta counts both.

        A quarter of the pace is left whatever comes in. A number that is sent more than Meta's default lets through has
        a higher limit, which we are not told of; if it has not, a 130429 slows us down.
        """
        since = min(max(now - self._subtracted_at, _NONE), timedelta(seconds=1))
        self._subtracted_at = now
        self._number.take(now, min(per_s, MOST_INBOUND * self._rate.number_per_s) * since.total_seconds())

    def slow_down(self, now: datetime) -> None:
        """After a 130429: nothing for a moment, then half the pace for a minute."""
        self._number.take(now, self._rate.number_burst)
        self._slowdowns[0].begin(now)

    @property
    def pairs_remembered(self) -> int:
        """Users whose bucket is kept."""
        return len(self._pairs)

    def _cost(self, now: datetime) -> int:
        return 2 if any(slowdown.is_on(now) for slowdown in self._slowdowns) else 1

    def _pair(self, pair: Hashable, now: datetime) -> Bucket:
        known = self._pairs.get(pair)
        if known is None:
            known = Bucket(interval=self._rate.pair_interval, burst=self._rate.pair_burst, full_at=now)
            self._pairs[pair] = known
        return known

    def _forget_full(self, now: datetime) -> None:
        self._pairs = {pair: bucket for pair, bucket in self._pairs.items() if not bucket.is_full(now)}
        self._sweep_at = max(2 * len(self._pairs), _SWEEP_FROM)


def history_needed(rate: Rate) -> timedelta:
    """How far back attempts still matter: the time in which an empty bucket of a user fills."""
    return rate.pair_interval * rate.pair_burst


def _number_bucket(rate: Rate, *, full_at: datetime) -> Bucket:
    interval = timedelta(seconds=1) / rate.number_per_s
    return Bucket(interval=interval, burst=rate.number_burst, full_at=full_at, debt=timedelta(seconds=1))
