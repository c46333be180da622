"""Webhooks as Meta sends them: signed bytes, retries, order, verification."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from tests.unit.simulator.servers import NUMBER_ID, Business, number_fields, serving, wire
from whatsapp.simulator.client import SimulatorRefused
from whatsapp.simulator.options import SimulatorOptions
from whatsapp.simulator.postman import Postman, _Letter
from whatsapp.simulator.webhook_bodies import encode_body, sign_body


def test_non_ascii_is_escaped_in_lower_case_and_slashes_are_escaped() -> None:
    body = encode_body({"text": "Zoë 🚚", "mime_type": "image/png"})
    assert body == rb'{"text":"Zo\u00eb \ud83d\ude9a","mime_type":"image\/png"}'
    assert json.loads(body) == {"text": "Zoë 🚚", "mime_type": "image/png"}


def test_the_signature_is_hmac_sha256_over_the_bytes() -> None:
    assert sign_body("secret", b"abc") == "sha256=" + hmac.new(b"secret", b"abc", hashlib.sha256).hexdigest()


async def test_a_webhook_is_sent_again_until_it_is_answered_with_200() -> None:
    async with wire(first_retry_s=0.02) as connected:
        connected.business.statuses = [503, 204, 500]
        user = await connected.control.add_user("Ana")
        await connected.control.send_text(user.id, NUMBER_ID, "Zoë?")
        await connected.business.until(lambda: connected.business.messages)
        assert len(connected.business.bodies) == 4
        assert len(set(connected.business.bodies)) == 1  # the same bytes each time
        assert connected.business.bad_signatures == 0


def test_the_delay_doubles_from_one_second_up_to_its_cap() -> None:
    postman = Postman(SimulatorOptions())
    for tries, least in ((1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (60, 30)):
        letter = _Letter("1", b"", None, 0.0, tries)
        assert least <= postman._pause_s(letter) <= least * 1.2


async def test_while_the_service_is_away_one_users_order_is_kept() -> None:
    async with wire(first_retry_s=0.02, longest_retry_s=0.02) as connected:
        connected.business.statuses = [503] * 6
        user = await connected.control.add_user("Ana")
        for text in ("one", "two", "three"):
            await connected.control.send_text(user.id, NUMBER_ID, text)
        await connected.business.until(lambda: len(connected.business.messages) == 3)
        assert [m["text"]["body"] for m in connected.business.messages] == ["one", "two", "three"]


async def test_a_refused_webhook_lets_those_behind_it_pass() -> None:
    async with wire(first_retry_s=0.01, longest_retry_s=0.05) as connected:
        is_refusing = [True]

        def judge(value: dict[str, Any]) -> int:
            texts = [message["text"]["body"] for message in value.get("messages", [])]
            return 500 if "bad" in texts and is_refusing[0] else 200

        connected.business.judge = judge
        user = await connected.control.add_user("Ana")
        for text in ("bad", "good"):
            await connected.control.send_text(user.id, NUMBER_ID, text)
        await connected.business.until(lambda: len(connected.business.messages) == 1)
        is_refusing[0] = False
        await connected.business.until(lambda: len(connected.business.messages) == 2)
        assert [m["text"]["body"] for m in connected.business.messages] == ["good", "bad"]


async def test_what_waits_is_bounded_and_what_is_dropped_is_counted() -> None:
    async with wire(webhook_pending=2, first_retry_s=30) as connected:
        connected.business.statuses = [503] * 100
        user = await connected.control.add_user("Ana")
        for _ in range(5):
            await connected.control.send_text(user.id, NUMBER_ID, "Hello")
        counts = (await connected.control.health())["webhooks"]
        assert (counts["pending"], counts["dropped"]) == (2, 3)


async def test_what_waits_goes_to_the_callback_that_is_registered_last() -> None:
    async with wire(first_retry_s=0.05, longest_retry_s=0.05) as connected:
        connected.business.judge = lambda value: 503
        user = await connected.control.add_user("Ana")
        await connected.control.send_text(user.id, NUMBER_ID, "Hello")
        moved = Business()
        async with serving(moved.app()) as (url,):
            await connected.control.add_number(**number_fields(f"{url}/webhook"))
            await moved.until(lambda: moved.messages)


@pytest.mark.parametrize(
    ("path", "verify_token", "reason"),
    [
        ("/webhook", "another token", "HTTP 403"),
        ("/nowhere", "verify-me", "HTTP 404"),
    ],
)
async def test_a_number_whose_callback_does_not_verify_is_not_added(path: str, verify_token: str, reason: str) -> None:
    async with wire() as connected:
        callback = connected.callback_url.replace("/webhook", path)
        fields = number_fields(callback) | {"phone_number_id": "2", "verify_token": verify_token}
        with pytest.raises(SimulatorRefused, match=reason):
            await connected.control.add_number(**fields)
        assert [number["phone_number_id"] for number in await connected.control.numbers()] == [NUMBER_ID]


@pytest.mark.parametrize("callback", ["http://127.0.0.1:9/webhook", "no address", "ftp://127.0.0.1/"])
async def test_a_callback_that_cannot_be_reached_is_told_to_who_adds_it(callback: str) -> None:
    async with wire() as connected:
        with pytest.raises(SimulatorRefused, match="could not be reached"):
            await connected.control.add_number(**number_fields(callback) | {"phone_number_id": "2"})


async def test_every_kind_that_users_send_has_metas_shape() -> None:
    kinds: dict[str, Any] = {
        "location": {"latitude": 40.4, "longitude": -3.7, "name": "Sol"},
        "contacts": [{"name": {"formatted_name": "Ben"}, "phones": [{"phone": "+1 201 555 0142", "type": "CELL"}]}],
        "reaction": {"message_id": "wamid.x", "emoji": "👍"},
        "order": {"catalog_id": "1", "product_items": []},
        "system": {"type": "user_changed_number", "body": "Ana changed", "wa_id": "12015550143"},
        "unsupported": {"type": "poll"},
    }
    async with wire() as connected:
        user = await connected.control.add_user("Ana")
        for kind, content in kinds.items():
            await connected.control.send(user.id, NUMBER_ID, kind, content)
        await connected.business.until(lambda: len(connected.business.messages) == len(kinds))
        for message, (kind, content) in zip(connected.business.messages, kinds.items(), strict=True):
            assert message["type"] == kind
            assert message[kind] == content
            assert message["timestamp"].isdigit()
        assert connected.business.messages[-1]["errors"][0]["code"] == 131051
        assert [("contacts" in value) for value in connected.business.updates] == [True, True, True, True, False, True]
