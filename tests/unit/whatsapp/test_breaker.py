"""Facts about the circuit to Graph."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from whatsapp.breaker import FIRST_WAIT, LONGEST_WAIT, OPENS_AFTER, Breaker

START = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def opened() -> Breaker:
    breaker = Breaker()
    assert [breaker.failed(START) for _ in range(OPENS_AFTER)] == [False] * (OPENS_AFTER - 1) + [True]
    return breaker


def test_a_closed_circuit_lets_everything_through() -> None:
    breaker = Breaker()
    assert breaker.room(64, START, in_flight=30) == 64
    assert not breaker.is_open


def test_an_answer_in_between_keeps_it_closed() -> None:
    breaker = Breaker()
    for _ in range(3 * OPENS_AFTER):
        breaker.failed(START)
        breaker.answered()
    assert not breaker.is_open


def test_failures_in_a_row_open_it_and_nothing_goes() -> None:
    breaker = opened()
    assert breaker.is_open
    assert breaker.room(64, START, in_flight=0) == 0


def test_one_probe_goes_once_the_wait_is_over_and_none_beside_it() -> None:
    breaker = opened()
    later = START + FIRST_WAIT
    assert breaker.room(64, later, in_flight=0) == 1
    assert breaker.room(64, later, in_flight=1) == 0


def test_a_probe_that_is_answered_closes_it() -> None:
    breaker = opened()
    breaker.answered()
    assert breaker.room(64, START, in_flight=0) == 64


def test_each_failed_probe_doubles_the_wait_up_to_a_bound() -> None:
    breaker, now, waits = opened(), START, []
    for _ in range(8):
        wait = next(s for s in range(1, 100) if breaker.room(64, now + timedelta(seconds=s), in_flight=0))
        waits.append(wait)
        now += timedelta(seconds=wait)
        assert not breaker.failed(now)  # it was open before
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]


def test_calls_that_were_under_way_when_it_opened_do_not_lengthen_the_wait() -> None:
    breaker = opened()
    for _ in range(60):
        breaker.failed(START + FIRST_WAIT / 2)
    assert breaker.room(64, START + FIRST_WAIT, in_flight=0) == 1


@given(st.lists(st.tuples(st.booleans(), st.floats(-3600, 3600)), max_size=100))
def test_whatever_happens_and_whatever_the_clock_does_a_probe_comes(story: list[tuple[bool, float]]) -> None:
    breaker, now = Breaker(), START
    for is_answered, seconds in story:
        now += timedelta(seconds=seconds)
        if is_answered:
            breaker.answered()
        else:
            breaker.failed(now)
    assert breaker.room(64, now + LONGEST_WAIT, in_flight=0) >= 1
