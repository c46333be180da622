"""What nobody should post: refused where it is not signed, else kept and acknowledged, never a 5xx."""

import asyncio

import pytest

from tests.acceptance.conftest import NewPhone
from tests.acceptance.house import House, until
from tests.acceptance.webhooks import body, change, message, post

pytestmark = pytest.mark.ray

GOOD = body(change(message("15550100101", "Hello")))
UNKNOWN_NUMBER = "199999999999999"


@pytest.mark.parametrize("signature", ["", "sha256=", "sha256=" + "0" * 64, "sha1=abc"])
async def test_a_missing_or_wrong_signature_is_401(house: House, signature: str) -> None:
    assert (await post(house, GOOD, signature)).status_code == 401


async def test_a_stranger_with_a_secret_of_its_own_is_401(house: House) -> None:
    assert (await post(house, GOOD, secret="of a stranger")).status_code == 401


async def test_more_than_3_mb_is_413(house: House) -> None:
    assert (await post(house, b" " * (3 * 1024 * 1024 + 1))).status_code == 413


async def test_what_is_no_json_is_acknowledged_and_kept(house: House) -> None:
    before = await _kept(house, "no valid JSON")
    assert (await post(house, b'{"entry": [')).status_code == 200
    assert await _kept(house, "no valid JSON") == before + 1


async def test_a_number_that_nobody_added_is_kept_and_not_answered(house: House, new_phone: NewPhone) -> None:
    phone = await new_phone(greeted=True)
    asked = body(change(message(phone.digits, "Do you deliver on Saturdays?"), number=UNKNOWN_NUMBER))
    before = await _kept(house, "unknown number")
    assert (await post(house, asked)).status_code == 200
    assert await _kept(house, "unknown number") == before + 1
    await house.settled()
    assert len(await phone.answers()) == 1


async def test_a_good_message_is_answered_whatever_stands_beside_it(house: House, new_phone: NewPhone) -> None:
    phone = await new_phone(greeted=True)
    good = message(phone.digits, "Do you deliver on Saturdays?")
    beside = [message(None, "Who am I?"), "no object", {}, message(phone.digits, "no id", id=None)]
    mixed = body(change(*beside, good), change(message(phone.digits, "no metadata"), number=None), {"field": 7}, [])
    assert (await post(house, mixed)).status_code == 200

    async def is_answered() -> bool:
        return any("between 10:00 and 14:00" in line.text for line in await phone.answers())

    await until(is_answered, 60, "the good message is answered")


@pytest.mark.parametrize(
    "content",
    [b"[]", b"7", b"null", b'"text"', b"{}", b'{"entry": {}}', b'{"entry": []}', b'{"entry": [{"changes": 1}]}'],
)
async def test_other_shapes_are_acknowledged(house: House, content: bytes) -> None:
    assert (await post(house, content)).status_code == 200


async def test_many_bad_ones_at_once_harm_nobody(house: House, new_phone: NewPhone) -> None:
    phone = await new_phone()
    bad = [post(house, b"{" * size) for size in range(1, 20)]
    (reply, *responses) = await asyncio.gather(phone.ask("Do you deliver on Saturdays?"), *bad)
    assert "between 10:00 and 14:00" in reply
    assert {response.status_code for response in responses} == {200}


async def _kept(house: House, reason: str) -> int:
    rows = await house.rows("SELECT count(*) AS kept FROM quarantine WHERE reason = $1", reason)
    return int(rows[0]["kept"])
