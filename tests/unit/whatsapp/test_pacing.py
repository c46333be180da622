"""Facts about the pace, held against a model that just counts messages in windows."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatsapp.limits import NUMBER_MESSAGES_PER_S, PAIR_BURST, PAIR_INTERVAL
from whatsapp.pacing import Bucket, Pacer, Rate, Slowdown, history_needed

START = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
META = Rate.within(NUMBER_MESSAGES_PER_S)
WIDE = Rate(number_per_s=1e6, number_burst=10**6)  # a number that never waits, to look at users alone
MOMENT = timedelta(microseconds=50)  # rounding of the steps


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class CountedTokens:
    """The plain model: tokens as a number, filled as time goes by."""

    def __init__(self, interval_s: float, burst: int) -> None:
        self.interval_s, self.burst, self.tokens, self.at = interval_s, burst, float(burst), START

    def wait_s(self, now: datetime) -> float:
        self.tokens = min(self.tokens + (now - self.at).total_seconds() / self.interval_s, self.burst)
        self.at = now
        return max((1 - self.tokens) * self.interval_s, 0)

    def take(self) -> None:
        self.tokens -= 1


@settings(max_examples=200, deadline=None)
@given(
    burst=st.integers(1, 50),
    interval_s=st.sampled_from([0.0125, 1.0, 6.0]),
    pauses=st.lists(st.just(0.0) | st.floats(0, 0.1) | st.floats(0, 30), min_size=1, max_size=150),
)
def test_a_bucket_waits_as_long_as_counted_tokens_do(burst: int, interval_s: float, pauses: list[float]) -> None:
    bucket = Bucket(interval=timedelta(seconds=interval_s), burst=burst, full_at=START)
    model = CountedTokens(interval_s, burst)
    now = START
    for pause in pauses:
        now += timedelta(seconds=pause)
        now += max(bucket.wait(now), timedelta(seconds=model.wait_s(now)))
        assert abs(bucket.wait(now) - timedelta(seconds=model.wait_s(now))) < MOMENT
        bucket.take(now)
        model.take()


def delay(pacer: Pacer, pair: str, now: datetime) -> timedelta:
    """How long this user's next message has to wait."""
    return max(pacer.number_delay(now), pacer.pair_delay(pair, now))


def send_all(pacer: Pacer, pairs: list[str], pauses: list[float]) -> list[datetime]:
    """Send to each user in turn, as soon as the pacer lets us; the times of sending."""
    now, times = START, []
    for pair, pause in zip(pairs, pauses, strict=True):
        now += timedelta(seconds=pause)
        now += delay(pacer, pair, now)
        assert delay(pacer, pair, now) == timedelta()
        pacer.take(pair, now)
        times.append(now)
    return times


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([0, 0, 0, 0, 0.001, 0.02, 0.5]), min_size=100, max_size=400))
def test_no_second_ever_holds_more_than_meta_allows_a_number(pauses: list[float]) -> None:
    times = send_all(Pacer(META, now=START), [f"user {n}" for n in range(len(pauses))], pauses)
    for first, one_too_many in zip(times, times[NUMBER_MESSAGES_PER_S:], strict=False):
        assert one_too_many - first >= timedelta(seconds=1)


def test_a_number_keeps_up_a_steady_pace_of_85_percent() -> None:
    times = send_all(Pacer(META, now=START), [f"user {n}" for n in range(681)], [0] * 681)
    took_s = (times[-1] - times[0]).total_seconds()
    assert 9.8 < took_s < 10.0  # (681 - 8 of the burst) / 68 a second = 9.9


def test_a_user_gets_a_burst_and_then_one_in_six_seconds() -> None:
    times = send_all(Pacer(WIDE, now=START), ["Ana"] * 50, [0] * 50)
    at_once = META.pair_burst
    assert at_once == PAIR_BURST - 1
    assert times[:at_once] == [START] * at_once
    assert [later - earlier for earlier, later in pairwise(times[at_once - 1 :])] == [PAIR_INTERVAL] * 6


def test_one_user_never_slows_another() -> None:
    pacer = Pacer(WIDE, now=START)
    send_all(pacer, ["Ana"] * META.pair_burst, [0] * META.pair_burst)
    assert pacer.pair_delay("Ana", START) == PAIR_INTERVAL
    assert delay(pacer, "Ben", START) == timedelta()


@settings(max_examples=50, deadline=None)
@given(
    pauses=st.lists(st.floats(0, 4), min_size=60, max_size=120),
    handover=st.integers(1, 59),
    pause_s=st.floats(0, 400),
)
def test_a_sender_that_takes_over_keeps_to_the_same_pace(pauses: list[float], handover: int, pause_s: float) -> None:
    first = Pacer(WIDE, now=START)
    attempts = [("Ana", at) for at in send_all(first, ["Ana"] * handover, pauses[:handover])]
    now = attempts[-1][1] + timedelta(seconds=pause_s)
    recent = [attempt for attempt in attempts if attempt[1] >= now - history_needed(WIDE)]

    second = Pacer.rebuilt(WIDE, recent, now=now)

    # What is older than the history can only have made the first sender more careful than it had to be.
    assert first.pair_delay("Ana", now) - second.pair_delay("Ana", now) <= PAIR_INTERVAL
    if len(recent) == len(attempts):
        assert first.pair_delay("Ana", now) == second.pair_delay("Ana", now)


def test_a_number_that_was_taken_over_starts_empty() -> None:
    pacer = Pacer.rebuilt(META, [], now=START)
    assert pacer.number_delay(START) == timedelta(seconds=1) / META.number_per_s


def sent_in_ten_seconds(inbound_per_s: float) -> int:
    """How many messages to different users go out while so many come in, looked at twice a second."""
    pacer = Pacer(Rate.within(), now=START)
    sent = 0
    for ms in range(10_000):
        now = START + timedelta(milliseconds=ms)
        if ms % 500 == 0:
            pacer.subtract_inbound(inbound_per_s, now)
        if not pacer.number_delay(now):
            pacer.take(sent, now)
            sent += 1
    return sent


@pytest.mark.parametrize(
    ("inbound_per_s", "sent"),
    [(0, 688), (30, 388), (51, 178), (1000, 178)],  # 8 at once, then ten times 68 less what comes in, at most 51
)
def test_what_comes_in_is_subtracted_from_what_may_go_out(inbound_per_s: float, sent: int) -> None:
    assert sent_in_ten_seconds(inbound_per_s) == pytest.approx(sent, abs=30)


def test_a_pause_between_two_looks_costs_a_second_of_what_comes_in_at_most() -> None:
    pacer = Pacer(Rate.within(), now=START)
    later = START + timedelta(hours=1)
    pacer.subtract_inbound(40, later)
    assert timedelta(seconds=0.4) < pacer.number_delay(later) < timedelta(seconds=0.6)  # (40 - 8 at once + 1) / 68


def test_receipts_are_dropped_before_messages_wait() -> None:
    pacer = Pacer(META, now=START)
    taken = sum(pacer.take_if_spare(START) for _ in range(100))
    assert taken == META.number_burst // 2 + 1
    assert pacer.number_delay(START) == timedelta()


def test_after_a_telling_off_the_number_goes_at_half_its_pace_for_a_minute() -> None:
    pacer = Pacer(META, now=START)
    pacer.slow_down(START)
    now = START + pacer.number_delay(START)
    sent = 0
    while now < after(10):
        pacer.take(f"user {sent}", now)
        sent += 1
        now += pacer.number_delay(now)
    assert 335 <= sent <= 345  # 10 s at 34 a second
    assert pacer.number_delay(after(120)) == timedelta()


def test_a_clock_set_back_blocks_nobody_for_long() -> None:
    pacer = Pacer(META, now=START)
    for _ in range(META.pair_burst):
        pacer.take("Ana", START)
    earlier = START - timedelta(hours=1)
    assert delay(pacer, "Ana", earlier) == PAIR_INTERVAL
    assert delay(pacer, "Ana", earlier + PAIR_INTERVAL) == timedelta()
    assert pacer.number_delay(earlier) <= timedelta(seconds=1.1)


def test_users_are_forgotten_when_their_bucket_is_full() -> None:
    pacer = Pacer(META, now=START)
    most = 0
    for number in range(20_000):
        now = START + timedelta(seconds=number / META.number_per_s)
        pacer.take(f"user {number}", now)
        most = max(most, pacer.pairs_remembered)
    assert most <= 1024  # some 408 are not full at a time: 68 a second for 6 seconds


@pytest.mark.parametrize("limit_per_s", [1, 5, 20, 80, 1000])
def test_burst_and_pace_of_a_second_stay_under_the_limit(limit_per_s: int) -> None:
    rate = Rate.within(limit_per_s)
    assert rate.number_burst >= 1
    assert rate.number_per_s + rate.number_burst <= max(limit_per_s, 1.5)


class PlainPacer:
    """The model: counted tokens of the number, and of each user."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._number = CountedTokens(1 / rate.number_per_s, rate.number_burst)
        self._users: dict[str, CountedTokens] = {}

    def wait_s(self, user: str, now: datetime) -> float:
        known = self._users.setdefault(
            user, CountedTokens(self._rate.pair_interval.total_seconds(), self._rate.pair_burst)
        )
        return max(self._number.wait_s(now), known.wait_s(now))

    def take(self, user: str) -> None:
        self._number.take()
        self._users[user].take()


RATES = st.builds(
    Rate,
    number_per_s=st.sampled_from([1.0, 7.0, 68.0]),
    number_burst=st.integers(1, 8),
    pair_interval=st.sampled_from([timedelta(seconds=1), PAIR_INTERVAL]),
    pair_burst=st.integers(1, 6),
)
ARRIVALS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([0.0, 0.0, 0.01, 0.5, 9.0])), max_size=80)


@settings(max_examples=150, deadline=None)
@given(RATES, ARRIVALS)
def test_each_message_waits_exactly_as_long_as_in_the_model(rate: Rate, arrivals: list[tuple[str, float]]) -> None:
    """Not a moment less, so that no limit is broken, and not a moment more, so that no pace is wasted."""
    pacer, model, now = Pacer(rate, now=START), PlainPacer(rate), START
    for user, pause_s in arrivals:
        now += timedelta(seconds=pause_s)
        waits, should = delay(pacer, user, now), timedelta(seconds=model.wait_s(user, now))
        assert abs(waits - should) < MOMENT
        now += max(waits, should)
        pacer.take(user, now)
        model.wait_s(user, now)
        model.take(user)


@settings(max_examples=150, deadline=None)
@given(RATES, ARRIVALS)
def test_no_window_of_any_length_holds_more_than_its_limit(rate: Rate, arrivals: list[tuple[str, float]]) -> None:
    """In any window of length t: at most the burst, and one for each interval that fits in t."""
    users = [user for user, _ in arrivals]
    times = send_all(Pacer(rate, now=START), users, [pause_s for _, pause_s in arrivals])
    _assert_within(times, timedelta(seconds=1) / rate.number_per_s, rate.number_burst)
    for user in set(users):
        own = [at for at, whose in zip(times, users, strict=True) if whose == user]
        _assert_within(own, rate.pair_interval, rate.pair_burst)


def _assert_within(times: list[datetime], interval: timedelta, burst: int) -> None:
    for first, start in enumerate(times):
        for last in range(first, len(times)):
            assert last - first + 1 <= burst + (times[last] - start + last * MOMENT) / interval


def test_a_slow_minute_of_the_sender_slows_every_number_of_it() -> None:
    shared = Slowdown()
    pacers = [Pacer(META, now=START, shared=shared) for _ in range(2)]
    shared.begin(START)
    for pacer in pacers:
        for _ in range(META.number_burst // 2):
            pacer.take("somebody", START)
        assert pacer.number_delay(START) > timedelta()
