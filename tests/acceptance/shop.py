"""The business of these tests: a few documents of the sample, a number whose secrets the tests know."""

from dataclasses import dataclass

from tests.acceptance.house import ROOT, House
from whatsapp.simulator.client import SimulatorClient

DOCUMENTS = ROOT / "samples" / "faro-y-ruta" / "documents"
NAMES = ("opening-hours.md", "delivery.md", "horarios.md", "faq.md")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A tenant and its number."""

    slug: str
    number: str
    display: str
    access_token: str
    app_secret: str
    verify_token: str


SHOP = Shop(
    slug="faro",
    number="100000000000042",
    display="+1 555 0100042",
    access_token="EAAacceptance7431token",
    app_secret="acceptance9152secret",
    verify_token="acceptance6627verify",
)


def open_shop(house: House) -> None:
    """Add the business as an operator would."""
    house.run("tenants", "add", SHOP.slug, "--name", "Faro & Ruta", "--languages", "en,es")
    secrets = "\n".join((SHOP.access_token, SHOP.app_secret, SHOP.verify_token, ""))
    number = ("--phone-number-id", SHOP.number, "--display", SHOP.display, "--portfolio", "portfolio-faro")
    house.run("numbers", "add", SHOP.slug, *number, stdin=secrets)
    house.run("knowledge", "add", *(str(DOCUMENTS / name) for name in NAMES))


async def set_token(house: House, access_token: str) -> None:
    """Make the simulator's number accept this access token only, as Meta does after one was replaced."""
    async with SimulatorClient(house.simulator) as simulator:
        await simulator.add_number(
            phone_number_id=SHOP.number,
            display_phone_number=SHOP.display,
            waba_id=f"waba-{SHOP.slug}",
            name="Faro & Ruta",
            access_token=access_token,
            app_secret=SHOP.app_secret,
            verify_token=SHOP.verify_token,
            callback_url=house.webhook,
        )
