"""The webhook by its answers: what Meta gets, and what is kept before it gets it."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from deployments.ingress import MOST_BODY_BYTES, Ingress
from deployments.signers import Signers, signing_apps
from store.accounts import App
from telemetry.instruments import MEMORY
from telemetry.metrics import INBOX_DUPLICATES, INBOX_MESSAGES
from tests.twins.inbox import TwinInbox
from tests.unit.whatsapp.stories import NUMBER, story
from whatsapp.signature import sign

SECRET, OTHER_SECRET, OTHER_NUMBER = b"secret", b"another", "700000000000099"


class TwinSigners:
    """Two apps, each with a number."""

    async def current(self, *, fresh: bool = False) -> Signers:
        apps = {name: App(name=name, secrets=(secret,), verify_token=f"verify {name}") for name, secret in _APPS}
        return Signers(apps=apps, app_of_number={NUMBER: "ours", OTHER_NUMBER: "theirs"})


_APPS = (("ours", SECRET), ("theirs", OTHER_SECRET))


@pytest.fixture(autouse=True)
def nothing_recorded() -> Iterator[None]:
    MEMORY.forget()
    yield
    MEMORY.forget()


@pytest.fixture
def inbox() -> TwinInbox:
    return TwinInbox()


@pytest.fixture
async def ingress(inbox: TwinInbox) -> AsyncIterator[Ingress]:
    ingress = Ingress(inbox, TwinSigners())
    ingress.start()
    yield ingress
    await ingress.drain()


def request(
    body: bytes = b"",
    *,
    method: str = "POST",
    query: str = "",
    headers: dict[str, str] | None = None,
    ends: bool = True,
) -> Request:
    """One request as a server would hand it over, its body in pieces of a megabyte."""
    pieces = [body[start : start + 2**20] for start in range(0, len(body), 2**20)] or [b""]
    events: list[dict[str, Any]] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    events.append({"type": "http.request", "body": b"", "more_body": False} if ends else {"type": "http.disconnect"})

    async def receive() -> dict[str, Any]:
        return events.pop(0)

    names = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {"type": "http", "method": method, "path": "/", "query_string": query.encode(), "headers": names}
    return Request(scope, receive)


def stalled(announced: int) -> Request:
    """A request whose body never comes."""

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    headers = [(b"content-length", str(announced).encode())]
    return Request({"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}, receive)


def signed(body: bytes, secret: bytes = SECRET) -> Request:
    return request(
        body, headers={"X-Hub-Signature-256": sign(body=body, secret=secret), "Content-Length": str(len(body))}
    )


def hello(wamid: str = "wamid.1", number: str = NUMBER) -> bytes:
    body = story("hello")
    value = body["entry"][0]["changes"][0]["value"]
    value["messages"][0]["id"] = wamid
    value["metadata"]["phone_number_id"] = number
    return json.dumps(body).encode()


def wamids(inbox: TwinInbox) -> list[str]:
    return [message.wamid for body in inbox.kept for message in body.messages]


@pytest.mark.parametrize(
    ("query", "code", "text"),
    [
        ("hub.mode=subscribe&hub.verify_token=verify+ours&hub.challenge=42", 200, "42"),
        ("hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=42", 403, "wrong verify token"),
        ("hub.mode=other&hub.verify_token=verify+ours&hub.challenge=42", 403, "wrong verify token"),
        ("", 403, "wrong verify token"),
    ],
)
async def test_the_challenge_is_answered_to_who_knows_the_token(
    ingress: Ingress, query: str, code: int, text: str
) -> None:
    response = await ingress.handle(request(method="GET", query=query))
    assert (response.status_code, bytes(response.body).decode()) == (code, text)


async def test_other_methods_are_refused(ingress: Ingress) -> None:
    assert (await ingress.handle(request(method="PUT"))).status_code == 405


async def test_a_repeated_message_is_not_counted_as_a_new_one(ingress: Ingress) -> None:
    for wamid in ("wamid.1", "wamid.1", "wamid.2"):
        await ingress.handle(signed(hello(wamid)))
    assert (MEMORY.figure(INBOX_MESSAGES, kind="text"), MEMORY.figure(INBOX_DUPLICATES)) == (2, 1)


async def test_a_signed_message_is_kept_before_it_is_acknowledged(ingress: Ingress, inbox: TwinInbox) -> None:
    inbox.may_commit.clear()
    answer = asyncio.create_task(ingress.handle(signed(hello())))
    await inbox.committing.wait()
    assert not answer.done()
    inbox.may_commit.set()
    assert (await answer).status_code == 200
    assert wamids(inbox) == ["wamid.1"]


@pytest.mark.parametrize("header", [None, "sha256=" + "0" * 64, "nonsense"])
async def test_a_wrong_or_missing_signature_is_refused(ingress: Ingress, inbox: TwinInbox, header: str | None) -> None:
    response = await ingress.handle(request(hello(), headers={"X-Hub-Signature-256": header} if header else {}))
    assert response.status_code == 401
    assert (inbox.kept, inbox.quarantined) == ([], [])


async def test_no_tenant_signs_for_the_number_of_another(ingress: Ingress, inbox: TwinInbox) -> None:
    assert (await ingress.handle(signed(hello(), OTHER_SECRET))).status_code == 401
    assert inbox.kept == []


async def test_an_announced_body_that_is_too_large_is_not_read(ingress: Ingress) -> None:
    untouched = request(b"x", headers={"Content-Length": str(MOST_BODY_BYTES + 1)}, ends=False)
    assert (await ingress.handle(untouched)).status_code == 413


async def test_an_unannounced_body_that_is_too_large_is_refused(ingress: Ingress) -> None:
    assert (await ingress.handle(request(b"x" * (MOST_BODY_BYTES + 1)))).status_code == 413


async def test_more_bytes_than_may_be_held_at_once_are_refused(
    ingress: Ingress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployments.ingress.MOST_BYTES_IN_FLIGHT", len(hello()))
    assert (await ingress.handle(request(hello() + b" "))).status_code == 503
    assert (await ingress.handle(signed(hello()))).status_code == 200, "what was held was not given back"


async def test_who_announces_much_and_sends_nothing_takes_no_room_from_others(
    ingress: Ingress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployments.ingress.MOST_BYTES_IN_FLIGHT", 2 * MOST_BODY_BYTES)
    silent = [asyncio.create_task(ingress.handle(stalled(MOST_BODY_BYTES))) for _ in range(2)]
    await asyncio.sleep(0)
    assert (await ingress.handle(signed(hello()))).status_code == 200
    for task in silent:
        task.cancel()
    await asyncio.gather(*silent, return_exceptions=True)


async def test_the_signature_of_a_large_body_is_not_checked_on_the_loop(
    ingress: Ingress, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked_in: list[int] = []

    def check(*given: Any) -> frozenset[str]:
        checked_in.append(threading.get_ident())
        return signing_apps(*given)

    monkeypatch.setattr("deployments.ingress.signing_apps", check)
    await ingress.handle(request(b"x" * MOST_BODY_BYTES, headers={"X-Hub-Signature-256": "sha256=" + "0" * 64}))
    assert checked_in
    assert threading.get_ident() not in checked_in


async def test_a_wrong_signature_is_checked_again_only_by_other_signers(
    inbox: TwinInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[object] = []

    def check(*given: Any) -> frozenset[str]:
        checked.append(given)
        return signing_apps(*given)

    monkeypatch.setattr("deployments.ingress.signing_apps", check)
    unchanged = await TwinSigners().current()

    class Unchanged:
        async def current(self, *, fresh: bool = False) -> Signers:
            return unchanged

    assert (await Ingress(inbox, Unchanged()).handle(request(hello()))).status_code == 401
    assert len(checked) == 1


async def test_a_store_that_is_away_means_come_again(ingress: Ingress, inbox: TwinInbox) -> None:
    inbox.is_away = True
    response = await ingress.handle(signed(hello()))
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    inbox.is_away = False
    assert (await ingress.handle(signed(hello()))).status_code == 200


async def test_signed_bytes_that_are_no_json_are_set_aside_and_acknowledged(ingress: Ingress, inbox: TwinInbox) -> None:
    assert (await ingress.handle(signed(b"{"))).status_code == 200
    assert inbox.quarantined == [("no valid JSON", b"{")]


async def test_a_message_for_an_unknown_number_is_set_aside(ingress: Ingress, inbox: TwinInbox) -> None:
    assert (await ingress.handle(signed(hello(number="unknown")))).status_code == 200
    (kept,) = inbox.kept
    assert kept.messages == ()
    assert [rejected.reason for rejected in kept.rejected] == ["unknown number"]


async def test_one_bad_body_does_not_take_its_neighbours_with_it(ingress: Ingress, inbox: TwinInbox) -> None:
    inbox.refuses = "wamid.bad"
    inbox.may_commit.clear()
    first = asyncio.create_task(ingress.handle(signed(hello("wamid.first"))))
    await inbox.committing.wait()
    rest = [asyncio.create_task(ingress.handle(signed(hello(name)))) for name in ("wamid.bad", "wamid.good")]
    await _until(lambda: ingress.waiting() == 2)
    inbox.may_commit.set()
    responses: list[Response] = await asyncio.gather(first, *rest)
    assert [response.status_code for response in responses] == [200, 200, 200]
    assert wamids(inbox) == ["wamid.first", "wamid.good"]
    assert [reason for reason, _ in inbox.quarantined] == ["not storable"]


async def test_a_client_that_goes_away_during_the_commit_ends_nothing(ingress: Ingress, inbox: TwinInbox) -> None:
    inbox.may_commit.clear()
    gone = asyncio.create_task(ingress.handle(signed(hello("wamid.gone"))))
    await inbox.committing.wait()
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    inbox.may_commit.set()
    assert (await ingress.handle(signed(hello("wamid.next")))).status_code == 200
    assert wamids(inbox) == ["wamid.gone", "wamid.next"]
    ingress.require_alive()


async def test_a_body_that_never_comes_whole_is_not_kept(ingress: Ingress, inbox: TwinInbox) -> None:
    assert (await ingress.handle(request(hello(), ends=False))).status_code == 408
    assert inbox.kept == []


async def test_a_commit_that_takes_too_long_means_come_again(
    ingress: Ingress, inbox: TwinInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployments.ingress.COMMIT_LIMIT_S", 0.01)
    inbox.may_commit.clear()
    assert (await ingress.handle(signed(hello()))).status_code == 503
    inbox.may_commit.set()


async def test_an_ingress_that_was_not_started_is_not_alive(inbox: TwinInbox) -> None:
    with pytest.raises(RuntimeError, match="commit loop"):
        Ingress(inbox, TwinSigners()).require_alive()


async def _until(holds: Any) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - the ingress has no event for it, and the loop is only yielded to
            await asyncio.sleep(0)
