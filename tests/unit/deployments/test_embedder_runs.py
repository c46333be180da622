"""How texts are cut into runs, and which run goes first."""

import asyncio

import pytest

from deployments.embedding.gate import UrgencyGate
from deployments.embedding.runner import plan_runs
from deployments.embedding.tokens import count_tokens


@pytest.mark.parametrize(
    ("lengths", "budget", "runs"),
    [
        ([], 100, []),
        ([10], 100, [[0]]),
        ([500], 100, [[0]]),  # too long for the budget: alone
        ([10, 90, 10], 100, [[0, 2], [1]]),  # 2 * 10 = 20; a third would pad to 3 * 90
        ([50, 50, 50], 100, [[0, 1], [2]]),  # 2 * 50 = 100
        ([90, 5, 40, 6], 100, [[1, 3], [2], [0]]),  # 2 * 6 = 12, 3 * 40 = 120
    ],
)
def test_short_texts_are_not_padded_to_long_ones(lengths: list[int], budget: int, runs: list[list[int]]) -> None:
    assert plan_runs(lengths, budget) == runs


def test_every_text_is_in_exactly_one_run() -> None:
    lengths = [7 * place % 200 + 2 for place in range(256)]
    assert sorted(place for run in plan_runs(lengths) for place in run) == list(range(256))


async def _enter(gate: UrgencyGate, due_s: float, order: list[float]) -> None:
    async with gate.turn(due_s):
        order.append(due_s)


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_most_urgent_waiter_is_let_in_first() -> None:
    gate, order = UrgencyGate(), list[float]()
    async with asyncio.TaskGroup() as tasks, gate.turn(0):
        for due_s in (5.0, 1.0, 3.0):
            tasks.create_task(_enter(gate, due_s, order))
        await _settle()
    assert order == [1.0, 3.0, 5.0]


async def test_a_cancelled_waiter_does_not_keep_the_gate_shut() -> None:
    gate, order = UrgencyGate(), list[float]()
    async with gate.turn(0):
        given_up = asyncio.create_task(_enter(gate, 1, order))
        waiting = asyncio.create_task(_enter(gate, 2, order))
        await _settle()
        given_up.cancel()
    async with asyncio.timeout(1):
        await waiting
    assert order == [2]


async def test_a_waiter_cancelled_as_it_is_called_passes_its_turn_on() -> None:
    gate, order = UrgencyGate(), list[float]()
    async with gate.turn(0):
        given_up = asyncio.create_task(_enter(gate, 1, order))
        waiting = asyncio.create_task(_enter(gate, 2, order))
        await _settle()
    given_up.cancel()  # already called in, not yet running
    async with asyncio.timeout(1):
        await waiting
    assert order == [2]


def test_tokens_are_counted_without_markers_and_without_a_limit() -> None:
    assert count_tokens("opening hours") == 2
    assert count_tokens("hours " * 1000) == 1000
    assert count_tokens("") == 0


def test_a_text_that_utf8_cannot_hold_is_counted_all_the_same() -> None:
    assert count_tokens("hours \ud800") == 2
