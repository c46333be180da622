"""Who is killed, and when: repeatable, everybody, and everything at once."""

from collections import Counter

from benchmarks.chaos.victims import EVERYTHING, FOUNDATIONS, PARTS, order


def test_the_same_seed_kills_in_the_same_order() -> None:
    assert list(order(7, 40)) == list(order(7, 40))
    assert list(order(7, 40)) != list(order(8, 40))


def test_a_long_trial_kills_every_part_and_each_foundation_once() -> None:
    counted = Counter(order(7, 40))
    assert counted.total() == 40
    assert set(counted) == {EVERYTHING, *FOUNDATIONS, *PARTS}
    assert {counted[name] for name in (EVERYTHING, *FOUNDATIONS)} == {1}


def test_a_short_trial_still_kills_everything_at_once() -> None:
    assert EVERYTHING in list(order(7, 3))
