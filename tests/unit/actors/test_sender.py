"""Sending from one number: what each answer of Graph's makes of a message, and how the pace is kept."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from actors.number_line import NumberLine, Shared
from actors.sender import Sender
from models.errors import GraphRefused, GraphUnreachable, StoreUnavailable
from models.message import OutboundMessage, Recipient
from store.outbox import ClaimedNumber, DueReceipt, QueuedMessage
from tests.twins.neighbours import TwinGraph, TwinQueue
from whatsapp.pacing import Pacer, Slowdown

NUMBER = ClaimedNumber(phone_number_id="n", fence=1)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a line that has nothing left to do end at once."""
    monkeypatch.setattr("actors.number_line.RELEASE_AFTER_S", 0.05)
    monkeypatch.setattr("actors.number_line.IDLE_LOOK_S", 0.005)
    monkeypatch.setattr("actors.number_line.LOOK_EVERY_S", 0.001)


def queued(key: int = 1, conversation: UUID | None = None, attempts: int = 0) -> QueuedMessage:
    return QueuedMessage(
        id=key,
        phone_number_id="n",
        conversation_id=conversation or uuid4(),
        to=Recipient(phone="15550100101"),
        message=OutboundMessage(body=f"message {key}"),
        queued_at=datetime.now(UTC),
        received_at=datetime.now(UTC),
        attempts=attempts,
    )


def shared(draining: asyncio.Event | None = None, *, is_full: bool = False) -> Shared:
    return Shared(draining=draining or asyncio.Event(), slowdown=Slowdown(), share=lambda: 64, is_full=lambda: is_full)


async def run(queue: TwinQueue, graph: TwinGraph, draining: asyncio.Event | None = None) -> None:
    async with asyncio.timeout(10):
        await NumberLine(NUMBER, queue, graph, shared(draining)).run()


async def test_what_graph_takes_is_accepted_under_its_name() -> None:
    queue, graph = TwinQueue(queued(1), queued(2)), TwinGraph()
    await run(queue, graph)
    assert sorted(body for body, _ in graph.sent) == ["message 1", "message 2"]
    assert {outcome[0] for outcome in queue.became.values()} == {"accepted"}
    assert queue.released


@pytest.mark.parametrize(
    ("error", "became"),
    [
        (GraphUnreachable("time-out"), ("unknown", None)),
        (GraphRefused("service", 131000, "", 500), ("unknown", 131000)),
        (GraphUnreachable("no route", never_sent=True), ("retry", timedelta(seconds=1), 0)),
        (GraphRefused("pair rate", 131056, "", 400), ("retry", timedelta(seconds=1), 131056)),
        (GraphRefused("number rate", 130429, "", 400), ("retry", timedelta(seconds=0.5), 130429)),
        (GraphRefused("undeliverable", 131026, "", 400), ("failed", 131026, "give_up")),
        (GraphRefused("window", 131047, "", 400), ("failed", 131047, "window_closed")),
    ],
    ids=["time-out", "unknown code", "never sent", "pair", "number", "undeliverable", "window"],
)
async def test_each_error_decides_what_becomes_of_its_message(error: Exception, became: tuple[object, ...]) -> None:
    queue = TwinQueue(queued())
    await run(queue, TwinGraph(error=error))
    assert queue.became == {1: became}
    assert queue.stopped is None


async def test_an_unknown_outcome_is_posted_once_only() -> None:
    queue, graph = TwinQueue(queued()), TwinGraph(error=GraphUnreachable("time-out"))
    await run(queue, graph)
    assert len(graph.sent) == 1


async def test_a_refused_token_stops_the_number_and_keeps_the_message() -> None:
    queue = TwinQueue(queued())
    await run(queue, TwinGraph(error=GraphRefused("token", 190, "", 401)))
    assert queue.became == {1: ("retry", timedelta(), 190)}
    assert queue.stopped == "Graph refused with code 190"
    assert queue.released


async def test_an_empty_bucket_of_a_user_postpones_them_alone() -> None:
    flooded = uuid4()
    queue, graph = TwinQueue(queued(1, flooded), queued(2)), TwinGraph()
    queue.attempts = [(flooded, datetime.now(UTC)) for _ in range(60)]
    await run(queue, graph)
    assert [body for body, _ in graph.sent] == ["message 2"]
    assert set(queue.postponed) == {1}
    assert queue.postponed[1] > timedelta()


async def test_what_comes_in_is_subtracted_from_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.number_line.INBOUND_EVERY_S", 0.01)
    told: list[float] = []
    monkeypatch.setattr(Pacer, "subtract_inbound", lambda _, per_s, now: told.append(per_s))
    queue = TwinQueue(queued())
    queue.inbound = [datetime.now(UTC) + timedelta(seconds=5)] * 40
    await run(queue, TwinGraph())
    assert set(told) == {40.0}
    assert len(told) > 1


async def test_read_receipts_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.number_line.RELEASE_AFTER_S", 0.5)  # longer than a busy machine pauses
    queue, graph = TwinQueue(), TwinGraph()
    receipt = DueReceipt(conversation_id=uuid4(), wamid="wamid.read", typing=True)

    async def later(phone_number_id: str, limit: int) -> list[DueReceipt]:
        return [] if graph.read else [receipt]  # until the number's bucket, empty at the start, has something to spare

    queue.take_receipts = later  # type: ignore[method-assign]
    await run(queue, graph)
    assert set(graph.read) == {"wamid.read"}


async def test_a_draining_sender_begins_nothing() -> None:
    queue, graph, draining = TwinQueue(queued()), TwinGraph(), asyncio.Event()
    draining.set()
    await run(queue, graph, draining)
    assert (graph.sent, queue.released) == ([], True)


async def test_a_store_that_is_away_ends_the_line_quietly() -> None:
    queue = TwinQueue(queued())

    async def away(phone_number_id: str, limit: int) -> list[QueuedMessage]:
        raise StoreUnavailable("away")

    queue.heads = away  # type: ignore[method-assign]
    await run(queue, TwinGraph())
    assert not queue.released  # its lease runs out, since nobody works on it any more


async def test_an_outcome_that_cannot_be_noted_does_not_end_the_line() -> None:
    queue, graph = TwinQueue(queued(1), queued(2)), TwinGraph()

    async def away(key: int, attempt_id: UUID, wamid: str) -> None:
        raise StoreUnavailable("away")

    queue.accepted = away  # type: ignore[method-assign]
    await run(queue, graph)
    assert len(graph.sent) == 2
    assert queue.became == {}  # still `sending`, and settled as unknown later


async def test_a_drain_lets_a_post_in_flight_finish() -> None:
    queue, graph = TwinQueue(queued()), TwinGraph()
    posting, may_end = asyncio.Event(), asyncio.Event()

    async def slow(*_: object) -> str:
        posting.set()
        await may_end.wait()
        return "wamid.slow"

    graph.send = slow  # type: ignore[method-assign]
    queue.claims = [NUMBER]
    sender = Sender("sender", queue, graph)  # type: ignore[arg-type]
    sender.start()
    async with asyncio.timeout(10):
        await posting.wait()
        draining = asyncio.create_task(sender.drain())
        await asyncio.sleep(0)
        may_end.set()
        await draining
    assert queue.became == {1: ("accepted", "wamid.slow")}
    assert queue.released
    assert sender.status()["numbers"] == 0
