"""The chat page in a real browser, against the simulator and a small business that answers through the Graph API."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.acceptance.browsing import a_browser, a_page
from tests.unit.simulator.servers import NUMBER_ID, Wire, wire

pytestmark = pytest.mark.browser

_HOSTILE = "<img src=x onerror=document.title='taken'>"
_DOCS = Path(__file__).parents[2] / "docs" / "chat-page.png"


class Shop:
    """Answers each message as the test needs it; `hold` keeps it typing until the test lets go."""

    def __init__(self, connected: Wire) -> None:
        self.wire = connected
        self.holds = False
        self.held: dict[str, Any] | None = None

    async def on_message(self, message: dict[str, Any]) -> None:
        if message["type"] == "reaction":
            return  # nobody answers a thumb
        await self.wire.send(status="read", message_id=message["id"], typing_indicator={"type": "text"})
        if self.holds:
            self.held = message
        else:
            await self.answer(message)

    async def answer(self, message: dict[str, Any]) -> None:
        to = {"to": "+" + message["from"]} if "from" in message else {"recipient": message["from_user_id"]}
        response = await self.wire.send(**to, context={"message_id": message["id"]}, **self._reply(message))
        assert response.status_code == 200, response.text

    def _reply(self, message: dict[str, Any]) -> dict[str, Any]:
        text = message.get("text", {}).get("body", "")
        if "how can I pay" in text:
            return _buttons()
        if "what do you sell" in text:
            return _list()
        if message["type"] == "interactive":
            chosen = message["interactive"].get("button_reply") or message["interactive"]["list_reply"]
            return _text(f"You chose *{chosen['title']}*.")
        if message["type"] in ("image", "audio"):
            return _text(f"Got your {message['type']}, thank you!")
        if "Sunday" in text:
            return _text("On *Sundays* we are open from 11:00 to 15:00.\nhttps://casaluna.example/hours")
        return _text(f"You said: {text}")


def _text(body: str) -> dict[str, Any]:
    return {"type": "text", "text": {"body": body}}


def _buttons() -> dict[str, Any]:
    buttons = [{"type": "reply", "reply": {"id": name.lower(), "title": name}} for name in ("Card", "Cash", "Bizum")]
    body = {"text": "How would you like to pay?"}
    footer = {"text": "Casa Luna, lamps and light"}
    action = {"buttons": buttons}
    return {
        "type": "interactive",
        "interactive": {"type": "button", "body": body, "footer": footer, "action": action},
    }


def _list() -> dict[str, Any]:
    rows = [
        {"id": "desk", "title": "Desk lamps", "description": "from 29 euros"},
        {"id": "floor", "title": "Floor lamps", "description": "from 79 euros"},
        {"id": "garden", "title": "Garden lights"},
    ]
    action = {"button": "See the shelves", "sections": [{"title": "Lamps", "rows": rows}]}
    return {
        "type": "interactive",
        "interactive": {"type": "list", "body": {"text": "Have a look around."}, "action": action},
    }


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with a_browser() as browser:
        yield browser


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with wire(delivered_after_s=0.03) as connected:
        shop = Shop(connected)
        connected.business.on_message = shop.on_message
        yield shop


@pytest.fixture
async def page(browser: Browser, shop: Shop) -> AsyncIterator[Page]:
    async with a_page(browser) as page:
        yield page


async def open_phone(page: Page, shop: Shop, name: str = "Ana", *, with_phone: bool = True) -> Locator:
    user = await shop.wire.control.add_user(name, with_phone=with_phone, username=None if with_phone else name.lower())
    if not page.url.startswith(shop.wire.url):
        await page.goto(shop.wire.url)
    return page.locator(f".phone[data-user={user.id}]")


async def write(phone: Locator, text: str) -> None:
    field = phone.get_by_label("Type a message")
    await field.fill(text)
    await field.press("Enter")


async def test_a_message_is_read_typed_upon_and_answered_with_its_quote(page: Page, shop: Shop) -> None:
    shop.holds = True
    phone = await open_phone(page, shop)
    await write(phone, "Are you open on Sunday?")
    sent = phone.locator(".row.mine")
    await expect(sent.locator(".body")).to_have_text("Are you open on Sunday?")
    await expect(phone.locator(".is-typing")).to_be_visible()
    await expect(phone.locator(".presence")).to_have_text("typing…")
    await expect(sent.get_by_label("read", exact=True)).to_be_visible()
    assert shop.held is not None
    await shop.answer(shop.held)
    reply = phone.locator(".row.theirs:not(.is-typing)")
    await expect(reply.locator(".body strong")).to_have_text("Sundays")
    await expect(reply.locator(".body a")).to_have_attribute("href", "https://casaluna.example/hours")
    await expect(reply.locator(".quote span")).to_have_text("Are you open on Sunday?")
    await expect(phone.locator(".is-typing")).to_have_count(0)
    wamid = await reply.get_attribute("data-wamid")
    await shop.wire.business.until(lambda: shop.wire.business.steps(str(wamid)) == ["sent", "delivered", "read"])
    assert shop.wire.business.bad_signatures == 0


async def test_ticks_climb_from_one_grey_to_two_grey(page: Page, shop: Shop) -> None:
    shop.wire.business.on_message = None
    shop.wire.business.judge = lambda value: 503
    phone = await open_phone(page, shop)
    await write(phone, "Hello")
    await expect(phone.locator(".row.mine").get_by_label("sent", exact=True)).to_be_visible()
    shop.wire.business.judge = None
    await expect(phone.locator(".row.mine").get_by_label("delivered", exact=True)).to_be_visible()


async def test_a_button_is_pressed_and_a_row_is_chosen(page: Page, shop: Shop) -> None:
    phone = await open_phone(page, shop)
    await write(phone, "how can I pay?")
    await phone.get_by_role("button", name="Cash").click()
    await expect(phone.locator(".row.theirs .body").last).to_have_text("You chose Cash.")
    await write(phone, "what do you sell?")
    await phone.get_by_role("button", name="See the shelves").click()
    sheet = phone.get_by_role("dialog")
    await expect(sheet).to_contain_text("from 79 euros")
    await sheet.get_by_label("Floor lamps").check()
    await sheet.get_by_role("button", name="Send").click()
    await expect(phone.locator(".row.theirs .body").last).to_have_text("You chose Floor lamps.")
    assert [m["interactive"]["type"] for m in shop.wire.business.messages if m["type"] == "interactive"] == [
        "button_reply",
        "list_reply",
    ]


async def test_an_image_and_a_voice_note_are_sent_shown_and_fetched_in_two_steps(page: Page, shop: Shop) -> None:
    phone = await open_phone(page, shop)
    for name, answer in (("Sample photo", "Got your image"), ("Sample voice note", "Got your audio")):
        await phone.get_by_role("button", name="Attach").click()
        await phone.get_by_role("button", name=name, exact=True).click()
        await expect(phone.locator(".row.theirs .body").last).to_contain_text(answer)
    picture = phone.locator(".row.mine img.picture")
    await expect(picture).to_have_js_property("naturalWidth", 480)
    await expect(phone.locator(".row.mine .voice")).to_have_attribute("data-ready", "yes")
    image, voice = shop.wire.business.messages
    assert voice["audio"]["voice"] is True
    for message in (image["image"], voice["audio"]):
        step = await shop.wire.graph.get(f"/v26.0/{message['id']}", params={"phone_number_id": NUMBER_ID})
        file = await shop.wire.graph.get(step.json()["url"])
        assert len(file.content) == step.json()["file_size"]


async def test_a_file_of_the_users_own_is_sent(page: Page, shop: Shop, tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.pdf"
    receipt.write_bytes(b"%PDF-1.4 made up")
    phone = await open_phone(page, shop)
    await phone.get_by_role("button", name="Attach").click()
    async with page.expect_file_chooser() as chooser:
        await phone.get_by_role("button", name="Document").click()
    await (await chooser.value).set_files(receipt)
    await expect(phone.locator(".row.mine")).to_contain_text("receipt.pdf")
    await shop.wire.business.until(lambda: shop.wire.business.messages)
    assert shop.wire.business.messages[0]["document"]["filename"] == "receipt.pdf"


async def test_a_user_without_a_phone_number_is_added_and_answered(page: Page, shop: Shop) -> None:
    await page.goto(shop.wire.url)
    await page.get_by_role("button", name="New user").click()
    await page.get_by_label("Name").fill("Zoë")
    await page.get_by_label("has a phone number").uncheck()
    await page.get_by_role("button", name="Add user").click()
    phone = page.locator(".phone")
    await expect(phone).to_contain_text("no phone number shared")
    await write(phone, "¿Hacéis envíos? 🚚")
    await expect(phone.locator(".row.theirs .body")).to_have_text("You said: ¿Hacéis envíos? 🚚")
    assert "from" not in shop.wire.business.messages[0]


async def test_hostile_text_is_shown_as_text(page: Page, shop: Shop) -> None:
    phone = await open_phone(page, shop, _HOSTILE)
    await write(phone, f"{_HOSTILE} *{_HOSTILE}* javascript:alert(1)")
    await expect(phone.locator(".row.theirs .body")).to_contain_text(_HOSTILE)
    await expect(phone.locator(".messages img")).to_have_count(0)
    await expect(phone.locator(".messages a")).to_have_count(0)
    assert await page.title() == "Parley: chat page of the simulator"


async def test_a_reaction_and_a_reply_go_out_from_the_keyboard(page: Page, shop: Shop) -> None:
    phone = await open_phone(page, shop)
    await write(phone, "Hello")
    reply = phone.locator(".row.theirs:not(.is-typing)")
    await reply.get_by_label("React to this message").focus()
    await page.keyboard.press("Enter")
    await phone.get_by_role("button", name="👍", exact=True).press("Enter")
    await expect(reply.locator(".reactions")).to_have_text("👍")
    await reply.get_by_label("Reply to this message").press("Enter")
    await write(phone, "Thanks")
    await expect(phone.locator(".row.mine .quote span")).to_have_text("You said: Hello")


async def test_the_page_finds_back_after_its_stream_was_cut(page: Page, shop: Shop) -> None:
    phone = await open_phone(page, shop)
    await write(phone, "first")
    await expect(phone.locator(".row.theirs .body")).to_have_text("You said: first")
    await page.context.set_offline(True)
    shop.wire.exchange.events.drop_watchers()
    await expect(page.get_by_text("Reconnecting…")).to_be_visible()
    user = (await shop.wire.control.users())[0]
    await shop.wire.control.send_text(user.id, NUMBER_ID, "while away")
    await page.context.set_offline(False)
    await expect(phone.locator(".row.mine .body").last).to_have_text("while away")


async def test_with_a_control_token_the_page_asks_for_it_once(browser: Browser) -> None:
    async with wire(control_token="control-me") as connected:
        await connected.control.add_user("Ana")
        page = await browser.new_page()
        await page.goto(connected.url)
        await page.get_by_role("textbox", name="Token").fill("wrong")
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_role("textbox", name="Token").fill("control-me")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.locator(".phone")).to_contain_text("Casa Luna")
        await page.reload()
        await expect(page.locator(".phone")).to_contain_text("Casa Luna")
        await page.close()


async def test_it_works_at_phone_width_and_several_phones_stand_side_by_side(page: Page, shop: Shop) -> None:
    ana = await open_phone(page, shop)
    ben = await open_phone(page, shop, "Ben", with_phone=False)
    await expect(ana).to_be_visible()
    await expect(ben).to_be_visible()
    await page.set_viewport_size({"width": 390, "height": 780})
    await page.locator("#tabs").get_by_role("button", name="Ben").click()
    await expect(ana).to_be_hidden()
    await write(ben, "Hi")
    await expect(ben.locator(".row.theirs .body")).to_have_text("You said: Hi")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_the_picture_for_the_documentation_can_be_taken(page: Page, shop: Shop, tmp_path: Path) -> None:
    """With PARLEY_WRITE_SCREENSHOT=1 it replaces docs/chat-page.png."""
    ana = await open_phone(page, shop)
    await write(ana, "Hi! Are you open on *Sunday*?")
    await expect(ana.locator(".row.theirs:not(.is-typing)")).to_have_count(1)
    await write(ana, "Great. And how can I pay?")
    await ana.get_by_role("button", name="Cash").click()
    await expect(ana.locator(".row.theirs:not(.is-typing)")).to_have_count(3)
    ben = await open_phone(page, shop, "Ben", with_phone=False)
    await ben.get_by_role("button", name="Attach").click()
    await ben.get_by_role("button", name="Sample photo", exact=True).click()
    await expect(ben.locator(".row.theirs:not(.is-typing)")).to_have_count(1)
    await write(ben, "what do you sell?")
    await expect(ben.get_by_role("button", name="See the shelves")).to_be_visible()
    zoe = await open_phone(page, shop, "Zoë")
    await zoe.get_by_role("button", name="Attach").click()
    await zoe.get_by_role("button", name="Sample voice note", exact=True).click()
    await expect(zoe.locator(".row.theirs:not(.is-typing)")).to_have_count(1)
    shop.holds = True
    await write(zoe, "¿Cuánto cuesta el envío a Sevilla?")
    await expect(zoe.locator(".is-typing")).to_be_visible()
    await ben.get_by_role("button", name="See the shelves").click()
    path = _DOCS if os.environ.get("PARLEY_WRITE_SCREENSHOT") == "1" else tmp_path / "chat-page.png"
    await page.screenshot(path=path)
    assert 10_000 < path.stat().st_size < 400_000
