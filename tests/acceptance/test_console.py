"""The console in a real browser, against the operator application on a real PostgreSQL."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from playwright.async_api import Browser, Page, expect

from deployments.operator.app import build_app
from models.answer import Answer, Rung, Source
from models.message import Sender
from store.handoff import Handoff
from tests.acceptance.browsing import a_browser, a_page
from tests.acceptance.console import entry, sign_in, write
from tests.desk import keep_passage, talk
from tests.factories import Business, inbound
from tests.unit.operator.house import ports
from tests.unit.simulator.servers import serving

pytestmark = [pytest.mark.browser, pytest.mark.postgres]

_HOSTILE = "<img src=x onerror=document.title='taken'>"
_DOCS = Path(__file__).parents[2] / "docs" / "console.png"
_OPENING = "The shop is open from Monday to Friday, 9:00 to 19:00, and on Saturdays from 10:00 to 14:00."


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with a_browser() as browser:
        yield browser


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    async with a_page(browser, forgives="Failed to load resource") as page:  # a refusal is an answer like any other
        yield page


@pytest.fixture
def handoff(business: Business) -> Handoff:
    return Handoff(business.database, business.keyring)


@pytest.fixture
async def url(handoff: Handoff) -> AsyncIterator[str]:
    """Where the operator application is served."""
    app = build_app(ports(handoff=handoff))
    async with serving(app) as (address,):
        yield address


async def wait_for_person(business: Business, name: str = "Zoë", asked: str = "Can I talk to a person?") -> UUID:
    """Let somebody ask for a person."""
    sender = Sender(phone=f"1555{uuid4().int % 10**7:07d}", name=name)
    answer = Answer(text="One moment, please.", rung=Rung.PHRASE, model="handoff accepted")
    return await talk(business, asked, "One moment, please.", sender=sender, answer=answer, wants_person=True)


async def test_a_person_takes_over_replies_and_hands_back(page: Page, url: str, business: Business) -> None:
    key = await wait_for_person(business)
    await sign_in(page, url)
    await expect(page.locator(".list-waiting button.conversation")).to_contain_text("waits")
    await entry(page, key).click()
    await expect(page.locator(".line .body")).to_have_text(["Can I talk to a person?", "One moment, please."])
    await expect(page.get_by_text("To write here, take over first.")).to_be_visible()
    await page.get_by_role("button", name="Take over").click()
    await expect(page.locator(".list-taken").locator(entry(page, key))).to_be_visible()
    await write(page, "Good morning, I am Ana.")
    said = page.locator(".line.persons")
    await expect(said.locator(".body")).to_have_text("Good morning, I am Ana.")
    await expect(said.locator(".state")).to_have_text("waits to be sent")
    await expect(page.get_by_label("Write as the business")).to_have_value("")
    await page.get_by_role("button", name="Hand back").click()
    await expect(page.locator(".thread-title")).to_contain_text("The bot answers")
    await expect(page.locator(".deed")).to_contain_text(["Ana took over", "Ana handed back to the bot"])


async def test_who_comes_too_late_is_told_who_has_it(
    page: Page, url: str, business: Business, handoff: Handoff
) -> None:
    key = await wait_for_person(business)
    await sign_in(page, url)
    await entry(page, key).click()
    await page.route("**/conversations/*", lambda route: route.abort())  # the page does not hear of what comes now
    take = page.get_by_role("button", name="Take over")
    await expect(take).to_be_visible()
    await handoff.take(key, "Ben")
    await take.click()
    await expect(page.get_by_role("alert")).to_contain_text("Ben has this conversation.")
    await page.unroute("**/conversations/*")
    await expect(page.get_by_role("button", name="Take over from Ben")).to_be_visible(timeout=15_000)


async def test_why_the_bot_said_this_is_shown_with_passage_model_rung_and_steps(
    page: Page, url: str, business: Business
) -> None:
    key = await answered_from_a_passage(business)
    await sign_in(page, url)
    await entry(page, key).click()
    button = page.get_by_role("button", name="Why this answer?")
    await button.press("Enter")
    why = page.locator(".why")
    await expect(why.locator("blockquote")).to_have_text(_OPENING)
    for text in ("Opening hours, page 2", "extractive answerer", "word for word", "83 %", "generate", "77.5 ms"):
        await expect(why).to_contain_text(text)
    await expect(button).to_have_attribute("aria-expanded", "true")


async def test_what_is_written_meanwhile_appears_and_disturbs_nobody_who_types(
    page: Page, url: str, business: Business, handoff: Handoff
) -> None:
    key = await wait_for_person(business)
    await handoff.take(key, "Ana")
    await sign_in(page, url)
    await entry(page, key).click()
    field = page.get_by_label("Write as the business")
    await field.press_sequentially("Half a sen")
    await handoff.reply(key, "Ana", "From the command line.", request_id=uuid4())
    await expect(page.locator(".line .body").last).to_have_text("From the command line.", timeout=15_000)
    await page.keyboard.type("tence")
    await expect(field).to_have_value("Half a sentence")
    await wait_for_person(business, "Ben")
    await expect(page.locator(".list-waiting")).to_contain_text("Ben", timeout=15_000)
    await expect(page).to_have_title("(1) Parley: conversations")


async def test_hostile_texts_and_names_are_shown_as_text(
    page: Page, url: str, business: Business, handoff: Handoff
) -> None:
    key = await wait_for_person(business, _HOSTILE, _HOSTILE)
    await handoff.take(key, "<b>Ben</b>")
    await sign_in(page, url)
    await entry(page, key).click()
    await expect(page.locator(".line.theirs .body")).to_have_text(_HOSTILE)
    await expect(page.locator(".thread-title")).to_contain_text("<b>Ben</b> has taken over")
    await expect(page.locator("main img, main b:not(.list-waiting b)")).to_have_count(0)
    assert "taken" not in await page.title()


async def test_a_wrong_token_is_told_and_the_right_one_is_kept_for_the_tab(
    page: Page, url: str, business: Business
) -> None:
    key = await wait_for_person(business)
    await sign_in(page, url, token="wrong")
    await expect(page.get_by_text("This token is not the operator's.")).to_be_visible()
    await expect(entry(page, key)).to_have_count(0)
    await sign_in(page, url)
    await expect(entry(page, key)).to_be_visible()
    await page.reload()
    await expect(entry(page, key)).to_be_visible()
    await page.get_by_role("button", name="Sign out").click()
    await expect(entry(page, key)).to_have_count(0)
    assert await page.evaluate("sessionStorage.getItem('parley-operator-token')") is None
    assert await page.evaluate("localStorage.length") == 0


async def test_what_is_older_than_24_hours_cannot_be_answered_and_says_why(
    page: Page, url: str, business: Business, handoff: Handoff
) -> None:
    key = await wait_for_person(business)
    await handoff.take(key, "Ana")
    await business.set_conversation(key, last_inbound_at=inbound().sent_at)
    await sign_in(page, url)
    await entry(page, key).click()
    await expect(page.locator(".closed")).to_contain_text("older than 24 hours")


async def test_it_works_at_phone_width_and_by_the_keyboard(page: Page, url: str, business: Business) -> None:
    key = await wait_for_person(business)
    await page.set_viewport_size({"width": 390, "height": 780})
    await sign_in(page, url)
    await entry(page, key).press("Enter")
    await expect(page.locator("#lists")).to_be_hidden()
    await page.get_by_role("button", name="Take over").press("Enter")
    await write(page, "x" * 300)
    await expect(page.locator(".line.persons")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await page.keyboard.press("Escape")
    await expect(page.locator("#thread")).to_be_hidden()
    await expect(entry(page, key)).to_be_focused()


async def test_the_picture_for_the_documentation_can_be_taken(
    page: Page, url: str, business: Business, handoff: Handoff, tmp_path: Path
) -> None:
    """With PARLEY_WRITE_SCREENSHOT=1 it replaces docs/console.png."""
    await business.execute("UPDATE tenants SET slug = 'casa-luna' WHERE id = :id", id=business.tenant.id)
    sender = Sender(phone="15550107788", name="Zoë")
    key = await answered_from_a_passage(business, sender)
    await talk(business, "Thanks. My lamp came broken, can a person help?", "I have asked a person to take over.",
               sender=sender, wants_person=True)  # fmt: skip
    await wait_for_person(business, "Ben")
    await handoff.take(await wait_for_person(business, "Chiara"), "Marta")
    await business.execute("UPDATE outbox SET state = 'read' WHERE phone_number_id = :number")
    await handoff.take(key, "Ana")
    await handoff.reply(key, "Ana", "Hello Zoë, I am Ana. Please send me a picture.", request_id=uuid4())
    await sign_in(page, url)
    await entry(page, key).click()
    await page.get_by_role("button", name="Why this answer?").first.click()
    await expect(page.locator(".why blockquote")).to_be_visible()
    await page.locator(".lines").evaluate("lines => { lines.scrollTop = lines.scrollHeight; }")
    path = _DOCS if os.environ.get("PARLEY_WRITE_SCREENSHOT") == "1" else tmp_path / "console.png"
    await page.screenshot(path=path)
    assert 10_000 < path.stat().st_size < 400_000


async def answered_from_a_passage(business: Business, sender: Sender | None = None) -> UUID:
    """Let the bot answer from a document."""
    kept = await keep_passage(business, _OPENING, "Opening hours")
    answer = Answer(
        text="On Saturdays we are open from 10:00 to 14:00.",
        rung=Rung.EXTRACT,
        model="extractive answerer",
        sources=(Source(passage_id=kept, title="Opening hours", page=2),),
        confidence=0.83,
    )
    steps = {"claim": 212.0, "embed": 9.4, "search": 12.1, "generate": 77.5}
    return await talk(
        business, "When are you open on Saturdays?", answer.text, sender=sender, answer=answer, step_ms=steps
    )
