"""What the chat page and our programs are shown of a message."""

from typing import Any

from whatsapp.simulator.ledger import Ledger, LedgerEntry


def entry_view(entry: LedgerEntry, ledger: Ledger) -> dict[str, Any]:
    """One message as JSON; `quoted` is the message it answers, where that is still known."""
    return {
        "seq": entry.seq,
        "wamid": entry.wamid,
        "by": entry.by,
        "kind": entry.kind,
        "text": readable_text(entry),
        "content": entry.content,
        "reply_to": entry.reply_to,
        "quoted": _quoted(entry, ledger),
        "status": entry.status,
        "times": entry.times,
        "reactions": entry.reactions,
        "error": entry.error,
    }


def _quoted(entry: LedgerEntry, ledger: Ledger) -> dict[str, str] | None:
    quoted = ledger.find(entry.reply_to) if entry.reply_to else None
    if quoted is None or quoted.user_id != entry.user_id:
        return None
    return {"by": quoted.by, "kind": quoted.kind, "text": readable_text(quoted)[:200]}


def readable_text(entry: LedgerEntry) -> str:
    """What a person reads in a message: body, caption, title of the choice; empty where there is no text."""
    content = entry.content
    if entry.kind == "text":
        return str(content.get("body", ""))
    if entry.kind == "interactive":
        choice = content.get("button_reply") or content.get("list_reply")
        return str(choice["title"] if choice else content.get("body", {}).get("text", ""))
    return str(content.get("caption") or content.get("text") or content.get("emoji") or content.get("name") or "")
