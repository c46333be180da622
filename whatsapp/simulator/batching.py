"""Many updates in one POST, as Meta sends them after a backlog: up to 1,000, up to 3 MB. Pure but for the callbacks.

One rule: a receiver that reads the first entry, change, message or status alone loses the rest, so all are used.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Json = dict[str, Any]
Note = Callable[[], object]


class Style(StrEnum):
    """In which of Meta's arrays the updates lie."""

    ENTRIES = "entries"  # one update an entry
    CHANGES = "changes"  # one entry, one update a change
    VALUES = "values"  # as few changes as can be: messages and statuses side by side


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """One webhook that could travel alone."""

    body: Json
    on_posted: Note | None = None  # called at the first try
    on_taken: Note | None = None  # called once, at the first 200


@dataclass(slots=True)
class Box:
    """Updates of one number that wait for their POST to fill."""

    updates: list[Update] = field(default_factory=list)
    body_bytes: int = 0

    def has_room(self, update_bytes: int, *, most_updates: int, most_bytes: int) -> bool:
        """Whether one more would keep both limits; an empty box takes anything."""
        if not self.updates:
            return True
        return len(self.updates) < most_updates and self.body_bytes + update_bytes <= most_bytes

    def add(self, update: Update, update_bytes: int) -> None:
        """Put one more in."""
        self.updates.append(update)
        self.body_bytes += update_bytes


def merge(bodies: Sequence[Json], style: Style) -> Json:
    """One body with all updates, in their order; of one business account."""
    entries = [entry for body in bodies for entry in body["entry"]]
    if style is Style.ENTRIES:
        return {**bodies[0], "entry": entries}
    changes = [change for entry in entries for change in entry["changes"]]
    if style is Style.VALUES:
        changes = _merge_values(changes)
    return {**bodies[0], "entry": [{**entries[0], "changes": changes}]}


def _merge_values(changes: Sequence[Json]) -> list[Json]:
    """Join neighbours about the same field and number."""
    merged: list[Json] = []
    for change in changes:
        if merged and _can_join(merged[-1], change):
            value = merged[-1]["value"]
            for name in ("contacts", "messages", "statuses"):
                if name in change["value"]:
                    value.setdefault(name, []).extend(change["value"][name])
        else:
            lists = {name: list(part) for name, part in change["value"].items() if isinstance(part, list)}
            merged.append({**change, "value": {**change["value"], **lists}})
    return merged


def _can_join(one: Json, other: Json) -> bool:
    known = {"messaging_product", "metadata", "contacts", "messages", "statuses"}
    return (
        one["field"] == other["field"] == "messages"
        and one["value"].get("metadata") == other["value"].get("metadata")
        and known.issuperset(one["value"])
        and known.issuperset(other["value"])
    )
