"""Meta's lengths and counts: at the limit it is taken, one over it is refused with Meta's code."""

from typing import Any

import pytest

from whatsapp.simulator.graph_errors import GraphError
from whatsapp.simulator.outbound_rules import check_outbound


def body(kind: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"messaging_product": "whatsapp", "to": "+12015550100", "type": kind, kind: content, **more}


def buttons(
    count: int = 1, title: int = 20, button_id: int = 256, text: int = 1024, header: int = 60, footer: int = 60
) -> dict[str, Any]:
    replies = [{"type": "reply", "reply": {"id": f"{i}" * button_id, "title": f"{i}" * title}} for i in range(count)]
    return body(
        "interactive",
        {
            "type": "button",
            "header": {"type": "text", "text": "h" * header},
            "body": {"text": "b" * text},
            "footer": {"text": "f" * footer},
            "action": {"buttons": replies},
        },
    )


def rows(
    *counts: int, title: int = 24, row_id: int = 199, detail: int = 72, text: int = 4096, label: int = 20
) -> dict[str, Any]:
    sections = [
        {
            "title": f"Section {s}",
            "rows": [
                {"id": f"{s}{i}".ljust(row_id, "x"), "title": "t" * title, "description": "d" * detail}
                for i in range(count)
            ],
        }
        for s, count in enumerate(counts)
    ]
    action = {"button": "l" * label, "sections": sections}
    return body("interactive", {"type": "list", "body": {"text": "b" * text}, "action": action})


def link(url: str = "https://shop.example/a", label: int = 20) -> dict[str, Any]:
    parameters = {"display_text": "d" * label, "url": url}
    action = {"name": "cta_url", "parameters": parameters}
    return body("interactive", {"type": "cta_url", "body": {"text": "Look"}, "action": action})


TAKEN = {
    "text of 4096": body("text", {"body": "é" * 4096, "preview_url": False}),
    "three buttons at their limits": buttons(3),
    "ten rows at their limits": rows(5, 5),
    "ten sections": rows(*[1] * 10),
    "a link": link(),
    "an image by id": body("image", {"id": "1", "caption": "c" * 1024}),
    "a document by link": body("document", {"link": "https://shop.example/a.pdf", "filename": "a.pdf"}),
    "a voice note": body("audio", {"id": "1", "voice": True}),
    "a sticker": body("sticker", {"id": "1"}),
    "a reaction": body("reaction", {"message_id": "wamid.x", "emoji": "👍🏽"}),
    "a reaction taken back": body("reaction", {"message_id": "wamid.x", "emoji": ""}),
    "a location": body("location", {"latitude": 40.4, "longitude": "-3.7", "name": "Sol"}),
    "contacts": body("contacts", [{"name": {"formatted_name": "Ana"}}]),
    "a template": body("template", {"name": "hello", "language": {"code": "en"}, "components": [{"type": "body"}]}),
    "callback data of 512": body("text", {"body": "x"}, biz_opaque_callback_data="d" * 512),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_keeps_the_limits_is_taken(name: str) -> None:
    assert check_outbound(TAKEN[name]).to == "+12015550100"


REFUSED = {
    "no product": ({"to": "+1", "text": {"body": "x"}}, 100),
    "another product": (body("text", {"body": "x"}) | {"messaging_product": "telegram"}, 100),
    "no recipient": ({"messaging_product": "whatsapp", "text": {"body": "x"}}, 131008),
    "an unknown type": (body("poll", {}), 100),
    "a type without its object": ({"messaging_product": "whatsapp", "to": "+1", "type": "image"}, 131008),
    "text of 4097": (body("text", {"body": "x" * 4097}), 100),
    "empty text": (body("text", {"body": " "}), 100),
    "text as a string": (body("text", "x"), 100),
    "four buttons": (buttons(4), 131009),
    "no button": (buttons(0), 131009),
    "a button title of 21": (buttons(title=21), 131009),
    "a button id of 257": (buttons(button_id=257), 131009),
    "a button body of 1025": (buttons(text=1025), 131009),
    "a header of 61": (buttons(header=61), 131009),
    "a footer of 61": (buttons(footer=61), 131009),
    "eleven rows": (rows(6, 5), 131009),
    "eleven sections": (rows(*[1] * 11), 131009),
    "a row title of 25": (rows(1, title=25), 131009),
    "a row id of 201": (rows(1, row_id=201), 131009),
    "a row description of 73": (rows(1, detail=73), 131009),
    "a list body of 4097": (rows(1, text=4097), 131009),
    "a list label of 21": (rows(1, label=21), 131009),
    "a link label of 21": (link(label=21), 131009),
    "a link that is none": (link("javascript:alert(1)"), 131009),
    "media with id and link": (body("image", {"id": "1", "link": "https://a.example/b"}), 100),
    "media with neither": (body("image", {}), 100),
    "a caption on audio": (body("audio", {"id": "1", "caption": "x"}), 100),
    "a caption of 1025": (body("image", {"id": "1", "caption": "c" * 1025}), 131009),
    "a word as a reaction": (body("reaction", {"message_id": "wamid.x", "emoji": "ok"}), 131009),
    "a latitude of 91": (body("location", {"latitude": 91, "longitude": 0}), 131009),
    "contacts without a name": (body("contacts", [{}]), 131008),
    "a template without a language": (body("template", {"name": "hello"}), 131008),
    "callback data of 513": (body("text", {"body": "x"}, biz_opaque_callback_data="d" * 513), 131009),
    "an empty context": (body("text", {"body": "x"}, context={}), 131008),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_breaks_a_limit_is_refused_with_metas_code(name: str) -> None:
    request, code = REFUSED[name]
    with pytest.raises(GraphError) as refused:
        check_outbound(request)
    assert refused.value.code == code


def test_two_buttons_may_not_share_an_id_or_a_title() -> None:
    twins = buttons(2)
    twins["interactive"]["action"]["buttons"][1] = twins["interactive"]["action"]["buttons"][0]
    with pytest.raises(GraphError, match="131009"):
        check_outbound(twins)
