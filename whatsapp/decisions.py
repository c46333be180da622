"""What to do about an error of Graph's: one table, asked by code and never by the wording.

Pure. One rule: where the message may have gone out all the same, the outcome is unknown and nothing is simply sent
again (promise 2). Source: Meta's page "Error codes"; the outcome of a `failed` status is always known.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final

from models.errors import GraphRefused, GraphUnreachable
from whatsapp.payloads import NO_CODE


class Decision(StrEnum):
    """What the sender does with the message, and with its neighbours."""

    UNKNOWN_OUTCOME = "unknown_outcome"  # wait for a status that names the attempt, then send once more
    RETRY_LATER = "retry_later"  # not sent; the same call may succeed
    SLOW_SENDER = "slow_sender"  # not sent; the app or its account calls too often: slow down every number
    SLOW_NUMBER = "slow_number"  # not sent; lower this number's rate, try again within a second
    SLOW_PAIR = "slow_pair"  # not sent; wait for this user only, others are not affected
    NUMBER_MAINTENANCE = "number_maintenance"  # not sent; Meta works on the number, about a minute
    STOP_NUMBER = "stop_number"  # not sent; nothing goes out by this number until an operator has acted: alarm
    NEEDS_TEMPLATE = "needs_template"  # the service window is closed: a template goes out, or a person is asked
    OPTED_OUT = "opted_out"  # the user wants no marketing: remember it
    ASK_PERSON = "ask_person"  # only a person can go on: no phone is known, or another identity answers
    TELL_USER = "tell_user"  # the user's own file could not be fetched; never an answer to a send
    GIVE_UP = "give_up"  # this message will never go out; the number is fine

    @property
    def may_resend(self) -> bool:
        """Whether the same message is sent again by itself, at once or after a wait."""
        return self in _RESENT


_RESENT = frozenset(
    {
        Decision.RETRY_LATER,
        Decision.SLOW_SENDER,
        Decision.SLOW_NUMBER,
        Decision.SLOW_PAIR,
        Decision.NUMBER_MAINTENANCE,
    }
)

_CODES_BY_DECISION: Mapping[Decision, tuple[int, ...]] = {
    # 133004 comes with HTTP 503; whether the send was taken before is not told.
    Decision.UNKNOWN_OUTCOME: (1, 2, 131000, 131016, 133004),
    Decision.SLOW_SENDER: (4, 80007),
    Decision.SLOW_NUMBER: (130429,),
    Decision.SLOW_PAIR: (131056,),
    Decision.NUMBER_MAINTENANCE: (131057, 2494100, 133015),
    Decision.STOP_NUMBER: (
        *(0, 3, 10, 190, *range(200, 300), 131005),  # token and permissions; 190: expired
        *(368, 131031, 130497, 131048, 131064),  # policy, lock, country, spam, classification
        131042,  # payment
        *(133000, 133005, 133006, 133008, 133009, 133010, 133016, 131045),  # registration and PIN
    ),
    Decision.NEEDS_TEMPLATE: (131047,),
    # 131062: what may not go to a user id. The phone is used wherever it is known, so here it is not. 137000: the
    # user's identity key has changed.
    Decision.ASK_PERSON: (131062, 137000),
    Decision.OPTED_OUT: (131050,),
    Decision.TELL_USER: (131052,),
    Decision.GIVE_UP: (
        *(131026, 131049, 130472, 131051, 131053),  # this user, this kind, this file
        *(33, 100, 131008, 131009, 131021, 131030, 135000),  # a mistake of ours in the request
        *(132000, 132001, 132005, 132007, 132008, 132012, 132015, 132016, 132068, 132069),  # templates, flows
    ),
}
_DECISION_BY_CODE: Mapping[int, Decision] = {
    code: decision for decision, codes in _CODES_BY_DECISION.items() for code in codes
}

_FIRST_WAIT: Mapping[Decision, timedelta] = {
    Decision.RETRY_LATER: timedelta(seconds=1),
    Decision.SLOW_SENDER: timedelta(seconds=5),
    Decision.SLOW_NUMBER: timedelta(seconds=0.5),
    Decision.SLOW_PAIR: timedelta(seconds=1),
    Decision.NUMBER_MAINTENANCE: timedelta(minutes=1),
}
_GROWTH: Mapping[Decision, int] = {Decision.SLOW_PAIR: 4, Decision.SLOW_NUMBER: 1, Decision.NUMBER_MAINTENANCE: 5}
LONGEST_WAIT: Final = timedelta(minutes=5)


def decide(error: GraphRefused | GraphUnreachable) -> Decision:
    """What an error of `GraphClient` asks for. A code of the table wins over the HTTP status."""
    if isinstance(error, GraphUnreachable):
        return Decision.RETRY_LATER if error.never_sent else Decision.UNKNOWN_OUTCOME
    return decide_code(error.code, error.http_status)


def decide_code(code: int, http_status: int = 400) -> Decision:
    """The same by figures; a code that we do not know is judged by its HTTP status."""
    if code in _DECISION_BY_CODE:
        return _DECISION_BY_CODE[code]
    if http_status >= 500:
        return Decision.UNKNOWN_OUTCOME
    if http_status in (408, 425, 429):  # refused before it was read
        return Decision.RETRY_LATER
    if code == NO_CODE or http_status in (401, 403):
        # A proxy or a wrong address answered, or Graph does not know us: keep the messages and call for help.
        return Decision.STOP_NUMBER
    return Decision.GIVE_UP


def decide_failed_status(code: int | None) -> Decision:
    """The same for a `failed` status: nothing was delivered, so what is unknown in an answer is a retry here."""
    decision = Decision.GIVE_UP if code is None else decide_code(code)
    return Decision.RETRY_LATER if decision is Decision.UNKNOWN_OUTCOME else decision


def wait_before_retry(decision: Decision, failures: int) -> timedelta:
    """How long to wait after that many failures in a row, 1 or more; without jitter, at most 5 minutes.

    For a pair this is Meta's own rule, 4 to the power of X seconds with X = 0, 1, 2, ...; a number is tried again
    within a second, since its rate was lowered; maintenance after 1 minute, then 5; the rest doubles. Zero for
    decisions that resend nothing.
    """
    first = _FIRST_WAIT.get(decision, timedelta())
    growth = float(_GROWTH.get(decision, 2) ** min(failures - 1, 20))
    return min(first * growth, LONGEST_WAIT)
