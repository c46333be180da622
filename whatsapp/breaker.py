"""A circuit breaker: when Graph is away, few calls find out that it is back.

Pure: `now` is an argument, aware UTC. One rule: what Graph answers, be it a refusal, closes the circuit; only calls
without an answer, or with "try again", open it.
"""

from datetime import datetime, timedelta
from typing import Final

OPENS_AFTER: Final = 5  # failures in a row, since each may leave a message whose outcome nobody knows
FIRST_WAIT: Final = timedelta(seconds=1)
LONGEST_WAIT: Final = timedelta(seconds=30)


class Breaker:
    """Closed: calls as many as you like. Open: none, until a single one probes; its failure doubles the wait."""

    def __init__(self) -> None:
        """Closed."""
        self._failures = 0
        self._wait = FIRST_WAIT
        self._probe_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether calls are held back."""
        return self._probe_at is not None

    def room(self, most: int, now: datetime, *, in_flight: int) -> int:
        """How many calls may begin now, of `most`: all of them, none, or one probe where no other call is under way."""
        if self._probe_at is None:
            return most
        # A clock that was set back must not hold calls back for longer than the longest wait.
        is_due = now >= self._probe_at or self._probe_at - now > LONGEST_WAIT
        return min(most, 1) if is_due and not in_flight else 0

    def answered(self) -> None:
        """Graph is there."""
        self._failures, self._wait, self._probe_at = 0, FIRST_WAIT, None

    def failed(self, now: datetime) -> bool:
        """Graph gave no answer; whether this opened the circuit."""
        if self._probe_at is not None:
            if now >= self._probe_at:  # not a call that was under way when it opened
                self._wait = min(self._wait * 2, LONGEST_WAIT)
                self._probe_at = now + self._wait
            return False
        self._failures += 1
        if self._failures < OPENS_AFTER:
            return False
        self._probe_at = now + self._wait
        return True
