"""What people change about themselves, and how the businesses they know learn of it."""

from typing import Any

from whatsapp.simulator.exchange import Exchange
from whatsapp.simulator.roster import BusinessNumber, User
from whatsapp.simulator.webhook_bodies import preference_body


def change_number(exchange: Exchange, user: User, *, with_phone: bool) -> User:
    """Give a user another number; each business they know is told by a `system` message. Gives them anew.

    Source: Meta, changelog of 2026-08-11: `user_changed_user_id` where the new number cannot be shown.
    """
    moved = exchange.roster.move(user, with_phone=with_phone)
    for number in _numbers_of(exchange, user):
        content: dict[str, Any] = {
            "type": "user_changed_number" if moved.phone else "user_changed_user_id",
            "body": f"{user.name} changed their number",
            "user_id": moved.business_scoped_id(number.portfolio_id),
            "previous_user_id": user.business_scoped_id(number.portfolio_id),
        }
        exchange.say(user, number, "system", content | ({"wa_id": moved.phone} if moved.phone else {}), None)
    return moved


def set_standing(exchange: Exchange, user: User, *, is_blocking: bool, is_opted_out: bool) -> User:
    """Let a user block the businesses, or stop marketing; the latter is told to those they know. Gives them anew."""
    changed = exchange.roster.set_standing(user, is_blocking=is_blocking, is_opted_out=is_opted_out)
    for number in _numbers_of(exchange, user) if user.is_opted_out != is_opted_out else ():
        body = preference_body(number, changed, wants_marketing=not is_opted_out, now=exchange.now())
        exchange.postman.post(number.phone_number_id, user.id, body)
    return changed


def _numbers_of(exchange: Exchange, user: User) -> list[BusinessNumber]:
    found = (exchange.roster.number(known) for known in exchange.ledger.numbers_of(user.id))
    return [number for number in found if number is not None]
