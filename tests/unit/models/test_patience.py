"""How long to wait for more: a table of lines as people write them."""

from datetime import timedelta

import pytest

from models.conversation import PATIENCE, longest_wait, patience
from models.message import MessageKind
from tests.factories import inbound

AT_ONCE, SHORT, LONG = timedelta(), timedelta(milliseconds=200), timedelta(milliseconds=1200)


@pytest.mark.parametrize(
    ("said", "waits"),
    [
        ("When do you open?", SHORT),
        ("I need a helmet.", SHORT),
        ("I need a helmet!! 🙏", SHORT),
        ("営業時間は？", SHORT),  # noqa: RUF001  a full-width mark is meant
        ("when do you open", LONG),
        ("Hello!", LONG),
        ("¡Hola, buenas tardes!", LONG),
        ("Hello, when do you open?", SHORT),
        ("I wanted to ask...", LONG),
        ("well…", LONG),
        ("do you have,", LONG),
        ("two things:", LONG),
        ("👍", LONG),
        ("", SHORT),
    ],
)
def test_a_line_that_looks_finished_is_answered_soon(said: str, waits: timedelta) -> None:
    assert patience(inbound(said)) == waits


@pytest.mark.parametrize(
    ("kind", "said", "waits"),
    [
        (MessageKind.AUDIO, None, SHORT),
        (MessageKind.IMAGE, None, LONG),
        (MessageKind.IMAGE, "Do you have this one?", SHORT),
        (MessageKind.LOCATION, None, SHORT),
        (MessageKind.INTERACTIVE, "Yes", AT_ONCE),
        (MessageKind.BUTTON, "Stop", AT_ONCE),
        (MessageKind.REVOKE, None, AT_ONCE),
    ],
)
def test_what_is_not_text_has_a_wait_of_its_kind(kind: MessageKind, said: str | None, waits: timedelta) -> None:
    assert patience(inbound(said, kind=kind)) == waits


def test_all_waits_grow_and_end_with_the_patience_of_the_tenant() -> None:
    assert patience(inbound("two things:"), timedelta()) == AT_ONCE
    assert longest_wait(timedelta()) == AT_ONCE
    assert patience(inbound("When?"), 3 * PATIENCE) == 3 * SHORT
    assert longest_wait() == timedelta(seconds=3)
