"""The control API: who may use it, what it hides, how replies are awaited."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.unit.simulator.servers import APP_SECRET, NUMBER_ID, TOKEN, VERIFY_TOKEN, Wire, wire
from whatsapp.simulator.client import SimulatorClient, SimulatorRefused, SimulatorUnreachable


@pytest.fixture
async def connected() -> AsyncIterator[Wire]:
    async with wire() as connected:
        yield connected


async def test_numbers_are_listed_without_their_secrets(connected: Wire) -> None:
    [number] = await connected.control.numbers()
    assert number["phone_number_id"] == NUMBER_ID
    assert not {TOKEN, APP_SECRET, VERIFY_TOKEN} & {str(value) for value in number.values()}


async def test_with_a_token_file_nobody_controls_without_the_token() -> None:
    async with wire(control_token="control-me") as connected:
        for header in ({}, {"Authorization": "Bearer wrong"}):
            async with httpx2.AsyncClient(base_url=connected.url, headers=header, trust_env=False) as stranger:
                for path in (
                    "health",
                    "numbers",
                    "users",
                    "events",
                    f"conversations/u/{NUMBER_ID}",
                    "faults",
                    "verdict",
                ):
                    assert (await stranger.get(f"/simulator/{path}")).status_code == 401
                assert (await stranger.get("/")).status_code == 200  # the page itself asks for the token
        assert (await connected.control.health())["ok"] is True


async def test_a_foreign_name_and_a_foreign_form_are_turned_away(connected: Wire) -> None:
    async with httpx2.AsyncClient(base_url=connected.url, trust_env=False) as browser:
        assert (await browser.get("/simulator/users", headers={"Host": "evil.example"})).status_code == 400
        form = await browser.post("/simulator/users", content=b'{"name":"x"}', headers={"Content-Type": "text/plain"})
        assert form.status_code == 415


async def test_the_page_forbids_scripts_that_are_not_its_own(connected: Wire) -> None:
    async with httpx2.AsyncClient(base_url=connected.url, trust_env=False) as browser:
        page = await browser.get("/")
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "<script>" not in page.text


async def test_a_users_file_is_never_shown_as_a_page(connected: Wire) -> None:
    media_id = await connected.control.upload(b"<script>alert(1)</script>", "text/html")
    async with httpx2.AsyncClient(base_url=connected.url, trust_env=False) as browser:
        shown = await browser.get(f"/simulator/media/{media_id}")
    assert shown.headers["content-type"] == "application/octet-stream"
    assert shown.headers["x-content-type-options"] == "nosniff"


async def test_phones_are_fictional_and_differ_and_one_belongs_to_one_user(connected: Wire) -> None:
    users = [await connected.control.add_user(f"User {i}") for i in range(150)]
    phones = {user.phone for user in users}
    assert len(phones) == 150
    assert all(phone and phone[4:9] == "55501" for phone in phones)
    with pytest.raises(SimulatorRefused, match="belongs to another user"):
        await connected.control.add_user("Twin", phone=f"+{users[0].phone}")


async def test_silence_is_an_empty_list(connected: Wire) -> None:
    user = await connected.control.add_user("Ana")
    wamid = await connected.control.send_text(user.id, NUMBER_ID, "Hello?")
    assert await connected.control.wait_for_reply(user.id, NUMBER_ID, wamid, 0.05) == []


async def test_one_request_says_something_and_waits_for_the_reply(connected: Wire) -> None:
    user = await connected.control.add_user("Ana")

    async def answer(message: dict[str, str]) -> None:
        await connected.send(to=f"+{message['from']}", text={"body": "Hi"})

    connected.business.on_message = answer
    body = {"from": user.phone, "to": NUMBER_ID, "type": "text", "text": {"body": "Hello"}}
    async with httpx2.AsyncClient(base_url=connected.url, trust_env=False) as program:
        answered = (await program.post("/simulator/messages?wait_reply_s=5", json=body)).json()
    assert [reply["text"] for reply in answered["replies"]] == ["Hi"]


async def test_a_choice_that_was_not_offered_cannot_be_pressed(connected: Wire) -> None:
    user = await connected.control.add_user("Ana")
    asked = await connected.control.send_text(user.id, NUMBER_ID, "Hello?")
    action = {"buttons": [{"type": "reply", "reply": {"id": "yes", "title": "Yes"}}]}
    interactive = {"type": "button", "body": {"text": "Sure?"}, "action": action}
    await connected.send(to=f"+{user.phone}", type="interactive", interactive=interactive)
    [question] = await connected.control.wait_for_reply(user.id, NUMBER_ID, asked, 5)
    with pytest.raises(SimulatorRefused, match="no such choice"):
        await connected.control.press(user.id, NUMBER_ID, question.wamid, "no")
    await connected.control.press(user.id, NUMBER_ID, question.wamid, "yes")
    await connected.business.until(lambda: len(connected.business.messages) == 2)
    pressed = connected.business.messages[1]
    assert pressed["context"] == {"from": "15550783881", "id": question.wamid}
    assert pressed["interactive"] == {"type": "button_reply", "button_reply": {"id": "yes", "title": "Yes"}}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"from": "nobody", "to": NUMBER_ID, "text": {"body": "x"}},
        {"from": "nobody", "to": 7, "text": {"body": "x"}},
    ],
)
async def test_a_wrong_request_is_refused_with_a_sentence(connected: Wire, body: dict[str, object]) -> None:
    async with httpx2.AsyncClient(base_url=connected.url, trust_env=False) as program:
        response = await program.post("/simulator/messages", json=body)
    assert response.status_code in (404, 422)
    assert response.json()["error"]


async def test_where_no_simulator_is_the_client_says_so() -> None:
    async with SimulatorClient("http://127.0.0.1:9") as client:
        with pytest.raises(SimulatorUnreachable):
            await client.health()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "clock", {"advance_s": -1}, 422),
        ("POST", "clock", {"advance_s": "soon"}, 422),
        ("POST", "limits", {"number_per_s": 0}, 422),
        ("POST", "users/batch", {"count": 0}, 422),
        ("POST", "users/batch", {"count": 1.5}, 422),
        ("POST", "users/nobody/move", {}, 404),
        ("POST", "users/nobody/standing", {"is_blocking": True}, 404),
        ("POST", "updates", {"to": NUMBER_ID, "field": "x", "value": "y"}, 422),
        ("POST", "updates", {"to": "7", "field": "x", "value": {}}, 404),
        ("POST", "loads", {"messages": 1}, 422),
        ("GET", "loads/load-1", None, 404),
        ("GET", "ledger/third", None, 404),
        ("GET", "ledger/told?after=x", None, 422),
        ("GET", "verdict?match=luck", None, 422),
    ],
)
async def test_a_trial_that_cannot_be_is_refused_with_a_sentence(
    connected: Wire, method: str, path: str, body: dict[str, object] | None, status: int
) -> None:
    async with httpx2.AsyncClient(base_url=connected.url, trust_env=False) as program:
        response = await program.request(method, f"/simulator/{path}", json=body)
    assert response.status_code == status
    assert response.json()["error"]
