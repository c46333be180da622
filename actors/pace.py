"""How long answers take these days: what decides whether there is time to begin one again."""

from collections import deque
from datetime import timedelta

_REMEMBERED = 100
_FIRST_GUESS = timedelta(seconds=5)  # before anything was measured: a small model on two cores


class Pace:
    """The last hundred times of one worker, and their 95th percentile."""

    def __init__(self) -> None:
        """Nothing measured yet."""
        self._times: deque[timedelta] = deque(maxlen=_REMEMBERED)

    def note(self, took: timedelta) -> None:
        """Remember an answer that was written to its end."""
        self._times.append(took)

    @property
    def p95(self) -> timedelta:
        """The time that one answer in twenty exceeds; a cautious guess while nothing is known."""
        if not self._times:
            return _FIRST_GUESS
        return sorted(self._times)[int(len(self._times) * 0.95)]
