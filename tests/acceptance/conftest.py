"""One service for all tests of this folder: started once, started again only where a test has ended it."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from deployments.owner import is_taken
from tests.acceptance.house import ROOT, House
from tests.acceptance.phone import Phone
from tests.acceptance.shop import open_shop
from whatsapp.simulator.client import SimulatorClient


@pytest.fixture(scope="package")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The service with one small business; afterwards nothing of it may be left."""
    house = House(tmp_path_factory.mktemp("acceptance") / "a home")
    _bring_model(house.home)
    try:
        house.up()
        open_shop(house)
        yield house
    finally:
        house.down()
        left = house.processes()
        house.forget()
    assert not left
    assert not [port for port in house.ports.values() if is_taken(port)]
    assert not house.ray_folder.exists()


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


def _bring_model(home: Path) -> None:
    """Take the exported embedding model of a home that has it: making it takes half a minute."""
    known = Path(os.environ.get("PARLEY_TEST_HOME", ROOT / ".parley")) / "models"
    if known.is_dir():
        shutil.copytree(known, home / "models")
