"""The verdict on hand-made ledgers: chats in which everything is known."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsapp.simulator.journal import Told, Written, tokens_in
from whatsapp.simulator.verdict import Match, Verdict, judge

CHAT = ("u1", "n1")


def wrote(name: str, at: float, **changes: Any) -> Written:
    """A message that was posted and accepted at once."""
    row = {
        "wamid": name,
        "chat": CHAT,
        "token": None,
        "written_at": at,
        "posted_at": at + 0.01,
        "accepted_at": at + 0.02,
    }
    return Written(**{**row, **changes})


def told(name: str, at: float, **changes: Any) -> Told:
    """A reply that was delivered at once; `says` makes its content and tokens."""
    says = changes.pop("says", name)
    row = {
        "wamid": name,
        "chat": CHAT,
        "attempt": f"attempt of {name}",
        "quoted": None,
        "tokens": tokens_in(says),
        "digest": says,
        "posted_at": at,
        "answer": "clean",
        "delivered_at": at + 0.1,
        "place": int(at * 1000),
    }
    return Told(**{**row, **changes})


def numbered(name: str, at: float, token: int, **changes: Any) -> Written:
    return wrote(name, at, token=token, **changes)


def figures(verdict: Verdict) -> tuple[int, int, int, int]:
    return verdict.answered, verdict.lost, verdict.answered_twice, verdict.out_of_order


def test_a_calm_trial_holds() -> None:
    verdict = judge(
        [numbered("a", 1, 1), numbered("b", 3, 2)], [told("x", 2, says="to #1"), told("y", 4, says="to #2")]
    )
    assert figures(verdict) == (2, 0, 0, 0)
    assert verdict.holds
    assert verdict.answer_s["max"] == pytest.approx(0.98)


def test_what_was_accepted_and_never_answered_is_lost() -> None:
    verdict = judge([numbered("a", 1, 1), numbered("b", 3, 2)], [told("x", 2, says="to #1")])
    assert figures(verdict) == (1, 1, 0, 0)
    assert verdict.lost_wamids == ("b",)
    assert not verdict.holds


def test_what_was_never_accepted_cannot_be_lost() -> None:
    verdict = judge([numbered("a", 1, 1, accepted_at=None)], [])
    assert (verdict.accepted, verdict.lost, verdict.holds) == (0, 0, True)


def test_a_reply_that_never_reached_the_phone_is_none() -> None:
    verdict = judge([numbered("a", 1, 1)], [told("x", 2, says="to #1", delivered_at=None)])
    assert (verdict.lost, verdict.replies) == (1, 0)


@pytest.mark.parametrize("match", ["auto", "token"])
def test_a_burst_is_answered_by_one_reply_that_repeats_its_tokens(match: Match) -> None:
    burst = [numbered("a", 1, 1), numbered("b", 1.1, 2), numbered("c", 1.2, 3)]
    assert figures(judge(burst, [told("x", 2, says="to #1 #2 #3", quoted="c")], match=match)) == (3, 0, 0, 0)
    assert judge(burst, [told("x", 2, says="to #1 #3", quoted="c")], match=match).lost_wamids == ("b",)


def test_a_burst_is_answered_by_one_reply_that_quotes_its_last() -> None:
    burst = [wrote("a", 1), wrote("b", 1.1), wrote("c", 3)]
    verdict = judge(burst, [told("x", 2, quoted="b"), told("y", 4)])
    assert figures(verdict) == (3, 0, 0, 0)


def test_a_quote_does_not_answer_what_had_not_been_posted() -> None:
    late = wrote("a", 1, posted_at=5.0, accepted_at=5.1)
    verdict = judge([late, wrote("b", 1.1)], [told("x", 2, quoted="b")])
    assert verdict.lost_wamids == ("a",)
    assert judge([late, wrote("b", 1.1)], [told("x", 2, quoted="b"), told("y", 6)]).holds


def test_without_token_and_quote_the_oldest_is_answered() -> None:
    verdict = judge([wrote("a", 1), wrote("b", 1.1)], [told("x", 2)])
    assert verdict.lost_wamids == ("b",)


def test_two_different_replies_to_one_message_are_one_too_many() -> None:
    replies = [told("x", 2, says="to #1"), told("y", 3, says="again to #1"), told("z", 4, says="and again to #1")]
    verdict = judge([numbered("a", 1, 1)], replies)
    assert figures(verdict) == (1, 0, 1, 0)
    assert verdict.twice_wamids == ("a",)


def test_the_same_attempt_twice_is_answered_twice() -> None:
    replies = [told(name, at, says="to #1", attempt="one") for name, at in (("x", 2), ("y", 3))]
    assert judge([numbered("a", 1, 1)], replies).answered_twice == 1


@pytest.mark.parametrize(
    ("answer", "status_taken_at", "unexplained", "despite_status"),
    [("lost", None, 0, 0), ("error", 2.5, 0, 0), ("clean", None, 1, 0), ("lost", 1.5, 0, 1)],
)
def test_the_same_content_under_another_attempt_is_counted_apart(
    answer: str, status_taken_at: float | None, unexplained: int, despite_status: int
) -> None:
    first = told("x", 1.2, says="to #1", answer=answer, status_taken_at=status_taken_at)
    verdict = judge([numbered("a", 1, 1)], [first, told("y", 3, says="to #1")])
    assert figures(verdict) == (1, 0, 0, 0)
    assert (verdict.possible_duplicates, verdict.unexplained_duplicates) == (1, unexplained)
    assert verdict.duplicates_despite_status == despite_status
    assert verdict.holds


def test_a_repeated_reply_without_token_answers_nobody_else() -> None:
    verdict = judge([wrote("a", 1)], [told("x", 2, says="same"), told("y", 3, says="same"), told("z", 4)])
    assert (verdict.answered, verdict.possible_duplicates, verdict.unprompted) == (1, 1, 1)


def test_replies_that_swap_are_out_of_order() -> None:
    written = [numbered("a", 1, 1), numbered("b", 2, 2), numbered("c", 3, 3)]
    replies = [told("y", 4, says="to #2"), told("x", 5, says="to #1"), told("z", 6, says="to #3")]
    verdict = judge(written, replies)
    assert figures(verdict) == (3, 0, 0, 1)
    assert verdict.out_of_order_wamids == ("b",)


def test_order_is_what_the_user_saw_not_what_graph_took() -> None:
    written = [numbered("a", 1, 1), numbered("b", 2, 2)]
    replies = [told("x", 3, says="to #1", place=2), told("y", 4, says="to #2", place=1)]
    assert judge(written, replies).out_of_order_wamids == ("b",)


def test_messages_in_flight_together_have_no_order() -> None:
    written = [numbered("a", 1, 1, posted_at=1.1, accepted_at=2.5), numbered("b", 2, 2, posted_at=2.1)]
    assert judge(written, [told("y", 4, says="to #2"), told("x", 5, says="to #1")]).out_of_order == 0


def test_a_message_that_was_held_back_may_be_answered_late() -> None:
    written = [numbered("a", 1, 1, posted_at=3.0, accepted_at=3.1), numbered("b", 2, 2)]
    assert judge(written, [told("y", 2.5, says="to #2"), told("x", 4, says="to #1")]).out_of_order == 0


def test_a_reply_in_the_wrong_chat_answers_nobody_and_is_told() -> None:
    written = [numbered("a", 1, 1), numbered("b", 2, 2, chat=("u2", "n1"))]
    verdict = judge(written, [told("x", 3, says="to #2"), told("y", 4, says="to #2", chat=("u2", "n1"))])
    assert (verdict.lost_wamids, verdict.misdirected, verdict.holds) == (("a",), 1, False)


def test_a_journal_that_was_full_proves_nothing() -> None:
    assert not judge([], [], is_whole=False).holds


@pytest.mark.parametrize("chats", [1, 1000])
def test_twenty_thousand_messages_are_judged_in_seconds(chats: int) -> None:
    count = 20_000  # a quadratic rule would take minutes
    written = [wrote(f"a{n}", n, chat=(f"u{n % chats}", "n1"), token=n) for n in range(count)]
    replies = [told(f"x{n}", n + 0.5, chat=(f"u{n % chats}", "n1"), says=f"#{n}", place=n) for n in range(count)]
    began = time.process_time()
    verdict = judge(written, replies[::2], match="token")
    assert time.process_time() - began < 4
    assert (verdict.answered, verdict.lost) == (count // 2, count // 2)
    assert judge(written, [told(f"y{n}", count + n, place=count - n) for n in range(0, count, 2)]).replies == count // 2


Lines = list[tuple[int, float, float]]  # chat, time since the line before, time until it was accepted


def served(lines: Lines, every_s: float) -> tuple[list[Written], list[Told]]:
    """What a service that keeps its promises leaves behind: each look, one reply to all that a chat has accepted."""
    written: list[Written] = []
    at = 0.0
    for number, (chat, pause_s, accepted_s) in enumerate(lines, 1):
        at += pause_s
        times = {"posted_at": at, "accepted_at": at + accepted_s}
        written.append(numbered(f"m{number}", at, number, chat=(f"u{chat}", "n1"), **times))
    replies: list[Told] = []
    waiting, look = list(written), 0.0
    while waiting:
        look += every_s
        for chat in sorted({row.chat for row in waiting}):
            turn = [row for row in waiting if row.chat == chat and (row.accepted_at or 0) <= look]
            if turn:
                waiting = [row for row in waiting if row not in turn]
                said = " ".join(f"#{row.token}" for row in turn)
                place, quoted = len(replies) + 1, turn[-1].wamid
                replies.append(told(f"r{place}", look, chat=chat, says=said, quoted=quoted, place=place))
    return written, replies


LINES = st.lists(st.tuples(st.integers(1, 3), st.floats(0, 2), st.floats(0, 3)), min_size=1, max_size=30)


@given(lines=LINES, every_s=st.floats(0.5, 5))
def test_a_service_that_keeps_its_promises_is_never_accused(lines: Lines, every_s: float) -> None:
    written, replies = served(lines, every_s)
    verdict = judge(written, replies, match="token")
    assert verdict.holds
    assert (verdict.answered, verdict.possible_duplicates, verdict.unprompted) == (len(lines), 0, 0)


@given(lines=LINES, every_s=st.floats(0.5, 5), data=st.data())
def test_a_reply_that_is_taken_away_or_said_again_is_always_found(lines: Lines, every_s: float, data: Any) -> None:
    written, replies = served(lines, every_s)
    victim = data.draw(st.sampled_from(replies))
    lacking = judge(written, [reply for reply in replies if reply is not victim], match="token")
    assert lacking.lost == len(victim.tokens)
    again = told("again", victim.posted_at + 9, chat=victim.chat, says="once more, " + victim.digest, place=10_000)
    assert judge(written, [*replies, again], match="token").answered_twice == len(victim.tokens)
    repeated = told("again", victim.posted_at + 9, chat=victim.chat, says=victim.digest, place=10_000)
    verdict = judge(written, [*replies, repeated], match="token")
    assert (verdict.answered_twice, verdict.possible_duplicates) == (0, 1)


@given(lines=LINES)
def test_the_replies_of_a_chat_cannot_be_turned_round_unseen(lines: Lines) -> None:
    calm = [(chat, pause_s + 4, accepted_s) for chat, pause_s, accepted_s in lines]  # one after the other
    written, replies = served(calm, 0.5)
    last = len(replies) + 1
    turned = [
        told(reply.wamid, reply.posted_at, chat=reply.chat, says=reply.digest, place=last - n)
        for n, reply in enumerate(replies)
    ]
    per_chat = {chat: sum(row.chat == chat for row in written) for chat in {row.chat for row in written}}
    assert judge(written, turned, match="token").out_of_order == sum(count - 1 for count in per_chat.values())
