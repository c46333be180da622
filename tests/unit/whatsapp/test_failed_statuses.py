"""What a `failed` status of Meta's asks for, read from its code."""

from typing import Any

import pytest

from models.message import DeliveryStatus
from whatsapp.inbound import parse_updates


def failed(code: int | None) -> DeliveryStatus:
    status: dict[str, Any] = {"id": "wamid.x", "status": "failed", "timestamp": "1790000000"}
    if code is not None:
        status["errors"] = [{"code": code, "title": "why"}]
    value = {"metadata": {"phone_number_id": "n"}, "statuses": [status]}
    (told,) = parse_updates({"entry": [{"changes": [{"field": "messages", "value": value}]}]}).statuses
    return told


@pytest.mark.parametrize(
    ("code", "may_resend", "opts_out", "asks_person"),
    [
        (131000, True, False, False),
        (130429, True, False, False),
        (131050, False, True, False),
        (131047, False, False, True),
        (137000, False, False, True),
        (131026, False, False, False),
        (190, False, False, False),
        (None, False, False, False),
    ],
)
def test_a_code_says_what_to_do(code: int | None, may_resend: bool, opts_out: bool, asks_person: bool) -> None:
    told = failed(code)
    assert (told.may_resend, told.opts_out, told.asks_person) == (may_resend, opts_out, asks_person)
