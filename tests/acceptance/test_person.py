"""A person takes over in the whole service: on the console, and by the command line."""

import json
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect

from tests.acceptance.browsing import a_browser, a_page
from tests.acceptance.conftest import NewPhone
from tests.acceptance.console import entry, sign_in, write
from tests.acceptance.house import House
from tests.acceptance.phone import Phone


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with a_browser() as browser, a_page(browser) as page:
        yield page


@pytest.mark.browser
async def test_in_the_whole_service_a_person_answers_instead_of_the_bot(
    page: Page, house: House, new_phone: NewPhone
) -> None:
    phone = await new_phone(greeted=True)
    asked = await phone.write("I want to talk to a person")
    await phone.reply(asked)
    turn = await house.turn(asked)
    assert turn is not None
    await sign_in(page, house.url, token=house.secret("operator_token"))
    await entry(page, turn["conversation_id"]).click()
    await page.get_by_role("button", name="Take over").click()
    silent = await phone.write("Are you there?")
    await expect(page.locator(".line.theirs .body").last).to_have_text("Are you there?", timeout=30_000)
    await write(page, "Yes, I am Ana.")
    assert (await phone.reply(silent)).text == "Yes, I am Ana."
    await expect(page.locator(".line.persons .state")).to_have_text("delivered", timeout=30_000)
    await page.get_by_role("button", name="Hand back").click()
    await expect(page.locator(".thread-title")).to_contain_text("The bot answers")
    assert "10:00" in await phone.ask("when do you open on saturdays?")


async def test_a_person_answers_by_the_command_line(house: House, phone: Phone) -> None:
    asked = await phone.write("I want to talk to a person")
    await phone.reply(asked)
    turn = await house.turn(asked)
    assert turn is not None
    key = turn["conversation_id"].hex[:12]
    listed = json.loads(house.run("conversations", "list", "--json"))
    assert str(turn["conversation_id"]) in [one["id"] for one in listed["waiting"]["conversations"]]
    house.run("conversations", "take", key, "--as", "Ana")
    written = await phone.write("Is somebody there?")
    house.run("conversations", "reply", key, "--as", "Ana", stdin="Here I am,\nwhat can I do?\n")
    assert (await phone.reply(written)).text == "Here I am,\nwhat can I do?"
    await house.settled()
    assert await house.sent(written) == []  # the bot has read it and is silent
