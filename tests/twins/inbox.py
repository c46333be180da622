"""The inbox in memory: passes the same tests as the real one, can be held, told to be away, or to refuse a message."""

import asyncio
from collections import Counter
from collections.abc import Sequence

from models.errors import StoreUnavailable
from models.message import WebhookUpdates
from store.inbox import Receipt


class TwinInbox:
    """Keeps bodies in a list, whole or not at all."""

    def __init__(self) -> None:
        self.kept: list[WebhookUpdates] = []
        self.quarantined: list[tuple[str, bytes]] = []
        self.is_away = False
        self.refuses: str | None = None  # a wamid that no commit may hold
        self.committing, self.may_commit = asyncio.Event(), asyncio.Event()
        self.may_commit.set()

    async def receive(self, bodies: Sequence[WebhookUpdates]) -> Receipt:
        self.committing.set()
        await self.may_commit.wait()
        messages = [message for body in bodies for message in body.messages]
        if self.is_away:
            raise StoreUnavailable("away")
        if self.refuses in [message.wamid for message in messages]:
            raise ValueError("not storable")
        known = {(message.phone_number_id, message.wamid) for body in self.kept for message in body.messages}
        self.kept.extend(bodies)
        coming = {(message.phone_number_id, message.wamid): message.kind for message in messages}
        return Receipt(messages=len(messages), new=Counter(kind for key, kind in coming.items() if key not in known))

    async def quarantine(self, reason: str, body: bytes) -> None:
        if self.is_away:
            raise StoreUnavailable("away")
        self.quarantined.append((reason, body))
