"""What dies comes back, with the data, and nobody is lost or answered twice."""

import asyncio
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import psutil
import pytest

from tests.acceptance.conftest import NewPhone
from tests.acceptance.house import House, suspended, until, wait_until
from tests.acceptance.phone import Phone
from tests.acceptance.shop import SHOP, set_token
from tests.acceptance.webhooks import body, change, message, post

pytestmark = [pytest.mark.ray, pytest.mark.timeout(420)]

QUESTION = "Do you deliver on Saturdays?"
FACT = "between 10:00 and 14:00"


def test_a_second_up_says_that_it_is_up(house: House) -> None:
    owner = house.owner
    assert "up already" in house.run("up")
    assert house.owner == owner


def test_a_document_that_cannot_be_read_is_rejected_with_its_reason(house: House, tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\nno more of it")
    (tmp_path / "parking.md").write_text("# Parking\n\nBehind the shop there are nine parking spaces for customers.\n")
    house.run("knowledge", "add", str(tmp_path))
    lines = {line.split()[0]: line for line in house.run("knowledge", "list").splitlines() if line.strip()}
    assert "rejected" in lines["broken.pdf"]
    assert len(lines["broken.pdf"].split()) > 3, "no reason is told"
    assert "indexed" in lines["parking.md"]


async def test_a_refused_token_stops_the_number_until_it_is_started_again(house: House, phone: Phone) -> None:
    await set_token(house, "EAAanother")
    asked = await phone.write(QUESTION)
    await asyncio.to_thread(
        wait_until, lambda: "stopped: Graph refused" in house.run("numbers", "list"), 60, "the number is stopped"
    )
    assert await phone.answers() == []
    await set_token(house, SHOP.access_token)
    house.run("numbers", "start", SHOP.number)
    assert FACT in (await phone.reply(asked)).text
    await house.settled()
    assert len(await phone.answers()) == 1
    assert "stopped" not in house.run("numbers", "list")


async def test_without_postgres_a_webhook_is_sent_back_and_taken_later(house: House, new_phone: NewPhone) -> None:
    phone = await new_phone(greeted=True)
    asked = body(change(message(phone.digits, QUESTION)))
    owner = house.owner
    assert owner is not None
    with suspended([owner]):  # so that it mends nothing meanwhile
        for process in house.postgres():
            with suppress(psutil.NoSuchProcess):  # the others end when they miss their postmaster
                process.kill()
        refused = await post(house, asked)
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0

    async def is_taken() -> bool:
        return bool((await post(house, asked)).status_code == 200)

    async def is_answered() -> bool:
        return any(FACT in line.text for line in await phone.answers())

    await until(is_taken, 60, "the webhook is taken")
    await until(is_answered, 60, "the question is answered")
    await house.settled()
    assert len(await phone.answers()) == 2


async def test_a_worker_killed_in_the_middle_of_turns_loses_nobody_and_answers_nobody_twice(
    house: House, new_phone: NewPhone
) -> None:
    people = await asyncio.gather(*(new_phone() for _ in range(12)))
    with suspended(house.replicas("Embedder")):  # so that turns are under way when their worker dies
        asked = [await person.write(QUESTION) for person in people]
        await until(lambda: _turns_are_under_way(house, len(people)), 30, "all are being answered")
        for replica in house.replicas("Conversation"):
            replica.kill()
    asked += [await person.write("how much is delivery to mainland spain") for person in people]
    await asyncio.gather(*(person.reply(line) for person, line in zip([*people, *people], asked, strict=True)))
    await house.settled()
    for place, person in enumerate(people):
        # Both lines may have become one turn; each turn is answered once, and no line belongs to two.
        turns = {turn["id"] for line in (asked[place], asked[place + len(people)]) if (turn := await house.turn(line))}
        assert len(await person.answers()) == len(turns)
        assert await _attempts(house, turns) == [1] * len(turns)


async def _turns_are_under_way(house: House, count: int) -> bool:
    rows = await house.rows("SELECT count(*) AS held FROM conversations WHERE lease_until > now()")
    return bool(rows[0]["held"] >= count)


async def _attempts(house: House, turns: set[UUID]) -> list[int]:
    """How often each message of these turns was posted."""
    rows = await house.rows("SELECT attempts FROM outbox WHERE turn_id = ANY($1)", list(turns))
    return [row["attempts"] for row in rows]
