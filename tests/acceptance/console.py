"""What a person does on the console."""

from uuid import UUID

from playwright.async_api import Locator, Page

from tests.unit.operator.house import TOKEN


async def sign_in(page: Page, url: str, *, token: str = TOKEN, name: str = "Ana") -> None:
    """Type in the token and a name, on the console that is served under this address."""
    if not page.url.startswith(url):
        await page.goto(f"{url}/console")
    await page.get_by_label("Token").fill(token)
    await page.get_by_label("Your name").fill(name)
    await page.get_by_role("button", name="Sign in").click()


def entry(page: Page, key: UUID) -> Locator:
    """A conversation in the lists."""
    return page.locator(f"button.conversation[data-conversation='{key}']")


async def write(page: Page, text: str) -> None:
    """Reply to the open conversation."""
    field = page.get_by_label("Write as the business")
    await field.fill(text)
    await field.press("Enter")
