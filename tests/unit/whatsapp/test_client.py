"""Facts about calling Graph, over real sockets on loopback."""

import asyncio
import json
import logging
import socket
import traceback
from datetime import timedelta
from functools import partial

import pytest

from actors.ports import GraphApi
from models.errors import GraphRefused, GraphUnreachable, StoreUnavailable, WrongSetting
from models.message import OutboundMessage, Recipient
from tests.unit.whatsapp.scripted_graph import (
    Act,
    answer,
    endless,
    hang_up,
    refusal,
    say_nothing,
    scripted_graph,
    stop_half_way,
)
from whatsapp.client import TOKEN_REFUSED, GraphClient, GraphOptions, MediaLocation
from whatsapp.decisions import Decision, decide

NUMBER, TOKEN = "700000000000001", "EAAB-a-token-that-nobody-may-see"
ANA = Recipient(phone="15550100101")
HELLO = OutboundMessage(body="Hello")
ACCEPTED = answer(200, {"messaging_product": "whatsapp", "messages": [{"id": "wamid.1"}]})
SHORT = timedelta(seconds=0.5)


async def token_for(_: str) -> str:
    return TOKEN


def client_of(url: str, *, call_timeout: timedelta = timedelta(seconds=4), max_connections: int = 10) -> GraphClient:
    options = GraphOptions(
        base_url=url,
        call_timeout=call_timeout,
        media_timeout=call_timeout,
        max_connections=max_connections,
        pool_timeout=timedelta(seconds=0.1),
    )
    return GraphClient(token_for, options)


async def outcome_of(act: Act, *, call_timeout: timedelta = timedelta(seconds=4)) -> GraphRefused | GraphUnreachable:
    async with scripted_graph(act) as graph, client_of(graph.url, call_timeout=call_timeout) as client:
        with pytest.raises((GraphRefused, GraphUnreachable)) as caught:
            await client.send(NUMBER, ANA, HELLO, "attempt-1")
        assert len(graph.requests) == 1  # nothing is ever sent again from here
    assert isinstance(caught.value, GraphRefused | GraphUnreachable)
    return caught.value


async def test_a_message_goes_to_its_number_with_its_token_and_comes_back_as_a_wamid() -> None:
    async with scripted_graph(ACCEPTED) as graph, client_of(graph.url) as client:
        port: GraphApi = client
        assert await port.send(NUMBER, ANA, HELLO, "attempt-1") == "wamid.1"
    (request,) = graph.requests
    assert (request.method, request.path) == ("POST", f"/v26.0/{NUMBER}/messages")
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert json.loads(request.body)["biz_opaque_callback_data"] == "attempt-1"


async def test_a_read_receipt_shows_that_we_type() -> None:
    async with scripted_graph(answer(200, {"success": True})) as graph, client_of(graph.url) as client:
        await client.mark_read(NUMBER, "wamid.1", typing=True)
    assert json.loads(graph.requests[0].body)["typing_indicator"] == {"type": "text"}


async def test_a_connection_is_kept_for_the_next_message() -> None:
    async with scripted_graph(ACCEPTED) as graph, client_of(graph.url) as client:
        for _ in range(5):
            await client.send(NUMBER, ANA, HELLO, "attempt-1")
    assert (len(graph.requests), graph.connections) == (5, 1)


@pytest.mark.parametrize(
    ("code", "status", "decision"),
    [
        (131047, 400, Decision.NEEDS_TEMPLATE),
        (131056, 400, Decision.SLOW_PAIR),
        (190, 401, Decision.STOP_NUMBER),
        (131057, 500, Decision.NUMBER_MAINTENANCE),
    ],
)
async def test_a_refusal_keeps_graphs_code_and_details(code: int, status: int, decision: Decision) -> None:
    error = await outcome_of(refusal(code, status, "More than 24 hours have passed"))
    assert isinstance(error, GraphRefused)
    assert (error.code, error.http_status, error.details) == (code, status, "More than 24 hours have passed")
    assert decide(error) is decision


@pytest.mark.parametrize(
    "act",
    [
        refusal(1),
        refusal(2, 500),
        refusal(131000, 500),
        refusal(131016, 503),
        answer(502, b"<html>Bad gateway</html>"),
        answer(200, b"not json"),
        answer(200, {"messages": []}),
        answer(200, b"[]"),
        hang_up,
    ],
)
async def test_what_may_have_been_sent_has_an_unknown_outcome(act: Act) -> None:
    error = await outcome_of(act)
    assert isinstance(error, GraphUnreachable)
    assert not error.never_sent
    assert decide(error) is Decision.UNKNOWN_OUTCOME


@pytest.mark.parametrize("act", [say_nothing, stop_half_way])
async def test_a_call_ends_within_its_time_limit(act: Act) -> None:
    started = asyncio.get_running_loop().time()
    error = await outcome_of(act, call_timeout=SHORT)
    assert asyncio.get_running_loop().time() - started < 2
    assert decide(error) is Decision.UNKNOWN_OUTCOME


async def test_a_redirect_is_not_followed_with_the_token() -> None:
    error = await outcome_of(answer(302, b"", "Location: http://127.0.0.1:9/\r\n"))
    assert decide(error) is Decision.STOP_NUMBER


async def test_what_found_nobody_listening_was_never_sent() -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        async with client_of(f"http://127.0.0.1:{taken.getsockname()[1]}") as client:
            with pytest.raises(GraphUnreachable) as caught:
                await client.send(NUMBER, ANA, HELLO, "attempt-1")
    assert caught.value.never_sent
    assert decide(caught.value) is Decision.RETRY_LATER


async def test_what_found_no_free_connection_was_never_sent() -> None:
    one_at_a_time = partial(client_of, call_timeout=timedelta(seconds=1), max_connections=1)
    async with scripted_graph(say_nothing) as graph, one_at_a_time(graph.url) as client:
        both = [client.send(NUMBER, ANA, HELLO, f"attempt-{n}") for n in range(2)]
        first, second = await asyncio.gather(*both, return_exceptions=True)
    assert isinstance(first, GraphUnreachable)
    assert isinstance(second, GraphUnreachable)
    assert (first.never_sent, second.never_sent) == (False, True)
    assert len(graph.requests) == 1


async def test_a_cancelled_call_stays_cancelled() -> None:
    async with scripted_graph(say_nothing) as graph, client_of(graph.url) as client:
        call = asyncio.create_task(client.send(NUMBER, ANA, HELLO, "attempt-1"))
        async with asyncio.timeout(5):
            await graph.asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


@pytest.mark.parametrize("token", ["", " ", "two\nlines", "naïve", f"{TOKEN}\n"])
async def test_a_broken_token_stops_the_number_and_is_shown_nowhere(token: str) -> None:
    async def broken(_: str) -> str:
        return token

    async with GraphClient(broken, GraphOptions(base_url="http://127.0.0.1:9")) as client:
        with pytest.raises(GraphRefused) as caught:
            await client.send(NUMBER, ANA, HELLO, "attempt-1")
    assert (caught.value.code, decide(caught.value)) == (TOKEN_REFUSED, Decision.STOP_NUMBER)
    assert not token.strip() or token not in "".join(traceback.format_exception(caught.value))


async def test_a_token_that_is_not_known_stops_the_number() -> None:
    async def unknown(_: str) -> str:
        raise WrongSetting("no such number")

    async with GraphClient(unknown, GraphOptions(base_url="http://127.0.0.1:9")) as client:
        with pytest.raises(GraphRefused) as caught:
            await client.send(NUMBER, ANA, HELLO, "attempt-1")
    assert decide(caught.value) is Decision.STOP_NUMBER


async def test_a_store_that_is_away_or_slow_means_that_nothing_was_sent() -> None:
    async def away(_: str) -> str:
        raise StoreUnavailable("away")

    async def slow(_: str) -> str:
        await asyncio.Event().wait()
        return TOKEN

    for lookup in (away, slow):
        options = GraphOptions(base_url="http://127.0.0.1:9", call_timeout=SHORT)
        async with GraphClient(lookup, options) as client:
            with pytest.raises(GraphUnreachable) as caught:
                await client.send(NUMBER, ANA, HELLO, "attempt-1")
        assert caught.value.never_sent


async def test_the_token_stands_in_no_error_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    acts = [refusal(190, 401, f"Malformed access token {TOKEN}"), hang_up, answer(200, b"?"), say_nothing]
    with caplog.at_level(logging.INFO):
        errors = [await outcome_of(act, call_timeout=SHORT) for act in acts]
    shown = "".join(text for error in errors for text in traceback.format_exception(error))
    shown += "".join(repr(error) for error in errors) + caplog.text
    assert TOKEN not in shown
    assert NUMBER not in caplog.text
    assert "15550100101" not in shown


async def test_a_file_is_uploaded_as_a_form() -> None:
    async with scripted_graph(answer(200, {"id": "900"})) as graph, client_of(graph.url) as client:
        media_id = await client.upload_media(NUMBER, b"\x89PNG", media_type="image", mime_type="image/png")
    assert media_id == "900"
    (request,) = graph.requests
    assert request.path == f"/v26.0/{NUMBER}/media"
    assert request.headers["content-type"].startswith("multipart/form-data")
    for part in (b'name="messaging_product"', b"whatsapp", b"image/png", b"\x89PNG"):
        assert part in request.body


async def test_a_file_that_meta_would_refuse_is_not_uploaded() -> None:
    async with scripted_graph(answer(200, {"id": "900"})) as graph, client_of(graph.url) as client:
        for content, media_type in ((bytes(5 * 1024**2 + 1), "image"), (b"x", "hologram")):
            with pytest.raises(GraphRefused):
                await client.upload_media(NUMBER, content, media_type=media_type, mime_type="image/png")
    assert graph.requests == []


async def test_a_file_is_downloaded_in_two_steps() -> None:
    async with scripted_graph() as graph, client_of(graph.url) as client:
        where = {"url": f"{graph.url}/file/1", "mime_type": "image/png", "sha256": "ab", "file_size": "4", "id": "900"}
        graph.acts = [answer(200, where), answer(200, b"\x89PNG")]
        location = await client.media_url(NUMBER, "900")
        content = await client.download_media(NUMBER, location)
    assert content == b"\x89PNG"
    assert (location.mime_type, location.sha256, location.size_bytes) == ("image/png", "ab", 4)
    first, second = graph.requests
    assert first.path == f"/v26.0/900?phone_number_id={NUMBER}"
    assert second.headers["authorization"] == f"Bearer {TOKEN}"


async def test_an_address_that_has_died_says_so() -> None:
    async with scripted_graph(answer(404, b"")) as graph, client_of(graph.url) as client:
        with pytest.raises(GraphRefused) as caught:
            await client.download_media(NUMBER, MediaLocation(url=f"{graph.url}/file/1", mime_type="image/png"))
    assert caught.value.http_status == 404


async def test_a_download_stops_at_its_size_limit() -> None:
    async with scripted_graph(endless(b"x" * 65536)) as graph, client_of(graph.url) as client:
        location = MediaLocation(url=f"{graph.url}/file/1", mime_type="video/mp4")
        with pytest.raises(GraphRefused) as caught:
            await client.download_media(NUMBER, location, max_bytes=1_000_000)
    assert decide(caught.value) is Decision.TELL_USER


async def test_a_file_that_is_told_to_be_too_large_is_not_asked_for() -> None:
    async with scripted_graph(ACCEPTED) as graph, client_of(graph.url) as client:
        location = MediaLocation(url=f"{graph.url}/file/1", mime_type="video/mp4", size_bytes=10**9)
        with pytest.raises(GraphRefused):
            await client.download_media(NUMBER, location)
    assert graph.requests == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/file/1", "ftp://127.0.0.1/file", "file:///etc/passwd", "/file/1"])
async def test_a_token_never_travels_in_the_clear(url: str) -> None:
    async with client_of("https://graph.example") as client:
        with pytest.raises(GraphRefused):
            await client.download_media(NUMBER, MediaLocation(url=url, mime_type="image/png"))


async def test_ids_cannot_leave_their_place_in_the_address() -> None:
    async with scripted_graph(answer(404, b"")) as graph, client_of(graph.url) as client:
        with pytest.raises(GraphRefused):
            await client.media_url(NUMBER, "../../secret?x=1#")
    assert graph.requests[0].path == f"/v26.0/..%2F..%2Fsecret%3Fx%3D1%23?phone_number_id={NUMBER}"


async def test_closing_twice_is_safe() -> None:
    client = client_of("http://127.0.0.1:9")
    await client.aclose()
    await client.aclose()


def test_a_call_ends_before_the_lease_of_its_sender() -> None:
    options = GraphOptions()
    assert options.call_timeout < timedelta(seconds=5)
    assert options.connect_timeout + options.pool_timeout < options.call_timeout
