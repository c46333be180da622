"""What a number's line does beside sending: the window, consent, the circuit, and its neighbours of the same sender."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import structlog

from actors.number_line import NumberLine, Shared
from actors.sender import MOST_NUMBERS, MOST_POSTS, share
from models.errors import GraphRefused, GraphUnreachable
from models.message import OutboundKind, OutboundMessage, Purpose, Recipient
from tests.twins.neighbours import TwinGraph, TwinQueue
from tests.unit.actors.test_sender import NUMBER, queued, run, shared
from whatsapp.breaker import OPENS_AFTER

AWAY = GraphUnreachable("no route", never_sent=True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.number_line.RELEASE_AFTER_S", 0.05)
    monkeypatch.setattr("actors.number_line.IDLE_LOOK_S", 0.005)
    monkeypatch.setattr("actors.number_line.LOOK_EVERY_S", 0.001)


async def line(queue: TwinQueue, graph: TwinGraph, together: Shared) -> None:
    async with asyncio.timeout(10):
        await NumberLine(NUMBER, queue, graph, together).run()


async def test_an_answer_that_comes_too_late_is_never_posted() -> None:
    queue, graph = TwinQueue(replace(queued(1), is_open=False), queued(2)), TwinGraph()
    await run(queue, graph)
    assert queue.became[1] == ("failed", None, "window_closed")
    assert [body for body, _ in graph.sent] == ["message 2"]
    assert queue.persons_asked == 1


async def test_a_template_goes_out_whenever_the_user_wrote() -> None:
    template = OutboundMessage(kind=OutboundKind.TEMPLATE, body="come back", template={"name": "x"})
    queue = TwinQueue(replace(queued(1), is_open=False, message=template, purpose=Purpose.CALLBACK))
    await run(queue, graph := TwinGraph())
    assert len(graph.sent) == 1


async def test_whoever_has_opted_out_gets_answers_and_no_campaign() -> None:
    unasked = replace(queued(1), purpose=Purpose.CAMPAIGN, is_opted_out=True)
    queue, graph = TwinQueue(unasked, replace(queued(2), is_opted_out=True)), TwinGraph()
    await run(queue, graph)
    assert queue.became[1] == ("failed", None, "opted_out")
    assert [body for body, _ in graph.sent] == ["message 2"]


async def test_answers_go_before_campaigns() -> None:
    unasked = [replace(queued(key), purpose=Purpose.CAMPAIGN) for key in (1, 2)]
    queue, graph = TwinQueue(*unasked, queued(3)), TwinGraph()
    await run(queue, graph)
    assert [body for body, _ in graph.sent] == ["message 3", "message 1", "message 2"]


@pytest.mark.parametrize(
    ("code", "reason", "persons_asked"),
    [(131050, "opted_out", 0), (131062, "ask_person", 1), (137000, "ask_person", 1), (131026, "give_up", 0)],
)
async def test_an_end_is_acted_on(code: int, reason: str, persons_asked: int) -> None:
    queue = TwinQueue(queued())
    await run(queue, TwinGraph(error=GraphRefused("no", code, "", 400)))
    assert queue.became == {1: ("failed", code, reason)}
    assert queue.persons_asked == persons_asked


async def test_a_person_is_asked_where_a_callback_cannot_go_out() -> None:
    queue = TwinQueue(replace(queued(), purpose=Purpose.CALLBACK))
    await run(queue, TwinGraph(error=GraphRefused("no template", 132001, "", 400)))
    assert queue.persons_asked == 1


@pytest.mark.parametrize("code", [4, 80007])
async def test_a_sender_that_calls_too_often_slows_all_its_numbers(code: int) -> None:
    together, queue = shared(), TwinQueue(queued())
    await line(queue, TwinGraph(error=GraphRefused("too many calls", code, "", 400)), together)
    assert together.slowdown.is_on(datetime.now(UTC))
    assert queue.became == {1: ("retry", timedelta(seconds=5), code)}


class AwayGraph(TwinGraph):
    """Gives no answers for its first calls."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures
        self.called_at: list[datetime] = []

    async def send(self, phone_number_id: str, to: Recipient, message: OutboundMessage, attempt_id: str) -> str:
        self.called_at.append(datetime.now(UTC))
        self.error = AWAY if len(self.called_at) <= self.failures else None
        return await super().send(phone_number_id, to, message, attempt_id)


async def test_calls_are_held_back_while_graph_is_away_and_go_on_after_a_probe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wait = timedelta(seconds=0.2)
    monkeypatch.setattr("whatsapp.breaker.FIRST_WAIT", wait)
    one_by_one = replace(shared(), share=lambda: 1)  # so that failures come in a row
    graph, queue = AwayGraph(OPENS_AFTER), TwinQueue(*(queued(key) for key in range(1, 10)))
    await line(queue, graph, one_by_one)
    assert graph.called_at[OPENS_AFTER] - graph.called_at[OPENS_AFTER - 1] >= wait
    assert [queue.became[key][0] for key in range(1, 10)] == ["retry"] * OPENS_AFTER + ["accepted"] * 4


async def test_a_busy_number_gives_its_place_up_where_others_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.number_line.TURN_S", 0.05)
    monkeypatch.setattr("actors.number_line.RELEASE_AFTER_S", 60.0)
    queue = TwinQueue(queued())
    await line(queue, TwinGraph(), replace(shared(), is_full=lambda: True))
    assert queue.released


@pytest.mark.parametrize(("numbers", "each"), [(0, 64), (1, 64), (3, 64), (4, 48), (64, 3), (1000, 1)])
def test_a_flood_of_one_number_leaves_connections_for_the_others(numbers: int, each: int) -> None:
    assert share(numbers) == each
    assert numbers > MOST_NUMBERS or numbers * each <= MOST_POSTS


async def test_the_lines_of_a_log_name_the_message_and_its_turn_also_where_it_failed() -> None:
    bound: list[dict[str, object]] = []

    class Watching(TwinGraph):
        async def send(self, *args: object) -> str:  # type: ignore[override]
            bound.append(dict(structlog.contextvars.get_contextvars()))
            raise GraphRefused("undeliverable", 131026, "", 400)

    turn = uuid4()
    await run(TwinQueue(replace(queued(7), turn_id=turn)), Watching())
    assert bound[0]["outbox_id"] == 7
    assert bound[0]["turn_id"] == str(turn)
    assert "15550100101" not in str(bound)
