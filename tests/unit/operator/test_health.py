"""Readiness: bounded in time, and asked rarely."""

import asyncio

from deployments.operator.health import ReadinessProbe
from tests.unit.operator.house import silent


async def test_a_silent_store_is_not_ready_within_the_limit() -> None:
    async with asyncio.timeout(5):
        assert not await ReadinessProbe(silent, limit_s=0.01).is_ready()


async def test_all_who_ask_at_once_share_one_question() -> None:
    asked = 0

    async def can_keep() -> None:
        nonlocal asked
        asked += 1

    probe = ReadinessProbe(can_keep)
    assert all(await asyncio.gather(*(probe.is_ready() for _ in range(50))))
    assert asked == 1


async def test_a_port_that_answers_no_is_not_ready() -> None:
    async def can_keep() -> bool:
        return False

    assert not await ReadinessProbe(can_keep).is_ready()
