"""What happened, for whoever watches: numbered events, a short memory for those who reconnect, bounded queues."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One change; `name` is message, status, reaction, typing, user, number, reset or bye."""

    id: int
    name: str
    body: dict[str, Any]


class EventHub:
    """Fans events out to the chat pages; a page that cannot keep up is told to load everything anew."""

    def __init__(self, *, memory: int = 1_000, queue: int = 500) -> None:
        self._recent: deque[Event] = deque(maxlen=memory)
        self._queue = queue
        self._watchers: set[asyncio.Queue[Event]] = set()
        self.last_id = 0
        self.is_closed = False

    def publish(self, name: str, body: dict[str, Any]) -> None:
        """Tell all watchers; never waits."""
        self.last_id += 1
        event = Event(self.last_id, name, body)
        self._recent.append(event)
        for watcher in self._watchers:
            self._put(watcher, event)

    def close(self) -> None:
        """Send all watchers home for good; safe twice."""
        self.is_closed = True
        self.drop_watchers()

    def drop_watchers(self) -> None:
        """End all streams; pages come back and ask for what they missed."""
        for watcher in self._watchers:
            self._put(watcher, Event(self.last_id, "bye", {}))

    @contextmanager
    def watch(self, after: int | None) -> Iterator[asyncio.Queue[Event]]:
        """A queue of events from now on, preceded by those since `after` where they are still remembered."""
        watcher: asyncio.Queue[Event] = asyncio.Queue(self._queue)
        for event in self._missed(after):
            self._put(watcher, event)
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def _missed(self, after: int | None) -> list[Event]:
        if after is None or after == self.last_id:
            return []
        oldest = self._recent[0].id if self._recent else self.last_id + 1
        if after > self.last_id or after + 1 < oldest:  # another process's count, or too long ago
            return [self._reset()]
        return [event for event in self._recent if event.id > after]

    def _put(self, watcher: asyncio.Queue[Event], event: Event) -> None:
        if watcher.full():
            while not watcher.empty():
                watcher.get_nowait()
            event = self._reset()
        watcher.put_nowait(event)

    def _reset(self) -> Event:
        return Event(self.last_id, "reset", {})
