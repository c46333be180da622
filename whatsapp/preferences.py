"""`user_preferences` webhooks: what users chose in WhatsApp itself about a business's marketing.

Pure; never raises, whatever the value. Source: Meta's reference of the webhook of this name.
"""

from collections.abc import Mapping
from typing import Any, Final

from models.message import Consent, Preference, Sender
from whatsapp.lenient import id_in, instant_in, object_in, objects_in, text_in

MARKETING: Final = "marketing_messages"
_CONSENTS: Mapping[str, Consent] = {"stop": Consent.OPTED_OUT, "resume": Consent.OPTED_IN}


def read_preferences(change: Mapping[str, Any]) -> list[Preference]:
    """Give what users of one change chose, as far as it can be understood."""
    told = objects_in(object_in(change, "value"), "user_preferences")
    return [preference for each in told if (preference := _preference(each)) is not None]


def _preference(told: Mapping[str, Any]) -> Preference | None:
    who = Sender(phone=(id_in(told, "wa_id") or "").removeprefix("+") or None, user_id=text_in(told, "user_id"))
    consent = _CONSENTS.get((text_in(told, "value") or "").lower())
    at = instant_in(told, "timestamp")
    if consent is None or at is None or not (who.phone or who.user_id) or text_in(told, "category") != MARKETING:
        return None
    return Preference(who=who, consent=consent, at=at)
