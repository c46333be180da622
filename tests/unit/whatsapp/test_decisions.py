"""Facts about what an error of Graph's asks for."""

from datetime import timedelta

import pytest

from models.errors import GraphRefused, GraphUnreachable
from whatsapp.decisions import Decision, decide, decide_code, decide_failed_status, wait_before_retry
from whatsapp.payloads import NO_CODE


@pytest.mark.parametrize(
    ("decision", "codes"),
    [
        (Decision.UNKNOWN_OUTCOME, [1, 2, 131000, 131016, 133004]),
        (Decision.SLOW_SENDER, [4, 80007]),
        (Decision.SLOW_NUMBER, [130429]),
        (Decision.SLOW_PAIR, [131056]),
        (Decision.NUMBER_MAINTENANCE, [131057, 2494100, 133015]),
        (Decision.STOP_NUMBER, [0, 3, 10, 190, 200, 250, 299, 131005, 368, 131031, 130497, 131042, 131048, 131064]),
        (Decision.STOP_NUMBER, [133000, 133005, 133006, 133008, 133009, 133010, 133016, 131045]),
        (Decision.NEEDS_TEMPLATE, [131047]),
        (Decision.ASK_PERSON, [131062, 137000]),
        (Decision.OPTED_OUT, [131050]),
        (Decision.TELL_USER, [131052]),
        (Decision.GIVE_UP, [131026, 131049, 130472, 131051, 131053, 33, 100, 131008, 131009, 131021, 131030, 135000]),
        (Decision.GIVE_UP, [132000, 132001, 132005, 132007, 132008, 132012, 132015, 132016, 132068, 132069]),
    ],
)
def test_a_code_of_metas_asks_for_this(decision: Decision, codes: list[int]) -> None:
    assert {decide_code(code) for code in codes} == {decision}


@pytest.mark.parametrize(
    ("code", "http_status", "decision"),
    [
        (131057, 500, Decision.NUMBER_MAINTENANCE),  # the code wins over the status
        (130429, 429, Decision.SLOW_NUMBER),
        (987654, 400, Decision.GIVE_UP),  # a code of tomorrow
        (987654, 503, Decision.UNKNOWN_OUTCOME),
        (NO_CODE, 502, Decision.UNKNOWN_OUTCOME),  # a gateway on the way
        (NO_CODE, 429, Decision.RETRY_LATER),
        (NO_CODE, 404, Decision.STOP_NUMBER),  # somebody else answered: a wrong address
        (987654, 401, Decision.STOP_NUMBER),
    ],
)
def test_a_code_wins_over_the_http_status(code: int, http_status: int, decision: Decision) -> None:
    assert decide(GraphRefused("refused", code, "", http_status)) is decision


def test_what_was_never_sent_is_tried_again_and_what_may_have_been_is_not() -> None:
    assert decide(GraphUnreachable("no route", never_sent=True)) is Decision.RETRY_LATER
    assert decide(GraphUnreachable("timed out")) is Decision.UNKNOWN_OUTCOME
    assert not Decision.UNKNOWN_OUTCOME.may_resend


@pytest.mark.parametrize(
    ("code", "decision"),
    [
        (131000, Decision.RETRY_LATER),
        (131047, Decision.NEEDS_TEMPLATE),
        (131026, Decision.GIVE_UP),
        (None, Decision.GIVE_UP),
    ],
)
def test_a_failed_status_leaves_nothing_unknown(code: int | None, decision: Decision) -> None:
    assert decide_failed_status(code) is decision


@pytest.mark.parametrize(
    ("decision", "seconds"),
    [
        (Decision.SLOW_PAIR, [1, 4, 16, 64, 256, 300]),  # 4^0, 4^1, ...; 4^5 = 1024, cut at 300
        (Decision.SLOW_NUMBER, [0.5, 0.5, 0.5]),
        (Decision.RETRY_LATER, [1, 2, 4]),
        (Decision.NUMBER_MAINTENANCE, [60, 300, 300]),
        (Decision.GIVE_UP, [0, 0]),
    ],
)
def test_waits_grow_as_meta_asks(decision: Decision, seconds: list[float]) -> None:
    waits = [wait_before_retry(decision, failures) for failures in range(1, len(seconds) + 1)]
    assert waits == [timedelta(seconds=second) for second in seconds]


@pytest.mark.parametrize("failures", [0, 10**9])
def test_any_count_of_failures_gives_a_wait(failures: int) -> None:
    assert timedelta() < wait_before_retry(Decision.SLOW_PAIR, failures) <= timedelta(minutes=5)


def test_every_decision_that_resends_has_a_wait() -> None:
    assert all((wait_before_retry(decision, 1) > timedelta()) == decision.may_resend for decision in Decision)
