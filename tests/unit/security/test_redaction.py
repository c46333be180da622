"""Redaction: canaries never come through, useful words do, and no input takes long."""

import time
import uuid

import pytest

from security.redaction import pseudonym, redact, redact_fields, redactor, use_pseudonym_key

WAMID = "wamid.HBgLMzQ2MDAxMTEyMjIVAgASGBQzQTdCQ0Q5RkE1NkYxQjJDM0Q0RQA="
CANARIES = [
    "34600111222",
    "+34 600 111 222",
    "+34600111222",
    "(555) 123-4567",
    "600 111 222",
    "600.111.222",
    "%2B34600111222",
    WAMID,
    "EAAGm0PX4ZCpsBAKZCanaryCanary",
    "Bearer abcDEF123456789._-",
    "123456789012|canaryAppSecret99",
    "parley_0123456789abcdefghijABCDEFGHIJ0123456789abc",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl",
]


@pytest.mark.parametrize("canary", CANARIES)
@pytest.mark.parametrize(
    "line",
    ["{}", "sent to {}.", 'got {{"from":"{}"}}', "Key ('{}',) exists", "https://graph/x?to={}&y=1", "a\n{}\nb"],
)
def test_a_canary_does_not_come_through(line: str, canary: str) -> None:
    cleaned = redact(line.format(canary))
    assert canary not in cleaned
    assert "<" in cleaned


@pytest.mark.parametrize(
    "line",
    [
        '(sqlalchemy.exc.DBAPIError) bad\n[SQL: INSERT ...]\n[parameters: ("my canary words", 1)]\n(Background on)',
        "DETAIL:  Key (portfolio, phone)=(7, my canary words) already exists.",
        "DETAIL:  Failing row contains (1, my canary words).",
        "Input should be a valid string [type=string_type, input_value='my canary words', input_type=int]",
        "invalid input for query argument $3: 'my canary words' (a datetime is expected)",
        "invalid literal for int() with base 10: 'my canary words'",
        'invalid input syntax for type json: "my canary words"',
    ],
)
def test_quoted_input_of_databases_and_parsers_is_dropped(line: str) -> None:
    assert "canary" not in redact(line)
    assert redact(line)[:8] == line[:8]


@pytest.mark.parametrize(
    "line",
    [
        "postgresql+asyncpg://parley:canary-pw@db.local/parley",
        "GET /x?access_token=canary&z=1",
        "hub.verify_token=canary",
        '{"client_secret": "canary"}',
        "password = canary",
        "Authorization: Bearer canary",
    ],
)
def test_named_secrets_are_replaced(line: str) -> None:
    assert "canary" not in redact(line)


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-25 03:42:16,949 worker started",
        "2026-11-25T03:42:16.949377Z",
        "released on 2026-11-25",
        "listening on 127.0.0.1:8000",
        "connect to 10.100.200.30 failed",
        "turn 12345678-1234-1234-1234-123456789012 answered",
        f"turn {uuid.UUID(int=2**127 - 1)} answered",
        "took 0.123456789012 s of 1234.5",
        "3141592 rows in 12 ms",
        "GraphRefused: code 131047, 24 hours have passed",
        "version 2.60.0, port 30000-31000",
        "no token was presented",
        "sha 9f8a12345678e01b",
        'File "/opt/app/store/inbox.py", line 120, in receive',
    ],
)
def test_what_an_operator_needs_stays(line: str) -> None:
    assert redact(line) == line


def test_secrets_told_beforehand_are_replaced_wherever_they_stand() -> None:
    clean = redactor(["app secret/+", "app secret/+ longer", "abc"])
    assert clean("xapp secret/+ longer,app secret/+,abc") == "x<secret>,<secret>,abc"


def test_private_keys_are_dropped_and_figures_about_them_stay() -> None:
    fields = {
        "text": "my canary",
        "message_body": {"x": 1},
        "replyText": "my canary",
        "phone": 34600111222,
        "wamid": WAMID,
        "access_token": "x",
        "body_bytes": 712,
        "prompt_tokens": 12,
        "context": "kept",
        "phone_number_id": "106540352242922",
        "attempt": 2,
        "ok": True,
        "none": None,
    }
    assert redact_fields(fields) == {
        "body_bytes": 712,
        "prompt_tokens": 12,
        "context": "kept",
        "phone_number_id": "106540352242922",
        "attempt": 2,
        "ok": True,
        "none": None,
    }


def test_only_an_id_passes_as_the_id_of_a_number() -> None:
    assert redact_fields({"phone_number_id": "+34 600 111 222"}) == {}


def test_nested_and_odd_values_are_cleaned_too() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    fields = {
        "inner": {"text": "canary", "to": ["+34600111222", {"body": "canary"}]},
        "bytes": b"canary",
        "error": ValueError("call 34600111222"),
        "broken": Broken(),
        "call 34600111222": 1,
    }
    assert redact_fields(fields) == {
        "inner": {"to": ["<number>", {}]},
        "bytes": "<6 bytes>",
        "error": "call <number>",
        "broken": "<Broken: RuntimeError>",
        "call <number>": 1,
    }


def test_endless_nesting_and_long_lists_end() -> None:
    endless: dict[str, object] = {}
    endless["again"] = endless
    assert "<too deep>" in str(redact_fields(endless))
    assert len(redact_fields({"many": range(5), "list": list(range(10_000))})["list"]) == 100


@pytest.mark.parametrize(
    "piece",
    [
        *("1", "+", "a", " ", "(1", "1-", "1 ", "+1(", "12 34 ", "%2B1", "12345678-1234-", "2026-11-25 ", "\n", "é"),
        *("://", "://a:", "wamid.", "Bearer ", "token=", "eyJaaaaaaaa-", "EAA-", "parley_-", "123456|"),
        *("Key (", "COPY a", "input_value="),
    ],
)
def test_no_input_takes_long(piece: str) -> None:
    clean = redactor(["a-secret-of-the-app"])
    text = piece * (1_000_000 // len(piece))
    start = time.perf_counter()
    clean(text)
    assert time.perf_counter() - start < 0.5  # measured under 30 ms; a pattern that is not linear takes minutes


def test_a_long_text_keeps_both_ends_and_no_half_of_a_secret() -> None:
    text = "begin " + "x y " * 2_046 + WAMID + " z" * 50_000 + " the end"
    cleaned = redact(text)
    assert cleaned.startswith("begin ")
    assert cleaned.endswith(" the end")
    assert "wamid" not in cleaned


def test_a_pseudonym_is_the_same_wherever_the_key_is_the_same() -> None:
    use_pseudonym_key(b"k" * 32)
    first = pseudonym(WAMID)
    assert first == pseudonym(WAMID) != pseudonym(WAMID + "x")
    assert len(first) == 16
    use_pseudonym_key(b"l" * 32)
    assert pseudonym(WAMID) != first


def test_a_pseudonym_is_not_taken_for_a_secret() -> None:
    use_pseudonym_key(b"k" * 32)
    for number in range(3000):
        name = pseudonym(str(number))
        assert redact(f"message {name} kept") == f"message {name} kept"
