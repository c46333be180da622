"""The simulator's own time: real seconds, which a program may push forward to close windows and let files expire."""

from collections.abc import Callable

from models.errors import TheyErred


class Clock:
    """Unix seconds that never go back by themselves."""

    def __init__(self, source: Callable[[], float]) -> None:
        self._source = source
        self._ahead_s = 0.0

    def now(self) -> float:
        """Unix seconds, with all that was advanced."""
        return self._source() + self._ahead_s

    def advance(self, seconds: float) -> float:
        """Let this much time pass at once; gives the new time.

        Raises:
            TheyErred: time does not go back.
        """
        if not 0 <= seconds <= 400 * 24 * 3600:
            raise TheyErred("time can be advanced by 0 seconds to 400 days")
        self._ahead_s += seconds
        return self.now()
