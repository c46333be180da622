"""Upkeep: what users chose in WhatsApp about marketing is kept with their contact."""

from store.consent import Preferences
from whatsapp.preferences import read_preferences


async def apply_preferences(kept: Preferences) -> int:
    """Act on the webhooks that nobody has acted on; give how many are done. Safe to repeat.

    Raises:
        StoreUnavailable: retryable.
    """
    return sum([await kept.apply(update, read_preferences(update.raw)) for update in await kept.pending()])
