"""Our own client and parser against the simulator: two independent readings of Meta's pages that must agree."""

from typing import Any

import pytest

from models.errors import GraphRefused
from models.message import Choice, DeliveryState, MessageKind, OutboundKind, OutboundMessage, Recipient
from tests.unit.simulator.servers import APP_SECRET, NUMBER_ID, TOKEN, Wire, wire
from whatsapp.client import GraphClient, GraphOptions
from whatsapp.inbound import decode_body, parse_updates
from whatsapp.signature import sign
from whatsapp.simulator.samples import sample_image, sample_voice
from whatsapp.simulator.webhook_bodies import sign_body


def client(connected: Wire, token: str = TOKEN) -> GraphClient:
    async def token_for(phone_number_id: str) -> str:
        return token

    return GraphClient(token_for, GraphOptions(base_url=connected.url))


_CHOICES = (Choice(id="a", title="First"), Choice(id="b", title="Second", description="the other one"))

OUTBOUND = {
    "text": OutboundMessage(body="¡Hola! 🚚"),
    "buttons": OutboundMessage(kind=OutboundKind.BUTTONS, body="Which?", footer="f", header="h", choices=_CHOICES),
    "list": OutboundMessage(kind=OutboundKind.LIST, body="Which?", list_label="Choose", choices=_CHOICES),
    "link": OutboundMessage(kind=OutboundKind.LINK, body="Look", url="https://a.example/", choices=_CHOICES[:1]),
    "template": OutboundMessage(kind=OutboundKind.TEMPLATE, template={"name": "hi", "language": {"code": "en"}}),
}


@pytest.mark.parametrize("name", OUTBOUND)
async def test_each_kind_of_ours_arrives_and_its_statuses_come_back(name: str) -> None:
    async with wire() as connected, client(connected) as graph:
        user = await connected.control.add_user("Ana")
        asked = await connected.control.send_text(user.id, NUMBER_ID, "Hello")
        wamid = await graph.send(NUMBER_ID, Recipient(phone=user.phone), OUTBOUND[name], "attempt-1")
        await connected.business.until(lambda: "delivered" in connected.business.steps(wamid))
        statuses = [s for body in connected.business.bodies for s in parse_updates(decode_body(body)).statuses]
        assert [(s.wamid, s.state, s.attempt_id) for s in statuses] == [
            (wamid, DeliveryState.SENT, "attempt-1"),
            (wamid, DeliveryState.DELIVERED, "attempt-1"),
        ]
        [shown] = await connected.control.wait_for_reply(user.id, NUMBER_ID, asked, 5)
        assert shown.wamid == wamid


async def test_reactions_receipts_and_media_of_ours_arrive() -> None:
    async with wire() as connected, client(connected) as graph:
        user = await connected.control.add_user("Ana")
        asked = await connected.control.send_text(user.id, NUMBER_ID, "Hello")
        await graph.mark_read(NUMBER_ID, asked, typing=True)
        to = Recipient(phone=user.phone)
        reaction = OutboundMessage(kind=OutboundKind.REACTION, body="👍", reply_to=asked)
        await graph.send(NUMBER_ID, to, reaction, "attempt-1")
        media_id = await graph.upload_media(NUMBER_ID, sample_voice(), media_type="audio", mime_type="audio/ogg")
        voice = OutboundMessage(kind=OutboundKind.MEDIA, media_type="audio", media_id=media_id, is_voice=True)
        wamid = await graph.send(NUMBER_ID, to, voice, "attempt-2")
        await connected.business.until(lambda: "delivered" in connected.business.steps(wamid))
        first, *_ = await connected.control.history(user.id, NUMBER_ID)
        assert (first.status, first.reactions) == ("read", {"business": "👍"})


async def test_each_kind_of_a_users_is_understood() -> None:
    async with wire() as connected, client(connected) as graph:
        user = await connected.control.add_user("Zoë", with_phone=False, username="zoe")
        await connected.control.send_text(user.id, NUMBER_ID, "Hello")
        await connected.control.send_image(user.id, NUMBER_ID, caption="Look")
        await connected.control.send_voice(user.id, NUMBER_ID)
        await connected.business.until(lambda: len(connected.business.messages) == 3)
        messages = [m for body in connected.business.bodies for m in parse_updates(decode_body(body)).messages]
        assert [m.kind for m in messages] == [MessageKind.TEXT, MessageKind.IMAGE, MessageKind.AUDIO]
        assert [m.text for m in messages][:2] == ["Hello", "Look"]
        assert {(m.sender.phone, m.sender.name, m.sender.username) for m in messages} == {(None, "Zoë", "zoe")}
        image, voice = messages[1].media, messages[2].media
        assert image is not None
        assert voice is not None
        assert voice.is_voice
        location = await graph.media_url(NUMBER_ID, image.id)
        assert await graph.download_media(NUMBER_ID, location) == sample_image()
        to = Recipient(user_id=messages[0].sender.user_id)
        question = await graph.send(NUMBER_ID, to, OUTBOUND["list"], "attempt-1")
        await connected.business.until(lambda: "delivered" in connected.business.steps(question))
        await connected.control.press(user.id, NUMBER_ID, question, "b")
        await connected.business.until(lambda: len(connected.business.messages) == 4)
        pressed = [m for body in connected.business.bodies for m in parse_updates(decode_body(body)).messages][-1]
        assert (pressed.choice_id, pressed.text, pressed.reply_to) == ("b", "Second", question)


async def test_a_wrong_token_is_refused_with_190() -> None:
    async with wire() as connected, client(connected, "wrong") as graph:
        with pytest.raises(GraphRefused) as refused:
            await graph.send(NUMBER_ID, Recipient(phone="12015550100"), OUTBOUND["text"], "attempt-1")
        assert refused.value.code == 190


@pytest.mark.parametrize("body", [b"{}", "é".encode()])
def test_both_sides_sign_alike(body: bytes) -> None:
    assert sign(body=body, secret=APP_SECRET.encode()) == sign_body(APP_SECRET, body)


async def test_nothing_that_the_simulator_sends_is_unknown_to_the_parser() -> None:
    kinds: dict[str, Any] = {
        "location": {"latitude": 40.4, "longitude": -3.7},
        "contacts": [{"name": {"formatted_name": "Ben"}}],
        "order": {"catalog_id": "1", "product_items": []},
        "unsupported": {"type": "poll"},
        "system": {"type": "user_changed_number", "body": "changed", "wa_id": "12015550143"},
    }
    async with wire() as connected:
        user = await connected.control.add_user("Ana")
        for kind, content in kinds.items():
            await connected.control.send(user.id, NUMBER_ID, kind, content)
        await connected.business.until(lambda: len(connected.business.messages) == len(kinds))
        updates = [parse_updates(decode_body(body)) for body in connected.business.bodies]
        assert [m.kind.value for u in updates for m in u.messages] == list(kinds)
        assert [rejected for u in updates for rejected in u.rejected] == []
