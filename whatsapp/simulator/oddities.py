"""Updates that no page of Meta's describes, as they come one day. Pure."""

from collections.abc import Sequence
from typing import Any

from whatsapp.simulator.roster import BusinessNumber, User
from whatsapp.simulator.wamid import make_wamid
from whatsapp.simulator.webhook_bodies import update_body

Json = dict[str, Any]

ODDITIES = 4


def odd_body(which: int, number: BusinessNumber, user: User, now: float) -> Json:
    """One of the `ODDITIES`: an unknown type, field or status, or a value with nothing but an error."""
    if which == 0:
        return update_body(number, "messages", {"messages": [_hologram(number, user, now)]})
    if which == 1:
        return update_body(number, "telepathy_updates", {"thoughts": [{"id": "1", "mood": "calm"}]})
    if which == 2:
        return update_body(number, "messages", {"statuses": [_pondered(number, user, now)]})
    return update_body(number, "messages", {"errors": _ERRORS})


def _hologram(number: BusinessNumber, user: User, now: float) -> Json:
    address = user.phone or user.business_scoped_id(number.portfolio_id)
    message: Json = {
        "id": make_wamid(address, by_user=True),
        "timestamp": str(int(now)),
        "type": "hologram",
        "hologram": {"id": "1", "depth": 3},
        "from_user_id": user.business_scoped_id(number.portfolio_id),
    }
    return message if user.phone is None else message | {"from": user.phone}


def _pondered(number: BusinessNumber, user: User, now: float) -> Json:
    address = user.phone or user.business_scoped_id(number.portfolio_id)
    return {"id": make_wamid(address, by_user=False), "status": "pondered", "timestamp": str(int(now))}


_ERRORS: Sequence[Json] = [
    {"code": 130403, "title": "Something new", "message": "Something new", "error_data": {"details": "Not documented."}}
]
