"""Conversations as JSON values: the same for the operator application and for `--json` on the command line."""

from typing import Any

from pydantic import TypeAdapter

from models.handoff import ConversationSummary, SummaryPage, Thread, Why

_SUMMARY = TypeAdapter(ConversationSummary)
_THREAD = TypeAdapter(Thread)
_WHY = TypeAdapter(Why)


def told_page(page: SummaryPage) -> dict[str, Any]:
    """A part of a list; `next` is null on the last page."""
    return {"conversations": [_summary(one) for one in page.conversations], "next": page.next}


def told_thread(thread: Thread) -> dict[str, Any]:
    """A conversation with a page of its lines, oldest first."""
    return {**_THREAD.dump_python(thread, mode="json"), "conversation": _summary(thread.conversation)}


def told_why(why: Why) -> dict[str, Any]:
    """Why the bot said this."""
    told: dict[str, Any] = _WHY.dump_python(why, mode="json")
    return told


def _summary(summary: ConversationSummary) -> dict[str, Any]:
    until = summary.writable_until
    told: dict[str, Any] = _SUMMARY.dump_python(summary, mode="json")
    return {**told, "which": summary.which.value, "writable_until": until.isoformat() if until else None}
