"""The operator application's routes for people who answer, on a real PostgreSQL."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from models.answer import Answer, Rung
from store.handoff import Handoff
from tests.desk import talk
from tests.factories import Business
from tests.unit.operator.house import calling

pytestmark = pytest.mark.postgres


@pytest.fixture
async def client(business: Business) -> AsyncIterator[httpx2.AsyncClient]:
    async with calling(handoff=Handoff(business.database, business.keyring)) as client:
        yield client


async def waiting(business: Business) -> UUID:
    """Let a user ask for a person, and the bot say so."""
    answer = Answer(text="One moment.", rung=Rung.PHRASE, model="handoff accepted")
    return await talk(business, "A person, please", "One moment.", answer=answer, wants_person=True)


async def post(client: httpx2.AsyncClient, key: UUID, act: str, **body: Any) -> httpx2.Response:
    return await client.post(f"/conversations/{key}/{act}", json=body)


async def test_a_person_finds_takes_answers_and_hands_back(client: httpx2.AsyncClient, business: Business) -> None:
    key = await waiting(business)
    listed = (await client.get("/conversations", params={"tenant": business.tenant.slug})).json()
    assert [(one["id"], one["which"], one["taken_by"]) for one in listed["conversations"]] == [
        (str(key), "waiting", None)
    ]
    assert listed["next"] is None
    assert (await post(client, key, "take", by="Ana")).status_code == 204
    replied = await post(client, key, "reply", by="Ana", text="Here I am.", request_id=str(uuid4()))
    assert replied.status_code == 202
    shown = (await client.get(f"/conversations/{key}")).json()
    assert [(line["by"], line["text"]) for line in shown["lines"]] == [
        ("user", "A person, please"),
        ("bot", "One moment."),
        ("Ana", "Here I am."),
    ]
    assert shown["conversation"]["taken_by"] == "Ana"
    assert [deed["act"] for deed in shown["deeds"]] == ["took", "replied"]
    assert (await post(client, key, "hand-back", by="Ana")).status_code == 204


async def test_who_comes_too_late_is_told_who_has_it(client: httpx2.AsyncClient, business: Business) -> None:
    key = await waiting(business)
    await post(client, key, "take", by="Ana")
    for refused in (
        await post(client, key, "take", by="Ben"),
        await post(client, key, "reply", by="Ben", text="Hi", request_id=str(uuid4())),
        await post(client, key, "hand-back", by="Ben"),
    ):
        assert refused.status_code == 409
        assert refused.headers["content-type"] == "application/problem+json"
        told = refused.json()
        assert (told["taken_by"], told["detail"]) == ("Ana", "Ana has this conversation.")
    assert (await post(client, key, "take", by="Ben", instead_of="Ana")).status_code == 204


async def test_after_24_hours_the_refusal_names_no_person(client: httpx2.AsyncClient, business: Business) -> None:
    key = await waiting(business)
    await post(client, key, "take", by="Ana")
    await business.execute("UPDATE conversations SET last_inbound_at = NULL WHERE phone_number_id = :number")
    refused = await post(client, key, "reply", by="Ana", text="Hi", request_id=str(uuid4()))
    assert refused.status_code == 409
    assert "taken_by" not in refused.json()


async def test_a_lost_answer_may_be_asked_for_again(client: httpx2.AsyncClient, business: Business) -> None:
    key = await waiting(business)
    await post(client, key, "take", by="Ana")
    body = {"by": "Ana", "text": "Here I am.", "request_id": str(uuid4())}
    first, second = await post(client, key, "reply", **body), await post(client, key, "reply", **body)
    assert first.json() == second.json()


async def test_why_is_told_for_each_answer_of_the_bot(client: httpx2.AsyncClient, business: Business) -> None:
    key = await waiting(business)
    (said,) = [line for line in (await client.get(f"/conversations/{key}")).json()["lines"] if line["by"] == "bot"]
    told = (await client.get(f"/conversations/{key}/turns/{said['turn_id']}")).json()
    assert (told["rung"], told["model"], told["passages"]) == ("phrase", "handoff accepted", [])
    assert (await client.get(f"/conversations/{key}/turns/{uuid4()}")).status_code == 404


@pytest.mark.parametrize("path", [f"/conversations/{uuid4()}", f"/conversations/{uuid4()}/take"])
async def test_an_unknown_conversation_is_not_found(client: httpx2.AsyncClient, path: str) -> None:
    method = "POST" if path.endswith("take") else "GET"
    answer = await client.request(method, path, json={"by": "Ana"} if method == "POST" else None)
    assert (answer.status_code, answer.json()["detail"]) == (404, "There is no conversation with this id.")


@pytest.mark.parametrize("path", ["/conversations/canary", "/conversations?after=canary"])
async def test_a_wrong_id_or_place_is_not_repeated(client: httpx2.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 422
    assert "canary" not in answer.text.replace(answer.json()["instance"], "")
