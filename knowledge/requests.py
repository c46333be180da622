"""When a user asks for a person instead of an answer: a table per language, and "yes" to our own offer."""

import re
from collections.abc import Mapping

_PERSON: Mapping[str, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:(?:talk|speak|chat|connect me|put me through|transfer me)\b.{0,25}\b(?:person|human|someone|somebody|"
        r"agent|colleague|staff|representative)|(?:real|actual|live) (?:person|human)|human (?:please|agent))\b|"
        r"^\W*(?:a |an )?(?:human|agent|person|representative)(?: please)?\W*$"
    ),
    "es": re.compile(
        r"\b(?:(?:hablar|chatear|p[aá]s[ae]me|ponme|atienda)\b.{0,25}\b(?:persona|humano|alguien|agente|"
        r"compañer[oa]|encargad[oa])|persona (?:real|de verdad))\b|"
        r"^\W*(?:un |una )?(?:humano|agente|persona)(?:,? por favor)?\W*$"
    ),
}
_YES: Mapping[str, re.Pattern[str]] = {
    "en": re.compile(r"^\W*(?:yes|yep|yeah|ok|okay|sure|please)(?:,? (?:please|do|thanks|thank you))?\W*$"),
    "es": re.compile(r"^\W*(?:s[ií]|vale|ok|claro|por favor)(?:,? (?:por favor|gracias|claro))?\W*$"),
}


def asks_for_person(text: str, language: str, *, was_offered: bool) -> bool:
    """Say whether the user wants a person.

    Args:
        text: what the user wrote.
        language: of the text; one without a table is read with all tables.
        was_offered: whether our last message offered a person, so that "yes" means it.
    """
    plain = text.casefold()
    return any(
        _PERSON[known].search(plain) or (was_offered and _YES[known].search(plain))
        for known in ([language] if language in _PERSON else _PERSON)
    )
