"""Faults of Graph: drawn from a seed, and each as its caller sees it."""

import asyncio
from collections import Counter

import httpx2
import pytest

from tests.unit.simulator.servers import NUMBER_ID, Wire, eventually, wire
from whatsapp.simulator.client import SimulatorRefused
from whatsapp.simulator.fate import Chance, Fate
from whatsapp.simulator.knobs import Faults, GraphFaults, Latency, WebhookFaults


def chance(seed: int, graph: GraphFaults) -> Chance:
    made = Chance()
    made.set_faults(Faults(seed=seed, graph=graph), now=100.0)
    return made


def test_the_same_seed_gives_the_same_fates_in_their_shares() -> None:
    graph = GraphFaults(server_error_share=0.2, lost_answer_share=0.1)
    drawn = [[chance_of.fate("1", 100.0) for _ in range(2000)] for chance_of in (chance(7, graph), chance(7, graph))]
    assert drawn[0] == drawn[1]
    assert drawn[0] != [chance(8, graph).fate("1", 100.0) for _ in range(2000)]
    counted = Counter(drawn[0])
    assert counted[Fate.SERVER_ERROR] == pytest.approx(400, abs=60)
    assert counted[Fate.LOST_ANSWER] == pytest.approx(200, abs=45)


@pytest.mark.parametrize(
    ("latency", "middle_s", "most_s"),
    [
        (Latency(kind="fixed", mean_s=0.2), 0.2, 0.2),
        (Latency(kind="uniform", mean_s=0.2, spread=0.1), 0.2, 0.3),
        (Latency(kind="exponential", mean_s=0.2, longest_s=1), 0.139, 1.0),
        (Latency(kind="lognormal", mean_s=0.2, spread=0.5), 0.2, 30.0),
        (Latency(), 0.0, 0.0),
    ],
)
def test_latencies_follow_their_distribution(latency: Latency, middle_s: float, most_s: float) -> None:
    dice = chance(3, GraphFaults(latency=latency))
    drawn = sorted(dice.latency_s() for _ in range(4001))
    assert drawn[2000] == pytest.approx(middle_s, rel=0.1)
    assert drawn[0] >= 0
    assert drawn[-1] <= most_s


def test_a_storm_comes_and_goes_by_the_clock() -> None:
    dice = chance(0, GraphFaults(storm_every_s=30, storm_for_s=3))
    stormy = [dice.fate("1", 100.0 + second) is Fate.NUMBER_LIMIT for second in range(60)]
    assert [second for second, is_stormy in enumerate(stormy) if is_stormy] == [0, 1, 2, 30, 31, 32]


async def guest(connected: Wire) -> str:
    user = await connected.control.add_user("Ana")
    await connected.control.send_text(user.id, NUMBER_ID, "Hello")
    await connected.business.until(lambda: connected.business.messages)
    return str(user.phone)


async def seen(connected: Wire, user: str) -> list[str]:
    return [line.text for line in await connected.control.history(user, NUMBER_ID) if line.by == "business"]


@pytest.mark.parametrize(
    ("graph", "codes"),
    [
        (GraphFaults(number_limit_share=1.0), {130429}),
        (GraphFaults(pair_limit_share=1.0), {131056}),
        (GraphFaults(server_error_share=1.0), {1, 2, 131000, 131016}),
        (GraphFaults(storm_every_s=1000, storm_for_s=1000), {130429}),
    ],
)
async def test_an_error_without_cause_delivers_nothing(graph: GraphFaults, codes: set[int]) -> None:
    async with wire() as connected:
        user = await guest(connected)
        await connected.control.set_faults(graph=graph, seed=5)
        answers = [await connected.send(to=f"+{user}", text={"body": "Hi"}) for _ in range(12)]
        assert {answer.json()["error"]["code"] for answer in answers} == codes
        assert {answer.status_code >= 500 for answer in answers} == {graph.server_error_share > 0}
        await connected.control.set_faults()
        await connected.send(to=f"+{user}", text={"body": "at last"})
        await connected.control.wait_for_reply(user, NUMBER_ID, connected.business.messages[0]["id"], 5)
        assert await seen(connected, user) == ["at last"]


async def test_a_refused_call_is_a_closed_connection_and_delivers_nothing() -> None:
    async with wire() as connected:
        user = await guest(connected)
        await connected.control.set_faults(graph=GraphFaults(refused_share=1.0))
        with pytest.raises(httpx2.TransportError):
            await connected.send(to=f"+{user}", text={"body": "Hi"})
        progress = await connected.control.progress()
        assert (progress.taken, progress.faults) == (0, {"refused": 1})


@pytest.mark.parametrize(
    ("graph", "told"),
    [(GraphFaults(lost_answer_share=1.0), "lost"), (GraphFaults(taken_error_share=1.0), "error")],
)
async def test_a_message_is_delivered_though_its_answer_is_lost_or_an_error(graph: GraphFaults, told: str) -> None:
    async with wire() as connected:
        user = await guest(connected)
        await connected.control.set_faults(graph=graph)
        try:
            answer = await connected.send(to=f"+{user}", text={"body": "Hi"}, biz_opaque_callback_data="attempt-1")
            assert answer.status_code >= 500
        except httpx2.TransportError:
            assert told == "lost"
        [reply] = await connected.control.wait_for_reply(user, NUMBER_ID, connected.business.messages[0]["id"], 5)
        await connected.business.until(lambda: "delivered" in connected.business.steps(reply.wamid))
        [row] = [row async for row in connected.control.ledger("told")]
        assert (row["answer"], row["attempt"], row["wamid"]) == (told, "attempt-1", reply.wamid)


async def test_a_caller_who_leaves_before_the_slow_answer_has_lost_it() -> None:
    async with wire() as connected:
        user = await guest(connected)
        await connected.control.set_faults(graph=GraphFaults(latency=Latency(kind="fixed", mean_s=0.1)))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await connected.send(to=f"+{user}", text={"body": "Hi"})
        await connected.business.until(lambda: any("statuses" in value for value in connected.business.updates))
        await eventually(lambda: connected.exchange.journal.told[0].answer != "pending")
        assert connected.exchange.journal.told[0].answer == "lost"


async def test_consecutive_sends_may_reach_the_user_in_another_order() -> None:
    async with wire() as connected:
        user = await guest(connected)
        await connected.control.set_faults(graph=GraphFaults(sent_jitter_s=0.3), seed=1)
        sent = [str(n) for n in range(8)]
        for text in sent:
            await connected.send(to=f"+{user}", text={"body": text})
        await eventually(lambda: connected.exchange.journal.delivered == len(sent))
        assert await seen(connected, user) != sent
        rows = [row async for row in connected.control.ledger("told")]
        assert [row["place"] for row in rows] != sorted(row["place"] for row in rows)


async def test_a_status_can_come_before_its_answer() -> None:
    async with wire(sent_after_s=30, delivered_after_s=30) as connected:
        user = await guest(connected)
        await connected.control.set_faults(webhook=WebhookFaults(status_early_share=1.0))
        wamid = (await connected.send(to=f"+{user}", text={"body": "Hi"})).json()["messages"][0]["id"]
        assert connected.business.steps(wamid) == ["sent"]


async def test_an_early_status_whose_callback_is_silent_holds_no_answer_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("whatsapp.simulator.exchange._EARLY_STATUS_S", 0.05)
    async with wire(first_retry_s=30) as connected:
        user = await guest(connected)
        connected.business.judge = lambda value: 503
        await connected.control.set_faults(webhook=WebhookFaults(status_early_share=1.0))
        assert (await connected.send(to=f"+{user}", text={"body": "Hi"})).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"graph": {"server_error_share": 1.5}},
        {"graph": {"typo": 1}},
        {"seed": "x"},
        {"graph": {"server_error_share": 0.6, "refused_share": 0.6}},
    ],
)
async def test_faults_that_cannot_be_are_refused_with_a_sentence(body: dict[str, object]) -> None:
    async with wire() as connected:
        with pytest.raises(SimulatorRefused, match=r"server_error_share|typo|seed|more than 1"):
            await connected.control._call("POST", "/simulator/faults", json=body)
        assert await connected.control.faults() == Faults()


async def test_a_simulator_can_start_hostile() -> None:
    faults = Faults(seed=3, graph=GraphFaults(server_error_share=1.0))
    async with wire(faults=faults) as connected:
        assert await connected.control.faults() == faults
        assert (await connected.send(to="+12015550100", text={"body": "Hi"})).status_code >= 500
