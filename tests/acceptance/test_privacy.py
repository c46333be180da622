"""What people write, who they are, and secrets: in no log, no command line, no page."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import NewPhone
from tests.acceptance.house import House, title
from tests.acceptance.shop import SHOP
from tests.acceptance.webhooks import body, change, message, post

pytestmark = pytest.mark.ray

CANARY = "quaxlorn zebrafink"


async def test_a_canary_is_found_nowhere_but_in_the_conversation(house: House, new_phone: NewPhone) -> None:
    phone = await new_phone(greeted=True)
    wamid = await phone.write(f"Do you deliver on Saturdays? {CANARY}")
    await phone.reply(wamid)
    await phone.ask(f"My number is +{phone.digits}, {CANARY}, call me")
    for content in (CANARY.encode(), body(change(message(None, CANARY), message(phone.digits, f"\x00 {CANARY}")))):
        assert (await post(house, content)).status_code == 200
    await post(house, CANARY.encode(), secret=f"wrong {CANARY}")
    await house.settled()

    secrets = (SHOP.access_token, SHOP.app_secret, SHOP.verify_token)
    own = [house.secret(name) for name in ("operator_token", "ray_token", "encryption_keys")]
    forbidden = {CANARY, phone.digits, wamid, phone.user.name, *secrets, *own}
    found = {place for place, text in _places(house) if any(word in text for word in forbidden)}
    assert not found


def test_there_is_something_to_search(house: House) -> None:
    names = [place for place, _ in _places(house)]
    assert any("conversation" in name for name in names)
    assert any("/serve/" in name for name in names)


def _places(house: House) -> Iterator[tuple[str, str]]:
    """Every place in which an operator, or a neighbour on the machine, could read: (where, what stands there)."""
    for file in _logs(house):
        yield str(file), file.read_text(errors="replace")
    for process in house.processes():
        line = title(process)
        yield f"command line of {process.pid}: {line.split(' ')[0]}", line
    for path in ("/metrics", "/status"):
        yield path, house.get(path, house.secret("operator_token")).text


def _logs(house: House) -> list[Path]:
    ray_logs = [
        file for folder in (house.ray_folder / "ray").glob("session_2*") for file in (folder / "logs").rglob("*")
    ]
    return [file for file in (*(house.home / "logs").rglob("*"), *ray_logs) if file.is_file()]
