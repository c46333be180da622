"""To whom a business writes, and how Meta names that person back to it."""

from typing import Any

from whatsapp.simulator.graph_errors import GraphError, bad_value
from whatsapp.simulator.outbound_rules import Outbound
from whatsapp.simulator.roster import BusinessNumber, Roster, User

Json = dict[str, Any]


def find_recipient(roster: Roster, number: BusinessNumber, outbound: Outbound) -> User | None:
    """The person who is meant; None where Meta would take the message and fail to deliver it.

    Raises:
        GraphError: 131009, 131021 or 131030, and nothing is taken.
    """
    if outbound.to is None:
        return roster.user_by_scoped_id(number.portfolio_id, outbound.recipient or "")
    digits = "".join(c for c in outbound.to if c.isdigit())
    if not 7 <= len(digits) <= 15 or not set(outbound.to) <= set("+0123456789 ()-."):
        raise bad_value("Parameter 'to' is not a valid phone number.")
    if digits == number.digits:
        raise GraphError(131021, "(#131021) Recipient cannot be sender", "Sender and recipient are the same.")
    user = roster.user(digits)
    if user is None and number.is_test_number:
        details = "Recipient phone number not in allowed list: Add recipient phone number to recipient list."
        raise GraphError(131030, "(#131030) Recipient phone number not in allowed list", details)
    return user


def address(number: BusinessNumber, outbound: Outbound, user: User | None) -> str:
    """What stands in the wamid: phone digits, else the business-scoped id."""
    if user is not None:
        return user.phone or user.business_scoped_id(number.portfolio_id)
    return "".join(c for c in outbound.to or "" if c.isdigit()) or outbound.recipient or ""


def contact(number: BusinessNumber, outbound: Outbound, user: User | None) -> Json:
    """The element of `contacts`: `wa_id` only where a phone was given, `user_id` only where a scoped id was."""
    if outbound.to is not None:
        return {"input": outbound.to, "wa_id": address(number, outbound, user)}
    return {"input": outbound.recipient, "user_id": outbound.recipient}


def recipient_ids(number: BusinessNumber, outbound: Outbound, user: User | None) -> Json:
    """How a status names somebody whom Meta could not reach."""
    if outbound.to is not None:
        return {"recipient_id": address(number, outbound, user)}
    return {"recipient_user_id": outbound.recipient}
