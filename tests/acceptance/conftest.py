"""One service for all tests of this folder: started once, started again only where a test has ended it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.acceptance.house import House
from tests.acceptance.phone import Phone
from tests.acceptance.shop import open_shop
from whatsapp.simulator.client import SimulatorClient


@pytest.fixture(scope="package")
def installed(tmp_path_factory: pytest.TempPathFactory, model_home: Path) -> Iterator[House]:
    """The service with one small business; afterwards nothing of it may be left."""
    house = House(tmp_path_factory.mktemp("acceptance") / "a home")
    house.share_models(model_home)
    try:
        house.up()
        open_shop(house)
        yield house
    finally:
        house.down()
        left = house.left_behind()
        house.forget()
    assert left == []


@pytest.fixture
def house(installed: House) -> House:
    """The service, up, without a generative model."""
    if installed.owner is None:
        installed.up()
    return installed


@pytest.fixture
async def simulator(house: House) -> AsyncIterator[SimulatorClient]:
    async with SimulatorClient(house.simulator) as client:
        yield client


NewPhone = Callable[..., Awaitable[Phone]]


@pytest.fixture
def new_phone(simulator: SimulatorClient) -> NewPhone:
    """Makes people whom the shop has not met; with `greeted`, who have been greeted, so that it may write to them."""

    async def make(*, with_phone: bool = True, greeted: bool = False) -> Phone:
        user = await simulator.add_user(f"Person {uuid4().hex[:6]}", with_phone=with_phone)
        phone = Phone(simulator=simulator, user=user)
        if greeted:
            await phone.ask("Hello")
        return phone

    return make


@pytest.fixture
async def phone(new_phone: NewPhone) -> Phone:
    """Somebody whom the shop has not met."""
    return await new_phone()
