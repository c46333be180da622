"""Facts about our messages in Meta's JSON, and Graph's answers in our words."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import BadPayload, GraphRefused
from models.message import Choice, OutboundKind, OutboundMessage, Recipient
from whatsapp.payloads import (
    BAD_PARAMETER,
    MISSING_PARAMETER,
    NO_CODE,
    parse_graph_error,
    parse_send_response,
    read_receipt,
    to_graph,
)
from whatsapp.simulator.outbound_rules import check_outbound

ANA = Recipient(phone="15550100101", user_id="US.1000000000000000101")
YES, NO = Choice(id="yes", title="Yes"), Choice(id="no", title="No")
BUTTONS = OutboundMessage(kind=OutboundKind.BUTTONS, body="Shall I?", choices=(YES, NO))
LIST = OutboundMessage(kind=OutboundKind.LIST, body="Which one?", list_label="Sizes", choices=(YES, NO))
LINK = OutboundMessage(kind=OutboundKind.LINK, body="Look", url="https://shop.example/", choices=(YES,))
IMAGE = OutboundMessage(kind=OutboundKind.MEDIA, media_type="image", media_id="9", body="The part")
TEMPLATE = OutboundMessage(kind=OutboundKind.TEMPLATE, template={"name": "sent", "language": {"code": "en"}})
REACTION = OutboundMessage(kind=OutboundKind.REACTION, reply_to="wamid.1", body="👍")


def sent(message: OutboundMessage) -> dict[str, Any]:
    """What stands in the body beside what every message has."""
    body = to_graph(message, ANA, "attempt-1")
    for common in ("messaging_product", "recipient_type", "to", "biz_opaque_callback_data"):
        del body[common]
    return body


def test_a_text_is_sent_whole_with_its_attempt() -> None:
    assert to_graph(OutboundMessage(body="We open at nine.", reply_to="wamid.1"), ANA, "attempt-1") == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "+15550100101",
        "type": "text",
        "text": {"preview_url": False, "body": "We open at nine."},
        "context": {"message_id": "wamid.1"},
        "biz_opaque_callback_data": "attempt-1",
    }


def test_a_user_without_a_phone_is_reached_by_user_id() -> None:
    body = to_graph(OutboundMessage(body="Hello"), Recipient(user_id=ANA.user_id), "attempt-1")
    assert body["recipient"] == ANA.user_id
    assert "to" not in body


def test_buttons_take_metas_shape() -> None:
    message = replace(BUTTONS, header="Delivery", footer="Until Friday")
    assert sent(message) == {
        "type": "interactive",
        "interactive": {
            "type": "button",
            "header": {"type": "text", "text": "Delivery"},
            "body": {"text": "Shall I?"},
            "footer": {"text": "Until Friday"},
            "action": {
                "buttons": [
                    {"type": "reply", "reply": {"id": "yes", "title": "Yes"}},
                    {"type": "reply", "reply": {"id": "no", "title": "No"}},
                ]
            },
        },
    }


def test_a_list_takes_metas_shape() -> None:
    message = replace(LIST, choices=(replace(YES, description="In stock"), NO))
    rows = [{"id": "yes", "title": "Yes", "description": "In stock"}, {"id": "no", "title": "No"}]
    action = {"button": "Sizes", "sections": [{"rows": rows}]}
    assert sent(message)["interactive"] == {"type": "list", "body": {"text": "Which one?"}, "action": action}


def test_a_link_takes_metas_shape() -> None:
    parameters = {"display_text": "Yes", "url": "https://shop.example/"}
    action = {"name": "cta_url", "parameters": parameters}
    assert sent(LINK)["interactive"] == {"type": "cta_url", "body": {"text": "Look"}, "action": action}


@pytest.mark.parametrize(
    ("message", "body"),
    [
        (IMAGE, {"type": "image", "image": {"id": "9", "caption": "The part"}}),
        (
            replace(IMAGE, media_type="audio", body="", is_voice=True),
            {"type": "audio", "audio": {"id": "9", "voice": True}},
        ),
        (
            replace(IMAGE, media_type="document", media_id=None, url="https://shop.example/a.pdf", filename="a.pdf"),
            {
                "type": "document",
                "document": {"link": "https://shop.example/a.pdf", "caption": "The part", "filename": "a.pdf"},
            },
        ),
        (TEMPLATE, {"type": "template", "template": {"name": "sent", "language": {"code": "en"}}}),
        (REACTION, {"type": "reaction", "reaction": {"message_id": "wamid.1", "emoji": "👍"}}),
        (replace(REACTION, body=""), {"type": "reaction", "reaction": {"message_id": "wamid.1", "emoji": ""}}),
    ],
)
def test_other_kinds_take_metas_shape(message: OutboundMessage, body: dict[str, Any]) -> None:
    assert sent(message) == body


def choices(count: int) -> tuple[Choice, ...]:
    return tuple(Choice(id=str(number), title=str(number)) for number in range(count))


@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        (OutboundMessage(body="x" * 4096), OutboundMessage(body="x" * 4097)),
        (replace(BUTTONS, body="x" * 1024), replace(BUTTONS, body="x" * 1025)),
        (replace(BUTTONS, choices=choices(3)), replace(BUTTONS, choices=choices(4))),
        (BUTTONS, replace(BUTTONS, choices=())),
        (BUTTONS, replace(BUTTONS, choices=(YES, YES))),
        (BUTTONS, replace(BUTTONS, choices=(YES, replace(YES, id="no")))),
        (
            replace(BUTTONS, choices=(Choice(id="x" * 256, title="x" * 20),)),
            replace(BUTTONS, choices=(Choice(id="x" * 257, title="x"),)),
        ),
        (BUTTONS, replace(BUTTONS, choices=(Choice(id="x", title="x" * 21),))),
        (replace(BUTTONS, header="x" * 60), replace(BUTTONS, header="x" * 61)),
        (replace(BUTTONS, footer="x" * 60), replace(BUTTONS, footer="x" * 61)),
        (replace(LIST, body="x" * 4096), replace(LIST, body="x" * 4097)),
        (replace(LIST, choices=choices(10)), replace(LIST, choices=choices(11))),
        (replace(LIST, list_label="x" * 20), replace(LIST, list_label="x" * 21)),
        (
            replace(LIST, choices=(Choice(id="x" * 200, title="x" * 24, description="x" * 72),)),
            replace(LIST, choices=(Choice(id="x" * 201, title="x"),)),
        ),
        (LIST, replace(LIST, choices=(Choice(id="x", title="x" * 25),))),
        (LIST, replace(LIST, choices=(Choice(id="x", title="x", description="x" * 73),))),
        (replace(LINK, body="x" * 1024), replace(LINK, body="x" * 1025)),
        (LINK, replace(LINK, url="javascript:alert(1)")),
        (LINK, replace(LINK, choices=(YES, NO))),
        (replace(LINK, choices=choices(1)), replace(LINK, choices=(Choice(id="x", title="x" * 21),))),
        (replace(IMAGE, body="x" * 1024), replace(IMAGE, body="x" * 1025)),
        (IMAGE, replace(IMAGE, media_type="hologram")),
        (replace(IMAGE, media_type="sticker", body=""), replace(IMAGE, media_type="sticker")),
        (OutboundMessage(body="x"), OutboundMessage(body="x", footer="lost")),
    ],
)
def test_metas_limits_are_kept_to_the_last_character(within: OutboundMessage, beyond: OutboundMessage) -> None:
    to_graph(within, ANA, "attempt-1")
    with pytest.raises(GraphRefused) as refused:
        to_graph(beyond, ANA, "attempt-1")
    assert (refused.value.code, refused.value.http_status) == (BAD_PARAMETER, 0)


LARGEST = Choice(id="x" * 200, title="x" * 20, description="x" * 72)


@pytest.mark.parametrize("to", [ANA, Recipient(user_id=ANA.user_id)])
@pytest.mark.parametrize(
    "message",
    [
        OutboundMessage(body="x" * 4096, reply_to="wamid.1"),
        replace(BUTTONS, header="x" * 60, footer="x" * 60, body="x" * 1024, choices=(LARGEST, YES, NO)),
        replace(LIST, body="x" * 4096, choices=(LARGEST, *choices(9))),
        replace(LINK, body="x" * 1024, choices=(LARGEST,)),
        replace(IMAGE, body="x" * 1024),
        replace(IMAGE, media_type="audio", body="", is_voice=True),
        replace(IMAGE, media_type="document", media_id=None, url="https://shop.example/a.pdf", filename="a.pdf"),
        TEMPLATE,
        REACTION,
        replace(REACTION, body=""),
    ],
)
def test_the_other_side_takes_our_largest_messages(message: OutboundMessage, to: Recipient) -> None:
    check_outbound(to_graph(message, to, "x" * 512))


@pytest.mark.parametrize(
    "message",
    [
        OutboundMessage(body=""),
        OutboundMessage(body=" \n"),
        replace(BUTTONS, choices=(Choice(id="", title="Yes"),)),
        replace(LIST, list_label=None),
        replace(IMAGE, media_id=None),
        replace(TEMPLATE, template=None),
        replace(REACTION, reply_to=None),
    ],
)
def test_an_incomplete_message_is_refused_before_it_costs_a_call(message: OutboundMessage) -> None:
    with pytest.raises(GraphRefused) as refused:
        to_graph(message, ANA, "attempt-1")
    assert refused.value.code == MISSING_PARAMETER


@pytest.mark.parametrize(("to", "attempt_id"), [(Recipient(), "a"), (ANA, ""), (ANA, "x" * 513)])
def test_nothing_goes_out_without_address_or_attempt(to: Recipient, attempt_id: str) -> None:
    with pytest.raises(GraphRefused):
        to_graph(OutboundMessage(body="Hello"), to, attempt_id)


def test_our_own_refusal_quotes_no_text() -> None:
    with pytest.raises(GraphRefused) as refused:
        to_graph(OutboundMessage(body="secret " * 1000), ANA, "attempt-1")
    assert "secret" not in f"{refused.value}{refused.value.details}"


def test_a_read_receipt_may_show_that_we_type() -> None:
    receipt = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.1"}
    assert read_receipt("wamid.1", typing=False) == receipt
    assert read_receipt("wamid.1", typing=True) == receipt | {"typing_indicator": {"type": "text"}}


def test_an_accepted_message_has_a_wamid() -> None:
    answer = {"messaging_product": "whatsapp", "contacts": [{"input": "1"}], "messages": [{"id": "wamid.1"}]}
    assert parse_send_response(answer) == "wamid.1"


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"messages": []}, {"messages": [{}]}, {"messages": {"id": "wamid.1"}}]
)
def test_an_answer_without_a_wamid_is_a_bad_payload(answer: object) -> None:
    with pytest.raises(BadPayload):
        parse_send_response(answer)


def test_graphs_error_is_read_by_code_and_details() -> None:
    refused = parse_graph_error(
        {
            "error": {
                "message": "(#131047) Re-engagement message",
                "code": 131047,
                "error_data": {"messaging_product": "whatsapp", "details": "More than 24 hours have passed."},
            }
        },
        400,
    )
    assert (refused.code, refused.details, refused.http_status) == (131047, "More than 24 hours have passed.", 400)
    assert str(refused) == "Graph refused with code 131047: (#131047) Re-engagement message"


@pytest.mark.parametrize(
    "quoted",
    [
        "+1 555 010 0101",
        "15550100101",
        "wamid.HBgLMTU1NTAxMDAxMDEVAgARGBI5QTNDQTVCM0Q0Q0Q2RTY3RTcA",
        "US.1000000000000000101",
        "EAAJB0OdZC1234567890abcdefghijklmnop",
    ],
)
def test_numbers_ids_and_tokens_that_graph_quotes_are_struck_out(quoted: str) -> None:
    error = {"message": f"Malformed {quoted} here", "code": 190, "error_data": {"details": f"see {quoted}"}}
    refused = parse_graph_error({"error": error}, 401)
    assert (str(refused), refused.details) == ("Graph refused with code 190: Malformed [...] here", "see [...]")


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.dictionaries(st.sampled_from(["error", "code", "message", "error_data"]), inner),
    )
)
def test_no_answer_makes_the_error_unreadable(answer: object) -> None:
    refused = parse_graph_error(answer, 400)
    assert refused.http_status == 400
    assert isinstance(refused.code, int)


def test_an_answer_without_graphs_error_has_no_code_of_theirs() -> None:
    assert parse_graph_error("<html>", 502).code == NO_CODE
