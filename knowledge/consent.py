"""When a user wants no more marketing, or wants it again: words that stand alone in a line, a table per language.

Source: Meta's policy that every request to stop is honoured; its own buttons of marketing templates ("Stop
promotions") arrive as the same words.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from models.message import Consent

EVERYWHERE = "en"  # STOP is known in every language

_OUT: Mapping[str, tuple[str, ...]] = {
    "en": ("stop", "stop all", "unsubscribe", "opt out", "optout", "stop promotions", "stop marketing", "no more ads"),
    "es": ("baja", "darme de baja", "dar de baja", "detener promociones", "no mas publicidad", "no quiero publicidad"),
    "de": ("abmelden", "abbestellen", "keine werbung", "keine werbung mehr", "werbung stoppen"),
    "fr": ("arret", "desabonner", "se desabonner", "desinscription", "plus de publicite", "arreter les promotions"),
    "it": ("disiscrivimi", "annulla iscrizione", "basta pubblicita", "interrompi promozioni"),
    "pt": ("sair", "descadastrar", "cancelar inscricao", "parar promocoes", "sem publicidade"),
}
_IN: Mapping[str, tuple[str, ...]] = {
    "en": ("start", "unstop", "subscribe", "opt in", "optin", "resume promotions"),
    "es": ("alta", "darme de alta", "suscribirme", "reanudar promociones"),
    "de": ("abonnieren", "werbung fortsetzen"),
    "fr": ("abonner", "s abonner", "reprendre les promotions"),
    "it": ("iscrivimi", "riprendi promozioni"),
    "pt": ("inscrever", "retomar promocoes"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a user asked for."""

    consent: Consent
    is_all: bool  # nothing else was said


def consent_wish(text: str, languages: Iterable[str]) -> Wish | None:
    """Give the last wish among the lines; None where there is none.

    Args:
        text: what the user wrote, a line each.
        languages: ISO 639-1, of the business.
    """
    spoken = {EVERYWHERE, *languages}
    wishes = [_of_line(line, spoken) for line in text.splitlines() if line.strip()]
    said = [wish for wish in wishes if wish is not None]
    return Wish(consent=said[-1], is_all=len(said) == len(wishes)) if said else None


def _of_line(line: str, languages: set[str]) -> Consent | None:
    plain = _plain(line)
    if any(plain in _OUT.get(language, ()) for language in languages):
        return Consent.OPTED_OUT
    if any(plain in _IN.get(language, ()) for language in languages):
        return Consent.OPTED_IN
    return None


def _plain(line: str) -> str:
    """Small letters without accents or marks."""
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", line.casefold()) if not unicodedata.combining(sign))
    return " ".join(re.findall(r"\w+", bare))
