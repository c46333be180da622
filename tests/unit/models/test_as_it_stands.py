"""What edits, deletions and reactions make of what was written."""

from datetime import UTC, datetime

from models.conversation import ReceivedMessage, as_it_stands
from models.message import InboundMessage, MessageKind
from tests.factories import inbound

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def edit(of: InboundMessage, text: str) -> InboundMessage:
    return inbound(text, kind=MessageKind.EDIT, reply_to=of.wamid)


def deletion(of: InboundMessage) -> InboundMessage:
    return inbound(None, kind=MessageKind.REVOKE, reply_to=of.wamid)


def stands(*messages: InboundMessage) -> list[str | None]:
    received = [ReceivedMessage(inbox_id=at, received_at=NOW, message=one) for at, one in enumerate(messages)]
    return [one.message.text for one in as_it_stands(received)]


def test_an_edited_line_has_its_newest_words_in_its_own_place() -> None:
    first, second = inbound("when do you opne?"), inbound("on Sunday")
    assert stands(first, second, edit(first, "when?"), edit(first, "when do you open?")) == [
        "when do you open?",
        "on Sunday",
    ]


def test_a_deleted_line_is_gone_whatever_else_was_done_to_it() -> None:
    first, second = inbound("my card number is"), inbound("When do you open?")
    assert stands(first, second, edit(first, "never mind"), deletion(first)) == ["When do you open?"]
    assert stands(first, deletion(first)) == []


def test_a_change_that_came_before_its_line_counts() -> None:
    line = inbound("when do you opne?")
    assert stands(edit(line, "when do you open?"), line) == ["when do you open?"]


def test_changes_of_other_lines_and_reactions_say_nothing() -> None:
    other = inbound("answered long ago")
    reaction = inbound("👍", kind=MessageKind.REACTION, reply_to=other.wamid)
    assert stands(edit(other, "x"), deletion(other), reaction) == []
    line = inbound("When?")
    assert stands(line, inbound("👍", kind=MessageKind.REACTION, reply_to=line.wamid)) == ["When?"]
