"""Webhooks at their worst: copies, repeats, other orders, batches, unknown kinds, late and missing statuses."""

import json
from typing import Any

import pytest

from tests.unit.simulator.servers import NUMBER_ID, Business, Wire, eventually, number_fields, wire
from whatsapp.inbound import decode_body, parse_updates
from whatsapp.simulator.batching import Box, Style, Update, merge
from whatsapp.simulator.knobs import LoadPlan, WebhookFaults
from whatsapp.simulator.oddities import ODDITIES, odd_body
from whatsapp.simulator.roster import BusinessNumber, User

NUMBER = BusinessNumber(**number_fields("http://127.0.0.1/webhook"), portfolio_id="p")
USER = User(id="u1", name="Ana", phone="12015550100", username=None, country="US")


async def write(connected: Wire, *texts: str, user: str | None = None) -> str:
    writer = user or (await connected.control.add_user("Ana")).id
    for text in texts:
        await connected.control.send_text(writer, NUMBER_ID, text)
    return writer


def texts(business: Business) -> list[str]:
    return [message["text"]["body"] for message in business.messages if message["type"] == "text"]


async def test_copies_arrive_at_the_same_instant_and_are_accepted_once() -> None:
    async with wire() as connected:
        await connected.control.set_faults(webhook=WebhookFaults(duplicate_share=1.0, copies=5))
        await write(connected, "Hello")
        await connected.business.until(lambda: len(connected.business.messages) == 5)
        assert len(set(connected.business.bodies)) == 1
        progress = await connected.control.progress()
        assert (progress.accepted, progress.webhooks["delivered"], progress.webhooks["pending"]) == (1, 1, 0)


async def test_one_copy_that_is_taken_is_enough() -> None:
    async with wire(first_retry_s=30) as connected:
        connected.business.statuses = [503, 500, 200]
        await connected.control.set_faults(webhook=WebhookFaults(duplicate_share=1.0, copies=3))
        await write(connected, "Hello")
        await connected.business.until(lambda: len(connected.business.bodies) == 3)
        await eventually(lambda: connected.exchange.journal.accepted == 1)


async def test_what_was_acknowledged_comes_again_later() -> None:
    async with wire() as connected:
        await connected.control.set_faults(webhook=WebhookFaults(repeat_share=1.0, repeat_within_s=0.05))
        await write(connected, "Hello")
        await connected.business.until(lambda: len(connected.business.messages) == 2)
        assert connected.business.bodies[0] == connected.business.bodies[1]


async def test_a_failed_try_is_repeated_by_several_at_once_and_delays_are_scaled() -> None:
    async with wire(first_retry_s=10) as connected:
        connected.business.statuses = [500]
        await connected.control.set_faults(webhook=WebhookFaults(redelivery_copies=3, time_scale=0.001))
        await write(connected, "Hello")
        await connected.business.until(lambda: len(connected.business.messages) == 3)


async def test_silence_is_a_failed_try() -> None:
    async with wire() as connected:
        await connected.control.set_faults(webhook=WebhookFaults(timeout_s=0.000_001, time_scale=0.001))
        await write(connected, "Hello")
        await eventually(lambda: connected.exchange.postman.counts["failed_tries"] >= 2)
        await connected.control.set_faults()
        await eventually(lambda: connected.exchange.journal.accepted == 1)


async def test_some_are_overtaken_by_those_behind_them() -> None:
    async with wire() as connected:
        faults = WebhookFaults(reorder_share=0.5, reorder_within_s=0.3)
        await connected.control.set_faults(webhook=faults, seed=4)
        sent = [str(n) for n in range(12)]
        await write(connected, *sent)
        await connected.business.until(lambda: len(connected.business.messages) == 12)
        assert texts(connected.business) != sent
        assert sorted(texts(connected.business), key=int) == sent


async def test_out_of_order_a_refused_one_holds_nobody_back() -> None:
    async with wire(first_retry_s=30) as connected:
        await connected.control.set_faults(webhook=WebhookFaults(in_order=False))
        connected.business.judge = lambda value: 503 if "bad" in str(value) else 200
        await write(connected, "bad", "good")
        await connected.business.until(lambda: texts(connected.business) == ["good"])


async def test_statuses_go_missing_or_come_late() -> None:
    async with wire(delivered_after_s=0.0) as connected:
        user = await write(connected, "Hello")
        phone = (await connected.control.users())[0].phone
        await connected.business.until(lambda: connected.business.messages)
        await connected.control.set_faults(webhook=WebhookFaults(status_missing_share=1.0))
        missing = (await connected.send(to=f"+{phone}", text={"body": "a"})).json()["messages"][0]["id"]
        await connected.control.wait_for_reply(user, NUMBER_ID, connected.business.messages[0]["id"], 5)
        await connected.control.set_faults(webhook=WebhookFaults(status_late_share=1.0, status_late_s=0.1))
        late = (await connected.send(to=f"+{phone}", text={"body": "b"})).json()["messages"][0]["id"]
        await connected.business.until(lambda: "delivered" in connected.business.steps(late))
        assert connected.business.steps(missing) == []
        told = {row["wamid"]: row["status_taken_at"] async for row in connected.control.ledger("told")}
        assert told[missing] is None
        assert told[late] is not None


def updates(count: int) -> list[dict[str, Any]]:
    """Three in a row: two messages, one status of one number."""
    kinds = [{"messages": [{"id": f"m{n}"}], "contacts": [{"user_id": str(n)}]} for n in range(count - 1)]
    values: list[dict[str, Any]] = [*kinds, {"statuses": [{"id": "s"}]}]
    return [
        {"object": "o", "entry": [{"id": "w", "changes": [{"field": "messages", "value": {"metadata": {}, **value}}]}]}
        for value in values
    ]


@pytest.mark.parametrize(
    ("style", "entries", "changes", "messages"), [("entries", 3, 1, 1), ("changes", 1, 3, 1), ("values", 1, 1, 2)]
)
def test_a_batch_uses_each_of_metas_arrays(style: str, entries: int, changes: int, messages: int) -> None:
    bodies = updates(3)
    merged = merge(bodies, Style(style))
    assert len(merged["entry"]) == entries
    assert len(merged["entry"][0]["changes"]) == changes
    assert len(merged["entry"][0]["changes"][0]["value"]["messages"]) == messages
    assert bodies == updates(3)  # those that went in stay as they were


def test_a_box_closes_before_it_breaks_a_limit() -> None:
    box = Box()
    assert box.has_room(10_000, most_updates=2, most_bytes=5_000)  # alone it must travel all the same
    box.add(Update(body={}), 3_000)
    assert not box.has_room(2_001, most_updates=2, most_bytes=5_000)
    assert box.has_room(2_000, most_updates=2, most_bytes=5_000)
    box.add(Update(body={}), 2_000)
    assert not box.has_room(1, most_updates=2, most_bytes=5_000)


async def test_a_thousand_updates_travel_in_one_post_of_near_three_megabytes() -> None:
    async with wire() as connected:
        await connected.control.set_faults(webhook=WebhookFaults(batch_updates=1000, batch_wait_s=10), seed=2)
        plan = LoadPlan(messages=1000, rate_per_s=10_000, new_users=50, text_chars=2_400)
        load = await connected.control.start_load(plan)
        await connected.control.wait_for_load(load.id, 20)
        await connected.business.until(lambda: connected.business.bodies)
        [body] = connected.business.bodies
        parsed = parse_updates(decode_body(body)).messages
        assert 2_600_000 < len(body) < 3_000_000
        assert len({message.wamid for message in parsed}) == 1000
        await eventually(lambda: connected.exchange.journal.accepted == 1000)


async def test_a_batch_that_does_not_fill_leaves_in_time() -> None:
    async with wire() as connected:
        await connected.control.set_faults(webhook=WebhookFaults(batch_updates=1000, batch_wait_s=0.05))
        await write(connected, "one", "two")
        await eventually(lambda: connected.exchange.journal.accepted == 2)


@pytest.mark.parametrize("which", range(ODDITIES))
def test_what_meta_never_documented_keeps_its_envelope(which: int) -> None:
    body = odd_body(which, NUMBER, USER, 1_700_000_000.0)
    assert body["object"] == "whatsapp_business_account"
    assert body["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] == NUMBER_ID
    parse_updates(decode_body(json.dumps(body).encode()))  # ours reads it without a complaint


async def test_unknown_kinds_come_beside_messages() -> None:
    async with wire() as connected:
        await connected.control.set_faults(webhook=WebhookFaults(unknown_share=1.0))
        await write(connected, "one", "two")
        await connected.business.until(lambda: len(connected.business.bodies) == 4)
        assert [row["token"] async for row in connected.control.ledger("written")] == [None, None]


async def test_any_update_can_be_sent() -> None:
    async with wire() as connected:
        await connected.control.send_update(NUMBER_ID, "account_update", {"event": "DISABLED_UPDATE"})
        await connected.business.until(lambda: connected.business.updates)
        assert connected.business.updates[0]["event"] == "DISABLED_UPDATE"


async def test_who_changes_their_number_is_announced_and_known_by_new_ids() -> None:
    async with wire() as connected:
        user = await write(connected, "Hello")
        moved = await connected.control.move(user)
        await write(connected, "It is me", user=user)
        await connected.business.until(lambda: len(connected.business.messages) == 3)
        before, system, after = connected.business.messages
        assert system["from"] == before["from"] != after["from"] == moved.phone
        assert system["system"] == {
            "type": "user_changed_number",
            "body": "Ana changed their number",
            "wa_id": moved.phone,
            "user_id": after["from_user_id"],
            "previous_user_id": before["from_user_id"],
        }
        old = (await connected.send(recipient=before["from_user_id"], text={"body": "Hi"})).json()["messages"][0]["id"]
        await connected.business.until(lambda: connected.business.steps(old) == ["failed"])
        new = (await connected.send(to=f"+{moved.phone}", text={"body": "Hi"})).json()["messages"][0]["id"]
        await connected.business.until(lambda: "delivered" in connected.business.steps(new))
        hidden = await connected.control.move(user, with_phone=False)
        assert hidden.phone is None
        await connected.business.until(lambda: connected.business.messages[-1]["type"] == "system")
        assert connected.business.messages[-1]["system"]["type"] == "user_changed_user_id"
