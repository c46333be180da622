"""The Graph API over HTTP: tokens, answers, errors, statuses, read and typing."""

import base64
from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.unit.simulator.servers import NUMBER_ID, TOKEN, Wire, number_fields, serving, wire
from whatsapp.simulator.app import create_app
from whatsapp.simulator.client import SimulatedUser
from whatsapp.simulator.options import SimulatorOptions


@pytest.fixture
async def connected() -> AsyncIterator[Wire]:
    async with wire() as connected:
        yield connected


async def guest(connected: Wire, *, with_phone: bool = True) -> SimulatedUser:
    """A user whose 24 hours are open."""
    user = await connected.control.add_user("Ana", with_phone=with_phone, username="ana")
    await connected.control.send_text(user.id, NUMBER_ID, "Hello")
    await connected.business.until(lambda: connected.business.messages)
    return user


def code(response: httpx2.Response) -> int:
    return int(response.json()["error"]["code"])


async def test_a_message_to_a_phone_is_answered_in_metas_shape(connected: Wire) -> None:
    user = await guest(connected)
    answer = (await connected.send(to=f"+{user.phone}", type="text", text={"body": "Hi"})).json()
    assert answer["messaging_product"] == "whatsapp"
    assert answer["contacts"] == [{"input": f"+{user.phone}", "wa_id": user.phone}]
    wamid = answer["messages"][0]["id"]
    assert wamid.startswith("wamid.HBgL")
    assert str(user.phone).encode() in base64.b64decode(wamid.removeprefix("wamid."))


async def test_a_message_to_a_business_scoped_id_shows_no_phone_anywhere(connected: Wire) -> None:
    await guest(connected, with_phone=False)
    inbound = connected.business.messages[0]
    assert "from" not in inbound
    contact = connected.business.updates[0]["contacts"][0]
    assert contact == {"profile": {"name": "Ana", "username": "ana"}, "user_id": inbound["from_user_id"]}
    answer = (await connected.send(recipient=inbound["from_user_id"], type="text", text={"body": "Hi"})).json()
    assert answer["contacts"] == [{"input": inbound["from_user_id"], "user_id": inbound["from_user_id"]}]
    wamid = answer["messages"][0]["id"]
    await connected.business.until(lambda: "delivered" in connected.business.steps(wamid))
    status = connected.business.updates[-1]["statuses"][0]
    assert status["recipient_user_id"] == inbound["from_user_id"]
    assert "recipient_id" not in status


async def test_statuses_come_in_order_and_echo_the_callback_data(connected: Wire) -> None:
    user = await guest(connected)
    sent = await connected.send(to=f"+{user.phone}", text={"body": "Hi"}, biz_opaque_callback_data="attempt-7")
    wamid = sent.json()["messages"][0]["id"]
    await connected.business.until(lambda: "delivered" in connected.business.steps(wamid))
    assert connected.business.steps(wamid) == ["sent", "delivered"]  # no chat is open: never read
    statuses = [value["statuses"][0] for value in connected.business.updates if "statuses" in value]
    assert {status["biz_opaque_callback_data"] for status in statuses} == {"attempt-7"}
    await connected.control.mark_read(wamid)
    await connected.business.until(lambda: connected.business.steps(wamid)[-1] == "read")


@pytest.mark.parametrize(
    ("header", "expected_code", "http_status"),
    [({}, 104, 401), ({"Authorization": "Bearer wrong"}, 190, 401), ({"Authorization": f"Basic {TOKEN}"}, 104, 401)],
)
async def test_a_missing_or_wrong_token_is_refused(
    connected: Wire, header: dict[str, str], expected_code: int, http_status: int
) -> None:
    async with httpx2.AsyncClient(base_url=connected.url, trust_env=False) as stranger:
        response = await stranger.post(f"/v26.0/{NUMBER_ID}/messages", json={}, headers=header)
    assert (code(response), response.status_code) == (expected_code, http_status)
    assert response.json()["error"]["type"] == "OAuthException"
    assert response.json()["error"]["fbtrace_id"]


async def test_a_simulator_that_knows_no_number_yet_asks_to_come_again() -> None:
    """Started again, it is told of numbers last of all; to refuse a token meanwhile would stop the number for good."""
    async with serving(create_app(SimulatorOptions())) as (url,), httpx2.AsyncClient(trust_env=False) as caller:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        response = await caller.post(f"{url}/v26.0/{NUMBER_ID}/messages", json={}, headers=headers)
    assert code(response) == 130429


async def test_one_numbers_token_does_not_open_another_number(connected: Wire) -> None:
    other = number_fields(connected.callback_url) | {"phone_number_id": "2", "access_token": "other-token"}
    await connected.control.add_number(**other)
    response = await connected.graph.post("/v26.0/2/messages", json={"messaging_product": "whatsapp"})
    assert code(response) == 100
    assert response.json()["error"]["error_subcode"] == 33


async def test_a_broken_limit_names_the_parameter(connected: Wire) -> None:
    error = (await connected.send(to="+12015550100", text={"body": "x" * 4097})).json()["error"]
    assert error["message"] == "(#100) Param text['body'] must be at most 4096 characters long."


@pytest.mark.parametrize("raw", [b"{", b"[]", b"\xff", b"[" * 100_000])
async def test_what_is_no_json_object_is_refused(connected: Wire, raw: bytes) -> None:
    response = await connected.graph.post(f"/v26.0/{NUMBER_ID}/messages", content=raw)
    assert (response.status_code, code(response)) == (400, 100)


@pytest.mark.parametrize("path", [f"/messages/{NUMBER_ID}/messages", f"/v26.0/{NUMBER_ID}/nothing", "/v26.0/1/2/3"])
async def test_a_wrong_path_is_answered_in_metas_shape(connected: Wire, path: str) -> None:
    response = await connected.graph.post(path, json={})
    assert (response.status_code, code(response)) == (404, 2500)


async def test_an_unknown_phone_is_accepted_and_reported_undeliverable(connected: Wire) -> None:
    wamid = (await connected.send(to="+12025550199", text={"body": "Hi"})).json()["messages"][0]["id"]
    await connected.business.until(lambda: connected.business.steps(wamid) == ["failed"])
    assert connected.business.updates[-1]["statuses"][0]["errors"][0]["code"] == 131026


async def test_a_test_number_refuses_a_phone_that_it_does_not_know(connected: Wire) -> None:
    await connected.control.add_number(**number_fields(connected.callback_url), is_test_number=True)
    assert code(await connected.send(to="+12025550199", text={"body": "Hi"})) == 131030


async def test_to_itself_and_to_no_number_nothing_is_sent(connected: Wire) -> None:
    assert code(await connected.send(to="+15550783881", text={"body": "Hi"})) == 131021
    assert code(await connected.send(to="call me", text={"body": "Hi"})) == 131009


async def test_outside_the_window_only_a_template_gets_through() -> None:
    now = [1_700_000_000.0]
    async with wire(clock=lambda: now[0]) as connected:
        user = await guest(connected)
        now[0] += 24 * 3600
        late = (await connected.send(to=f"+{user.phone}", text={"body": "Hi"})).json()["messages"][0]["id"]
        await connected.business.until(lambda: connected.business.steps(late) == ["failed"])
        assert connected.business.updates[-1]["statuses"][0]["errors"][0]["code"] == 131047
        template = {"name": "hello", "language": {"code": "en"}}
        answer = (await connected.send(to=f"+{user.phone}", type="template", template=template)).json()
        assert answer["messages"][0]["message_status"] == "accepted"
        await connected.business.until(lambda: "delivered" in connected.business.steps(answer["messages"][0]["id"]))


async def test_reading_marks_earlier_messages_and_typing_ends_with_the_reply(connected: Wire) -> None:
    user = await guest(connected)
    second = await connected.control.send_text(user.id, NUMBER_ID, "Anybody?")
    answer = await connected.send(status="read", message_id=second, typing_indicator={"type": "text"})
    assert answer.json() == {"success": True}
    assert [m.status for m in await connected.control.history(user.id, NUMBER_ID)] == ["read", "read"]
    conversation = connected.exchange.ledger.conversation(user.id, NUMBER_ID)
    assert conversation.typing_until > connected.exchange.now() + 20
    await connected.send(to=f"+{user.phone}", text={"body": "Hi"}, context={"message_id": second})
    [reply] = await connected.control.wait_for_reply(user.id, NUMBER_ID, second, 5)
    assert (reply.text, reply.reply_to) == ("Hi", second)
    assert conversation.typing_until == 0


async def test_only_a_users_message_can_be_marked_as_read(connected: Wire) -> None:
    assert code(await connected.send(status="read", message_id="wamid.unknown")) == 131009
    assert code(await connected.send(status="delivered", message_id="wamid.unknown")) == 100


async def test_a_reaction_lands_on_its_message_and_an_unknown_one_fails(connected: Wire) -> None:
    user = await guest(connected)
    target = connected.business.messages[0]["id"]
    await connected.send(to=f"+{user.phone}", type="reaction", reaction={"message_id": target, "emoji": "👍"})
    await connected.control.wait_for_reply(user.id, NUMBER_ID, target, 5)
    assert (await connected.control.history(user.id, NUMBER_ID))[0].reactions == {"business": "👍"}
    lost = await connected.send(to=f"+{user.phone}", type="reaction", reaction={"message_id": "wamid.x", "emoji": "👍"})
    wamid = lost.json()["messages"][0]["id"]
    await connected.business.until(lambda: connected.business.steps(wamid) == ["failed"])


async def test_a_number_tells_about_itself(connected: Wire) -> None:
    answer = (await connected.graph.get(f"/v26.0/{NUMBER_ID}")).json()
    assert answer["verified_name"] == "Casa Luna"
    assert TOKEN not in str(answer)
