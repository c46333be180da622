"""What a chat page is told while it watches one user: server-sent events of the simulator, in their order."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2

from tests.acceptance.house import House
from tests.acceptance.phone import Phone
from tests.acceptance.shop import SHOP

WATCH_LIMIT_S = 20.0

Told = tuple[str, dict[str, Any]]
"""An event's name and body."""


async def last_event(house: House, phone: Phone) -> int:
    """The newest event by now."""
    path = f"/simulator/conversations/{phone.user.id}/{SHOP.number}"
    async with httpx2.AsyncClient(base_url=house.simulator, trust_env=False) as client:
        return int((await client.get(path)).json()["last_event"])


async def told_until(house: House, phone: Phone, reply: str, *, after: int) -> list[Told]:
    """All that was told about this user after an event, up to the reply with this wamid."""
    found: list[Told] = []
    async with asyncio.timeout(WATCH_LIMIT_S):
        async for name, body in _stream(house, after):
            if body.get("user") == phone.user.id:
                found.append((name, body))
                if name == "message" and body["message"]["wamid"] == reply:
                    return found
    raise AssertionError("the stream has ended before the reply")


async def _stream(house: House, after: int) -> AsyncIterator[Told]:
    async with (
        httpx2.AsyncClient(base_url=house.simulator, trust_env=False, timeout=WATCH_LIMIT_S) as client,
        client.stream("GET", "/simulator/events", params={"after": str(after)}) as response,
    ):
        name = ""
        async for line in response.aiter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield name, json.loads(value)
