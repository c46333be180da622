"""The ledger and the events: order, and bounds on memory."""

import asyncio
from typing import Literal

from whatsapp.simulator.events import EventHub
from whatsapp.simulator.ledger import Ledger, LedgerEntry


def entry(wamid: str, by: Literal["user", "business"] = "user", user: str = "u1") -> LedgerEntry:
    return LedgerEntry(wamid=wamid, user_id=user, phone_number_id="1", by=by, kind="text", content={"body": wamid})


def told(ledger: Ledger, *entries: LedgerEntry) -> None:
    for one in entries:
        ledger.record(one)
        ledger.show(one)


def test_a_full_conversation_forgets_its_oldest_message() -> None:
    ledger = Ledger(conversation_messages=2, total_messages=10)
    told(ledger, entry("a"), entry("b"), entry("c"))
    assert [one.wamid for one in ledger.after("u1", "1", 0)] == ["b", "c"]
    assert ledger.find("a") is None


def test_a_full_ledger_forgets_the_oldest_message_of_all() -> None:
    ledger = Ledger(conversation_messages=10, total_messages=2)
    told(ledger, entry("a"), entry("b", user="u2"), entry("c"))
    assert [one.wamid for one in ledger.after("u1", "1", 0)] == ["c"]
    assert [one.wamid for one in ledger.after("u2", "1", 0)] == ["b"]


def test_after_gives_what_was_shown_later_in_order() -> None:
    ledger = Ledger(conversation_messages=10, total_messages=10)
    first, second, third = entry("a"), entry("b"), entry("c")
    told(ledger, first, second, third)
    assert ledger.after("u1", "1", first.seq) == [second, third]
    assert ledger.after("u1", "1", third.seq) == []


async def test_a_wait_ends_with_the_businesss_message_not_with_the_users() -> None:
    ledger = Ledger(conversation_messages=10, total_messages=10)
    waiting = asyncio.create_task(ledger.wait_for_business("u1", "1", 0, 5))
    await asyncio.sleep(0)
    told(ledger, entry("a"))
    await asyncio.sleep(0)
    assert not waiting.done()
    told(ledger, entry("b", by="business"))
    await waiting
    assert ledger.conversation("u1", "1").waiters == set()


def names(queue: "asyncio.Queue[object]") -> list[str]:
    return [queue.get_nowait().name for _ in range(queue.qsize())]  # type: ignore[attr-defined]


def test_who_reconnects_in_time_misses_nothing_and_who_is_late_starts_anew() -> None:
    hub = EventHub(memory=2)
    for name in ("one", "two", "three"):
        hub.publish(name, {})
    with hub.watch(1) as queue:
        assert names(queue) == ["two", "three"]
    for stale in (0, 99):  # too long ago; the count of another process
        with hub.watch(stale) as queue:
            assert names(queue) == ["reset"]


def test_a_watcher_that_cannot_keep_up_is_told_to_start_anew() -> None:
    hub = EventHub(queue=2)
    with hub.watch(None) as queue:
        for name in ("one", "two", "three"):
            hub.publish(name, {})
        assert names(queue) == ["reset"]
