import pytest

from knowledge.evaluate import Verdict, contains_fact, summarise, summary_table, table
from knowledge.golden import GoldenQuestion


def _question(name: str = "q", *, answerable: bool = True, half: str = "judge") -> GoldenQuestion:
    return GoldenQuestion(
        id=name,
        language="en",
        kind="plain" if answerable else "near_miss",
        half=half,
        turns=("how much?",),
        is_answerable=answerable,
        facts=(("€12",),) if answerable else (),
    )


@pytest.mark.parametrize(
    ("reply", "fact", "holds"),
    [
        ("It costs €12.", "€12", True),
        ("It costs €12.50.", "€12", False),  # another price
        ("It costs €112.", "12", False),
        ("Open 10:00\u201314:00", "10:00-14:00", True),  # kinds of dash
        ("Cerramos  los\nMIÉRCOLES", "miercoles", True),
        ("within **5** working days", "5 working days", True),
        ("at 12, noon", "12", True),
    ],
)
def test_a_fact_is_compared_without_its_dress(reply: str, fact: str, holds: bool) -> None:
    assert contains_fact(reply, ((fact,),)) is holds


def test_one_alternative_is_enough_and_needs_all_its_pieces() -> None:
    facts = (("July", "August"), ("in summer",))
    assert contains_fact("In July and August only", facts)
    assert contains_fact("Only in summer", facts)
    assert not contains_fact("In July only", facts)


def test_a_right_fact_in_a_long_reply_is_wrong() -> None:
    verdict = Verdict(question=_question(), reply="It costs €12." + " More." * 100, abstained=False)
    assert not verdict.is_right


def test_the_goal_is_judged_on_the_half_that_nothing_was_fitted_on() -> None:
    right = Verdict(question=_question("a"), reply="€12", abstained=False)
    wrong_but_fitted = Verdict(question=_question("b", half="fit"), reply="?", abstained=False)
    kept_quiet = Verdict(question=_question("c", answerable=False), reply="I don't know", abstained=True)
    summary = summarise([right, wrong_but_fitted, kept_quiet])
    assert summary.is_good
    assert (summary.answered.right, summary.answered.asked) == (1, 1)
    assert not summarise([wrong_but_fitted, Verdict(question=_question("d"), reply="", abstained=True)]).is_good
    assert "fit: answerable" in summary_table(summary)


def test_the_table_marks_what_is_wrong() -> None:
    verdict = Verdict(question=_question(), reply="no idea", abstained=False, source="Prices", elapsed_ms=12.4)
    assert table([verdict]).splitlines()[1].startswith("WRONG")
