"""What every `GraphApi` does: our client at the simulator and the twin of the sender's tests alike."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from actors.ports import GraphApi
from models.errors import GraphRefused, GraphUnreachable
from models.message import OutboundMessage, Recipient
from tests.twins.neighbours import TwinGraph
from tests.unit.simulator.servers import NUMBER_ID, TOKEN, wire
from whatsapp.client import TOKEN_REFUSED, GraphClient, GraphOptions

NOBODY_LISTENS = "http://127.0.0.1:9"
HELLO = OutboundMessage(body="Hello")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """Graph as the sender has it, in three moods, and a user who has just written."""

    graph: GraphApi
    refusing: GraphApi  # the number's token is no longer good
    away: GraphApi
    user: Recipient
    written: str  # wamid


@pytest.fixture(params=["client", "twin"])
async def counter(request: pytest.FixtureRequest) -> AsyncIterator[Counter]:
    if request.param == "twin":
        refused, away = GraphRefused("token", TOKEN_REFUSED, "", 401), GraphUnreachable("no route", never_sent=True)
        user = Recipient(phone="15550100101")
        yield Counter(
            graph=TwinGraph(), refusing=TwinGraph(error=refused), away=TwinGraph(error=away), user=user, written="w"
        )
        return
    async with (
        wire() as connected,
        _client(connected.url, TOKEN) as graph,
        _client(connected.url, "another token") as refusing,
        _client(NOBODY_LISTENS, TOKEN) as away,
    ):
        person = await connected.control.add_user("Ana")
        written = await connected.control.send_text(person.id, NUMBER_ID, "Hello")
        user = Recipient(phone=person.phone)
        yield Counter(graph=graph, refusing=refusing, away=away, user=user, written=written)


def _client(url: str, token: str) -> GraphClient:
    async def token_for(phone_number_id: str) -> str:
        return token

    return GraphClient(token_for, GraphOptions(base_url=url))


async def test_each_message_that_is_taken_gets_a_name_of_its_own(counter: Counter) -> None:
    names = [await counter.graph.send(NUMBER_ID, counter.user, HELLO, f"attempt-{place}") for place in range(3)]
    assert all(names)
    assert len(set(names)) == 3


@pytest.mark.parametrize("typing", [True, False])
async def test_a_message_may_be_shown_as_read(counter: Counter, typing: bool) -> None:
    await counter.graph.mark_read(NUMBER_ID, counter.written, typing=typing)


async def test_a_refusal_tells_graphs_code(counter: Counter) -> None:
    with pytest.raises(GraphRefused) as refused:
        await counter.refusing.send(NUMBER_ID, counter.user, HELLO, "attempt-1")
    assert (refused.value.code, refused.value.http_status) == (TOKEN_REFUSED, 401)
    with pytest.raises(GraphRefused):
        await counter.refusing.mark_read(NUMBER_ID, counter.written, typing=True)


async def test_what_reached_nobody_was_never_sent(counter: Counter) -> None:
    with pytest.raises(GraphUnreachable) as unreachable:
        await counter.away.send(NUMBER_ID, counter.user, HELLO, "attempt-1")
    assert unreachable.value.never_sent
    with pytest.raises(GraphUnreachable):
        await counter.away.mark_read(NUMBER_ID, counter.written, typing=True)
