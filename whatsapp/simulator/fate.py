"""Draws what happens to whom, from a seed: the same faults and the same order of calls give the same fates."""

import math
import random
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

from whatsapp.simulator.graph_errors import GraphError, bad_token, number_limit_hit, pair_limit_hit
from whatsapp.simulator.knobs import Faults, Latency


class Fate(StrEnum):
    """What happens to one call to /messages; the names are those of `GraphFaults`' shares."""

    CALM = "calm"
    TOKEN_ERROR = "token_error"  # noqa: S105 - no token
    NUMBER_LIMIT = "number_limit"
    PAIR_LIMIT = "pair_limit"
    SERVER_ERROR = "server_error"
    REFUSED = "refused"
    LOST_ANSWER = "lost_answer"
    TAKEN_ERROR = "taken_error"

    @property
    def takes(self) -> bool:
        """Whether the message reaches its user, if it keeps the rules."""
        return self in (Fate.CALM, Fate.LOST_ANSWER, Fate.TAKEN_ERROR)


# Codes whose outcome is unknown to the caller, with the HTTP status they come with. Source: Meta, "Error codes".
_SERVER_ERRORS: Final[Sequence[tuple[int, int, str]]] = (
    (500, 131000, "(#131000) Something went wrong"),
    (503, 131016, "(#131016) Service unavailable"),
    (500, 1, "(#1) API Unknown"),
    (503, 2, "(#2) API Service"),
)


class Chance:
    """The seeded dice of one simulator; each concern has a stream of its own, so that one does not shift another."""

    def __init__(self) -> None:
        self.set_faults(Faults(), 0.0)
        self.struck: dict[str, int] = {}  # kind of fault -> how often

    def set_faults(self, faults: Faults, now: float) -> None:
        """Use these from now on, all dice thrown anew from their seed."""
        self.faults = faults
        self._began_at = now
        self._streams: dict[str, random.Random] = {}
        self._shares = [(Fate(name), share) for name, share in faults.graph.shares().items() if share]

    def fate(self, phone_number_id: str, now: float) -> Fate:
        """What happens to a call of this number."""
        only = self.faults.graph.only_numbers
        if only and phone_number_id not in only:
            return Fate.CALM
        if self._is_storm(now):
            return self._strike(Fate.NUMBER_LIMIT)
        drawn = self._stream("fate").random() if self._shares else 1.0
        for fate, share in self._shares:
            drawn -= share
            if drawn < 0:
                return self._strike(fate)
        return Fate.CALM

    def error(self, fate: Fate) -> GraphError:
        """The answer for a fate that is told with an error."""
        if fate is Fate.TOKEN_ERROR:
            return bad_token()
        if fate is Fate.NUMBER_LIMIT:
            return number_limit_hit()
        if fate is Fate.PAIR_LIMIT:
            return pair_limit_hit()
        http_status, code, message = self._stream("errors").choice(_SERVER_ERRORS)
        return GraphError(code, message, http_status=http_status)

    def latency_s(self) -> float:
        """How long the next answer takes."""
        latency = self.faults.graph.latency
        return 0.0 if latency.kind == "none" else min(max(self._draw(latency), 0.0), latency.longest_s)

    def happens(self, what: str, share: float) -> bool:
        """Whether something that befalls this share strikes now."""
        if not share or self._stream(what).random() >= share:
            return False
        self.struck[what] = self.struck.get(what, 0) + 1
        return True

    def within(self, what: str, seconds: float) -> float:
        """A delay of 0 up to this."""
        return self._stream(what).random() * seconds if seconds else 0.0

    def index(self, what: str, count: int) -> int:
        """One of this many."""
        return self._stream(what).randrange(count)

    def _draw(self, latency: Latency) -> float:
        stream = self._stream("latency")
        if latency.kind == "uniform":
            return stream.uniform(latency.mean_s - latency.spread, latency.mean_s + latency.spread)
        if latency.kind == "exponential":
            return stream.expovariate(1 / latency.mean_s) if latency.mean_s else 0.0
        if latency.kind == "lognormal":
            return stream.lognormvariate(math.log(latency.mean_s), latency.spread) if latency.mean_s else 0.0
        return latency.mean_s

    def _is_storm(self, now: float) -> bool:
        graph = self.faults.graph
        return graph.storm_every_s > 0 and (now - self._began_at) % graph.storm_every_s < graph.storm_for_s

    def _strike(self, fate: Fate) -> Fate:
        self.struck[fate.value] = self.struck.get(fate.value, 0) + 1
        return fate

    def _stream(self, name: str) -> random.Random:
        stream = self._streams.get(name)
        if stream is None:
            stream = random.Random(f"{self.faults.seed}/{name}")  # noqa: S311 - repeatable on purpose
            self._streams[name] = stream
        return stream

    def counts(self) -> dict[str, Any]:
        """How often each fault struck, since the start."""
        return dict(self.struck)
