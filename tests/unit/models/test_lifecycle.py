"""The tables of legal steps."""

from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as some

from models.errors import IllegalStep
from models.lifecycle import DOCUMENT_STEPS, INBOX_STEPS, OUTBOX_STEPS, InboxState, OutboxState, before, step

LADDER = [OutboxState.SENT, OutboxState.DELIVERED, OutboxState.READ, OutboxState.PLAYED]


@given(some.lists(some.sampled_from([*LADDER, OutboxState.FAILED]), max_size=20))
def test_statuses_in_any_order_only_climb(coming: list[OutboxState]) -> None:
    heights = {OutboxState.ACCEPTED: -1, **{state: height for height, state in enumerate(LADDER)}}
    heights[OutboxState.FAILED] = len(LADDER)
    state = OutboxState.ACCEPTED
    for new in coming:
        if new in OUTBOX_STEPS[state]:
            assert heights[new] > heights[state]
            state = step(OUTBOX_STEPS, state, new)
    if OutboxState.FAILED not in coming and coming:
        assert state is max(coming, key=heights.__getitem__)


@pytest.mark.parametrize("steps", [INBOX_STEPS, OUTBOX_STEPS, DOCUMENT_STEPS], ids=["inbox", "outbox", "documents"])
def test_every_state_has_its_row_and_none_steps_to_itself(steps: dict[StrEnum, frozenset[StrEnum]]) -> None:
    assert set(steps) == set(type(next(iter(steps))))
    assert all(state not in nexts for state, nexts in steps.items())


def test_an_illegal_step_raises() -> None:
    with pytest.raises(IllegalStep, match="answered cannot become received"):
        step(INBOX_STEPS, InboxState.ANSWERED, InboxState.RECEIVED)


def test_what_came_before_is_the_table_read_backwards() -> None:
    assert before(INBOX_STEPS, InboxState.RECEIVED) == ["buried"]
