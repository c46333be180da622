"""A trial from end to end: many users, an open loop, a service that answers well or badly, and the verdict."""

import asyncio
import itertools
from collections import defaultdict
from typing import Any

import pytest

from tests.unit.simulator.servers import NUMBER_ID, Wire, eventually, wire
from whatsapp.simulator.client import SimulatorRefused
from whatsapp.simulator.journal import Journal
from whatsapp.simulator.knobs import GraphFaults, Limits, LoadPlan, WebhookFaults
from whatsapp.simulator.load import arrivals, load_text


def test_the_same_seed_gives_the_same_arrivals_at_the_given_rate() -> None:
    plan = LoadPlan(messages=1, rate_per_s=50, seed=9, burst_share=0.3, burst_size=3, burst_gap_s=0.4)
    first, again = (list(itertools.islice(arrivals(plan, 20), 3000)) for _ in range(2))
    assert first == again
    assert first[-1].after_s == pytest.approx(60, rel=0.1)
    assert all(one.after_s <= other.after_s for one, other in itertools.pairwise(first))
    assert len({line.writer for line in first}) == 20


def test_even_arrivals_are_even() -> None:
    plan = LoadPlan(messages=1, rate_per_s=10, arrivals="even")
    assert [line.after_s for line in itertools.islice(arrivals(plan, 1), 3)] == pytest.approx([0.0, 0.1, 0.2])


@pytest.mark.parametrize(
    ("text", "chars", "expected"),
    [("Where is {token}?", 0, "Where is #7?"), ("Hello", 0, "Hello #7"), ("Hi {token}", 20, "again and Hi #7")],
)
def test_every_text_carries_its_token(text: str, chars: int, expected: str) -> None:
    assert load_text(LoadPlan(messages=1, rate_per_s=1, texts=(text,), text_chars=chars), 0, 7) == expected


def test_a_full_journal_counts_what_it_cannot_keep() -> None:
    journal = Journal(capacity=2)
    for wamid in "abc":
        journal.write(wamid, ("u", "n"), "text", "Hello #1", 1.0)
    journal.write("d", ("u", "n"), "reaction", "", 1.0)  # asks for no answer
    assert (len(journal.written), journal.overflow) == (2, 1)
    journal.accept("c", 2.0)  # of no row
    journal.accept("a", 2.0)
    journal.accept("a", 3.0)
    assert journal.written[0].accepted_at == 2.0
    assert journal.progress()["waiting_chats"] == 1
    journal.reset()
    assert journal.progress() == dict.fromkeys(journal.progress(), 0)


async def answer_all(connected: Wire, message: dict[str, Any]) -> None:
    """What a good service does: one answer with the token, to whom it came from, again where the answer was lost."""
    text = f"About {message['text']['body'].split()[-1]}"
    to = {"to": f"+{message['from']}"} if "from" in message else {"recipient": message["from_user_id"]}
    for attempt in "123456789":
        answer = await connected.send(**to, text={"body": text}, biz_opaque_callback_data=message["id"][-9:] + attempt)
        if answer.status_code == 200:
            return


async def trial(connected: Wire, plan: LoadPlan, *, answered: bool = True) -> None:
    load = await connected.control.start_load(plan)
    assert (await connected.control.wait_for_load(load.id, 30)).written == plan.messages
    await eventually(lambda: connected.exchange.postman.counts["pending"] == 0)
    await connected.control.wait_until_quiet(10 if answered else 0.5, quiet_s=0.3)


async def test_a_good_service_gets_a_good_verdict_under_faults() -> None:
    async with wire(limits=Limits(enforced=False)) as connected:
        known: set[str] = set()
        turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # by user: one conversation is one at a time

        async def answer_once(message: dict[str, Any]) -> None:
            if message["id"] not in known:
                known.add(message["id"])
                async with turns[message["from_user_id"]]:
                    await answer_all(connected, message)

        connected.business.on_message = answer_once
        await connected.control.set_faults(
            graph=GraphFaults(taken_error_share=0.1),
            webhook=WebhookFaults(duplicate_share=0.2, repeat_share=0.2, repeat_within_s=0.1),
            seed=7,
        )
        await trial(connected, LoadPlan(messages=120, rate_per_s=400, new_users=30, without_phone_share=0.3, seed=1))
        verdict = await connected.control.verdict("token")
        assert (verdict.accepted, verdict.answered, verdict.holds) == (120, 120, True)
        assert verdict.possible_duplicates == (await connected.control.progress()).faults["taken_error"] > 0
        assert verdict.unexplained_duplicates == 0
        assert verdict.answer_s["p50"] < 5


async def test_a_bad_service_is_found_out() -> None:
    async with wire() as connected:
        count = itertools.count()

        async def answer_badly(message: dict[str, Any]) -> None:
            token = message["text"]["body"].split()[-1]
            for reply in ((), ("a",), ("a", "b"))[next(count) % 3]:
                text = {"body": f"{reply} {token}"}
                await connected.send(to=f"+{message['from']}", text=text, biz_opaque_callback_data=f"{token}{reply}")

        connected.business.on_message = answer_badly
        await trial(connected, LoadPlan(messages=30, rate_per_s=300, new_users=10), answered=False)
        verdict = await connected.control.verdict()
        assert (verdict.lost, verdict.answered_twice, verdict.holds) == (10, 10, False)


async def test_a_ledger_is_read_in_pages_and_begun_anew() -> None:
    async with wire() as connected:
        await trial(connected, LoadPlan(messages=25, rate_per_s=1000, new_users=3), answered=False)
        rows = [row async for row in connected.control.ledger("written")]
        assert [row["token"] for row in rows] == list(range(1, 26))
        assert all(row["accepted_at"] >= row["posted_at"] >= row["written_at"] for row in rows)
        await connected.control.reset_ledger()
        assert [row async for row in connected.control.ledger("written")] == []
        assert (await connected.control.verdict()).holds


async def test_a_load_can_be_stopped() -> None:
    async with wire() as connected:
        user = await connected.control.add_user("Ana")
        load = await connected.control.start_load(LoadPlan(messages=1000, rate_per_s=0.01, users=(user.id,)))
        state = await connected.control.stop_load(load.id)
        assert state.is_done
        assert state.written <= 1


async def test_a_load_that_fails_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async with wire() as connected:
        monkeypatch.setattr(connected.exchange, "say", None)
        load = await connected.control.start_load(LoadPlan(messages=2, rate_per_s=100, new_users=1))
        state = await connected.control.wait_for_load(load.id, 10)
        assert (state.written, state.error) == (0, "TypeError")


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (LoadPlan(messages=1, rate_per_s=1), "needs 'users' or 'new_users'"),
        (LoadPlan(messages=1, rate_per_s=1, users=("nobody",)), "a user whom"),
        (LoadPlan(messages=1, rate_per_s=1, new_users=1, numbers=("1",)), "a number that"),
    ],
)
async def test_a_load_of_nobody_is_refused(plan: LoadPlan, sentence: str) -> None:
    async with wire() as connected:
        with pytest.raises(SimulatorRefused, match=sentence):
            await connected.control.start_load(plan)
        assert await connected.control.users() == []


async def test_many_users_are_added_quickly_and_alike() -> None:
    async with wire() as connected, wire() as other:
        async with asyncio.timeout(10):
            users = await connected.control.add_users(3000, without_phone_share=0.25, seed=5)
        assert sum(user.phone is None for user in users) == pytest.approx(750, abs=80)
        assert len({user.phone for user in users if user.phone}) == sum(user.phone is not None for user in users)
        again = await other.control.add_users(3000, without_phone_share=0.25, seed=5)
        assert [user.phone for user in again] == [user.phone for user in users]
        await connected.control.send_text(users[-1].id, NUMBER_ID, "Hello")
        await connected.business.until(lambda: connected.business.messages)
