"""What is understood of `user_preferences` webhooks."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.message import Consent, Preference, Sender
from whatsapp.inbound import parse_updates
from whatsapp.preferences import read_preferences

STORY = Path(__file__).parents[2] / "fixtures" / "webhooks" / "user_preferences.json"
AT = datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)  # 1790000000

TOLD = {"wa_id": "15550100101", "category": "marketing_messages", "value": "stop", "timestamp": 1790000000}


def change(*told: Any) -> dict[str, Any]:
    return {"field": "user_preferences", "value": {"user_preferences": list(told)}}


def test_a_whole_webhook_says_who_chose_what_and_when() -> None:
    (update,) = parse_updates(json.loads(STORY.read_text())).others
    assert read_preferences(update.raw) == [
        Preference(who=Sender(phone="15550100101"), consent=Consent.OPTED_OUT, at=AT)
    ]


def test_a_user_without_a_number_is_known_by_the_user_id() -> None:
    told = {**TOLD, "value": "resume", "user_id": "US.1", "wa_id": None}
    assert read_preferences(change(told)) == [Preference(who=Sender(user_id="US.1"), consent=Consent.OPTED_IN, at=AT)]


@pytest.mark.parametrize(
    "told",
    [
        {**TOLD, "category": "something_else"},
        {**TOLD, "value": "maybe"},
        {**TOLD, "timestamp": "soon"},
        {**TOLD, "wa_id": ""},
        "not an object",
    ],
)
def test_what_is_not_understood_is_left_out(told: Any) -> None:
    assert read_preferences(change(told)) == []


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda kept: st.lists(kept)))
def test_no_value_makes_it_raise(value: Any) -> None:
    assert read_preferences({"value": value}) == []
    assert read_preferences(change(value)) == []
