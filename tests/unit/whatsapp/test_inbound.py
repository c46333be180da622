"""Facts about taking a webhook body apart: first a table of all stories, then what each of them is for."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import BadPayload
from models.message import InboundMessage, Media, MessageKind, Sender
from security.keyring import Keyring
from store.codec import INBOUND, seal_json
from tests.unit.whatsapp.stories import ANA, ANA_ID, NUMBER, all_stories, story
from whatsapp.inbound import decode_body, parse_updates, phone_number_ids

NO_TIME = "message without a readable timestamp"

# story -> messages as (kind, text), states of statuses, fields of others, reasons of what is rejected
Row = tuple[list[tuple[str, str | None]], list[str], list[str], list[str]]
STORIES: dict[str, Row] = {
    "hello": ([("text", "Hello, when do you open on Sunday?")], [], [], []),
    "duplicate": ([("text", "Hello?"), ("text", "Hello?")], [], [], []),
    "accents_and_emoji": ([("text", "¿Abrís mañana? 😀 ¡Gracias!")], [], [], []),
    "nul_in_text": ([("text", "before\0after"), ("text", "a good neighbour")], [], [], []),
    "two_users_in_one_change": ([("text", "I am Ben"), ("text", "I am Ana")], [], [], []),
    "batch_of_entries": ([("text", "one"), ("text", "two"), ("text", "three")], ["delivered"], [], []),
    "messages_and_statuses_together": ([("text", "Thanks")], ["read"], [], []),
    "milliseconds": ([("text", "What time is it?")], [], [], []),
    "timestamp_as_number": ([("text", "A number for a text")], [], [], []),
    "timestamp_garbage": ([("text", "A good neighbour")], [], [], [NO_TIME]),
    "timestamp_missing": ([("text", "A good neighbour")], [], [], [NO_TIME]),
    "no_sender": ([("text", "A good neighbour")], [], [], ["message without sender"]),
    "no_message_id": ([], [], [], ["message without id"]),
    "no_metadata": ([("text", "A good neighbour")], [], [], ["metadata without phone_number_id"]),
    "entry_as_object": ([], [], [], ["entry is not a list"]),
    "empty_entry": ([], [], [], ["entry is empty"]),
    "empty_changes": ([], [], [], ["changes is empty"]),
    "empty_messages": ([], [], [], ["neither messages nor statuses nor errors"]),
    "messages_as_object": ([], ["sent"], [], ["messages is not a list"]),
    "message_as_text": ([("text", "A good neighbour")], [], [], ["item of messages is not an object"]),
    "another_product": ([], [], [], ["body is not of WhatsApp"]),
    "field_beside_entry": ([("text", "Hello")], [], [], []),
    "phone_and_user_id": ([("text", "Both of me")], [], [], []),
    "user_id_only": ([("text", "I have a username")], [], [], []),
    "user_id_in_from": ([("text", "My id stands where the number was")], [], [], []),
    "contact_completes_sender": ([("text", "Only my number here")], [], [], []),
    "image_with_caption": ([("image", "Is this the right part?")], [], [], []),
    "voice_note": ([("audio", None)], [], [], []),
    "voice_note_legacy": ([("audio", None)], [], [], []),
    "video": ([("video", None)], [], [], []),
    "document": ([("document", "My order")], [], [], []),
    "sticker": ([("sticker", None)], [], [], []),
    "location": ([("location", "Plaza, Main street 1"), ("location", "41.3874, 2.1686")], [], [], []),
    "contact_card": ([("contacts", "Ben Miller")], [], [], []),
    "button_reply": ([("interactive", "Delivery")], [], [], []),
    "list_reply": ([("interactive", "Size 42")], [], [], []),
    "flow_reply": ([("interactive", "Sent")], [], [], []),
    "flow_reply_broken_json": ([("interactive", None)], [], [], []),
    "interactive_without_object": ([("interactive", None)], [], [], []),
    "template_button": ([("button", "Stop promotions")], [], [], []),
    "reaction": ([("reaction", "👍")], [], [], []),
    "reaction_removed": ([("reaction", None)], [], [], []),
    "order": ([("order", "Please wrap it\n2 x lamp-1")], [], [], []),
    "reply_to_ours": ([("text", "This one")], [], [], []),
    "forwarded": ([("text", "Look at this")], [], [], []),
    "from_an_ad": ([("text", "Is it still on sale?")], [], [], []),
    "edit": ([("edit", "Do you open on Sunday?")], [], [], []),
    "revoke": ([("revoke", None)], [], [], []),
    "system_changed_number": ([("system", "User Ana changed from 15550100101 to 15550100199")], [], [], []),
    "system_changed_user_id": ([("system", "User Ana changed their user id")], [], [], []),
    "unsupported": ([("unsupported", None)], [], [], []),
    "kind_of_tomorrow": ([("unknown", None), ("unknown", None)], [], [], []),
    "group_message": ([], [], ["messages"], []),
    "status_sent": ([], ["sent"], [], []),
    "status_delivered": ([], ["delivered"], [], []),
    "status_read": ([], ["read"], [], []),
    "status_played": ([], ["played"], [], []),
    "status_failed": ([], ["failed"], [], []),
    "status_user_id_only": ([], ["delivered"], [], []),
    "status_of_tomorrow": ([], ["sent"], ["messages"], []),
    "status_broken": (
        [],
        ["sent"],
        [],
        ["status without id", "status without a readable timestamp", "item of statuses is not an object"],
    ),
    "account_errors": ([], [], ["errors"], []),
    "user_preferences": ([], [], ["user_preferences"], []),
    "account_update": ([], [], ["account_update"], []),
    "template_status": ([], [], ["message_template_status_update"], []),
    "standby": ([], [], ["standby"], []),
    "message_echoes": ([], [], ["smb_message_echoes"], []),
    "field_of_tomorrow": ([], [], ["hologram_calls"], []),
}


@pytest.mark.parametrize("name", STORIES)
def test_a_story_gives_these_updates(name: str) -> None:
    updates = parse_updates(story(name))
    messages, states, fields, reasons = STORIES[name]
    assert [(message.kind.value, message.text) for message in updates.messages] == messages
    assert [status.state.value for status in updates.statuses] == states
    assert [other.field for other in updates.others] == fields
    assert [rejected.reason for rejected in updates.rejected] == reasons


def test_every_story_is_in_the_table() -> None:
    assert all_stories() == sorted(STORIES)


def only_message(name: str) -> InboundMessage:
    (message,) = parse_updates(story(name)).messages
    return message


def test_a_message_keeps_its_number_id_time_and_raw_object() -> None:
    message = only_message("hello")
    assert (message.phone_number_id, message.wamid) == (NUMBER, "wamid.hello-1")
    assert message.sent_at == datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)  # 1790000000
    assert message.raw == story("hello")["entry"][0]["changes"][0]["value"]["messages"][0]


def test_milliseconds_are_taken_for_what_they_are() -> None:
    assert only_message("milliseconds").sent_at == datetime(2026, 9, 21, 14, 13, 20, 123000, tzinfo=UTC)


@pytest.mark.parametrize(
    "timestamp", ["0", "-1", "1230767999", "4102444800", 1e300, True, [], {}, "1e9", "\u0661" * 10, "9" * 40]
)
def test_a_time_outside_of_2009_to_2100_is_no_time(timestamp: object) -> None:
    body = story("hello")
    body["entry"][0]["changes"][0]["value"]["messages"][0]["timestamp"] = timestamp
    assert [rejected.reason for rejected in parse_updates(body).rejected] == [NO_TIME]


def test_each_message_of_a_batch_keeps_the_number_it_was_sent_to() -> None:
    numbers = [message.phone_number_id for message in parse_updates(story("batch_of_entries")).messages]
    assert numbers == [NUMBER, NUMBER, "700000000000002"]


def test_contacts_are_joined_by_id_not_by_place() -> None:
    messages = parse_updates(story("two_users_in_one_change")).messages
    assert [message.sender.name for message in messages] == ["Ben", "Ana"]


@pytest.mark.parametrize(
    ("name", "sender"),
    [
        ("hello", Sender(phone=ANA, name="Ana")),
        (
            "phone_and_user_id",
            Sender(phone=ANA, user_id=ANA_ID, parent_user_id="US.ENT.9101", name="Ana", username="@ana.shop"),
        ),
        ("user_id_only", Sender(user_id=ANA_ID, name="Ana", username="ana.shop")),
        ("user_id_in_from", Sender(user_id=ANA_ID, name="Ana")),
        ("contact_completes_sender", Sender(phone=ANA, user_id=ANA_ID, name="Ana")),
        ("system_changed_number", Sender(phone=ANA, user_id=ANA_ID)),
        ("system_changed_user_id", Sender(user_id=ANA_ID)),
    ],
)
def test_a_sender_is_known_by_phone_user_id_or_both(name: str, sender: Sender) -> None:
    assert only_message(name).sender == sender


@pytest.mark.parametrize("told", ["+1 (555) 010-0101", 15550100101])
def test_a_phone_is_read_whatever_its_ornaments(told: object) -> None:
    body = story("hello")
    body["entry"][0]["changes"][0]["value"]["messages"][0]["from"] = told
    (message,) = parse_updates(body).messages
    assert message.sender.phone == ANA


@pytest.mark.parametrize("told", ["", "somebody", "x" * 200, None, 7.5, ["15550100101"], {"a": 1}])
def test_what_is_neither_phone_nor_user_id_is_no_sender(told: object) -> None:
    body = story("hello")
    body["entry"][0]["changes"][0]["value"]["messages"][0]["from"] = told
    updates = parse_updates(body)
    assert updates.messages == ()
    assert [(rejected.reason, rejected.phone_number_id) for rejected in updates.rejected] == [
        ("message without sender", NUMBER)
    ]


def test_a_file_comes_with_its_reference() -> None:
    assert only_message("document").media == Media(
        id="900000000000005",
        mime_type="application/pdf",
        sha256="3q2+7w==",
        caption="My order",
        filename="order 1234.pdf",
    )


@pytest.mark.parametrize("name", ["voice_note", "voice_note_legacy"])
def test_a_voice_note_is_known_as_one(name: str) -> None:
    media = only_message(name).media
    assert media is not None
    assert media.is_voice


@pytest.mark.parametrize(
    ("name", "choice_id", "reply_to"),
    [
        ("button_reply", "deliver", "wamid.question-1"),
        ("list_reply", "shoes-42", "wamid.question-2"),
        ("template_button", "STOP", None),
        ("reaction", None, "wamid.answer-1"),
        ("reaction_removed", None, "wamid.answer-1"),
        ("reply_to_ours", None, "wamid.answer-2"),
        ("forwarded", None, None),
        ("edit", None, "wamid.typo-1"),
        ("revoke", None, "wamid.regret-1"),
    ],
)
def test_a_message_names_what_was_chosen_and_what_it_refers_to(
    name: str, choice_id: str | None, reply_to: str | None
) -> None:
    message = only_message(name)
    assert (message.choice_id, message.reply_to) == (choice_id, reply_to)


def test_a_status_carries_our_attempt_and_metas_error() -> None:
    (status,) = parse_updates(story("status_failed")).statuses
    assert (status.attempt_id, status.error_code, status.error_title) == ("attempt-3", 131047, "Re-engagement message")


def test_a_management_update_keeps_the_account_that_only_its_entry_names() -> None:
    (other,) = parse_updates(story("account_update")).others
    assert other.phone_number_id is None
    assert (other.raw["entry_id"], other.raw["time"]) == ("800000000000001", 1790000000)
    assert other.raw["value"]["event"] == "ACCOUNT_RESTRICTION"


def test_a_rejected_part_keeps_what_came() -> None:
    (rejected,) = parse_updates(story("no_sender")).rejected
    assert rejected.raw["id"] == "wamid.nobody-1"


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("batch_of_entries", {NUMBER, "700000000000002"}),
        ("standby", {NUMBER}),
        ("no_metadata", {NUMBER}),
        ("account_update", set()),
        ("entry_as_object", set()),
    ],
)
def test_the_numbers_of_a_body_are_listed_for_whoever_checks_its_signature(name: str, numbers: set[str]) -> None:
    assert phone_number_ids(story(name)) == numbers


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(JSON)
def test_no_json_value_makes_it_raise(payload: Any) -> None:
    updates = parse_updates(payload)
    assert updates.messages == ()
    assert phone_number_ids(payload) == frozenset()


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] + [place for key, child in children for place in places(child, (*path, key))]


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_story_broken_anywhere_never_raises_nor_hides_a_number(data: st.DataObject) -> None:
    broken = {"body": story(data.draw(st.sampled_from(all_stories())))}
    path = data.draw(st.sampled_from(places(broken)[1:]))
    parent: Any = broken
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = data.draw(JSON)

    updates = parse_updates(broken["body"])

    spoken_of = {update.phone_number_id for update in (*updates.messages, *updates.statuses)}
    assert spoken_of <= phone_number_ids(broken["body"])
    for message in updates.messages:
        assert message.sender.phone or message.sender.user_id
        assert message.sent_at.tzinfo is UTC
        assert isinstance(message.kind, MessageKind)


def test_a_thousand_updates_in_one_post_are_all_read() -> None:
    body = story("hello")
    value = body["entry"][0]["changes"][0]["value"]
    value["messages"] = [value["messages"][0] | {"id": f"wamid.{n}"} for n in range(1000)]
    assert [message.wamid for message in parse_updates(body).messages] == [f"wamid.{n}" for n in range(1000)]


@pytest.mark.parametrize(
    ("name", "moved_to"),
    [
        ("system_changed_number", Sender(phone="15550100199", user_id="US.1000000000000000199")),
        ("system_changed_user_id", Sender(user_id="US.1000000000000000199")),
        ("hello", None),
    ],
)
def test_a_change_of_number_tells_who_the_user_is_now(name: str, moved_to: Sender | None) -> None:
    (message,) = parse_updates(story(name)).messages
    assert message.moved_to == moved_to


def test_a_new_identity_key_is_no_change_of_number() -> None:
    payload = story("system_changed_number")
    payload["entry"][0]["changes"][0]["value"]["messages"][0]["system"]["type"] = "customer_identity_changed"
    (message,) = parse_updates(payload).messages
    assert message.moved_to is None


@pytest.mark.parametrize("deep", [b"[" * 250 + b"]" * 250, b'{"a":' * 1000 + b"1" + b"}" * 1000])
@pytest.mark.parametrize("place", ["messages", "statuses", "errors", "a field of the message"])
def test_what_is_nested_without_end_can_be_kept_and_its_neighbours_with_it(deep: bytes, place: str) -> None:
    payload = story("batch_of_entries")
    value = payload["entry"][0]["changes"][0]["value"]
    target, key = (value["messages"][0], "odd") if place == "a field of the message" else (value, place)
    expected = len(parse_updates(payload).messages) - (len(value["messages"]) if place == "messages" else 0)
    target[key] = "HERE" if key == "odd" else ["HERE"]
    updates = parse_updates(decode_body(orjson.dumps(payload).replace(b'"HERE"', deep)))
    keyring = Keyring({"test": b"k" * 32})
    messages = [INBOUND.open(keyring, INBOUND.seal(keyring, message)) for message in updates.messages]
    for kept in (*updates.others, *updates.rejected):
        seal_json(keyring, kept.raw, "x")
    assert len(messages) == expected


def test_plain_json_is_decoded() -> None:
    assert decode_body(json.dumps(story("accents_and_emoji")).encode()) == story("accents_and_emoji")


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"name":"cut \\ud83d"}', {"name": "cut \ufffd"}),  # half an emoji
        (b'{"name":"\\ud83d\\ude00 \\ud83d"}', {"name": "\U0001f600 \ufffd"}),
        (b'{"name":"\xff"}', {"name": "\ufffd"}),
        (b"\xef\xbb\xbf{}", {}),
        (b'{"name":"\\u0000"}', {"name": "\0"}),
    ],
)
def test_what_no_store_could_keep_is_mended(body: bytes, value: object) -> None:
    decoded = decode_body(body)
    assert decoded == value
    orjson.dumps(decoded)


@pytest.mark.parametrize(
    "body", [b"", b"hello", b"{", b'{"a":NaN}', b'{"a":1e999}', b"[" * 100_000, b"1" * 5000, b"{}{}"]
)
def test_what_is_no_json_is_a_bad_payload(body: bytes) -> None:
    with pytest.raises(BadPayload):
        decode_body(body)


@settings(deadline=None)
@given(st.binary())
def test_no_bytes_make_decoding_raise_anything_else(body: bytes) -> None:
    with suppress(BadPayload):
        orjson.dumps(decode_body(body))
