"""Days and months that a text names only by their ends: "Monday to Friday" holds Wednesday. Pure."""

import re

from knowledge.answering.words import fold

_WEEK = (
    ("monday", "lunes"),
    ("tuesday", "martes"),
    ("wednesday", "miercoles"),
    ("thursday", "jueves"),
    ("friday", "viernes"),
    ("saturday", "sabado"),
    ("sunday", "domingo"),
)
_YEAR = (
    ("january", "enero"),
    ("february", "febrero"),
    ("march", "marzo"),
    ("april", "abril"),
    ("may", "mayo"),
    ("june", "junio"),
    ("july", "julio"),
    ("august", "agosto"),
    ("september", "septiembre"),
    ("october", "octubre"),
    ("november", "noviembre"),
    ("december", "diciembre"),
)
_PLACE = {name: (cycle, i) for cycle in (_WEEK, _YEAR) for i, names in enumerate(cycle) for name in names}
_NAME = "|".join(sorted(_PLACE, key=len, reverse=True))
_RANGE = re.compile(rf"\b({_NAME})s?(?: ?- ?| (?:to|through|till?|until|a|al|hasta) )(?:el |los |the )?({_NAME})s?\b")
_EVERY_DAY = re.compile(r"\bevery day\b|\bdaily\b|\b(?:7|seven) days\b|\btodos los dias\b|\bcada dia\b")


def spanned(text: str) -> frozenset[str]:
    """Give the names of all days and months that the text's ranges hold, folded, singular, in both languages."""
    plain = fold(text)
    held: set[str] = set()
    for first, last in _RANGE.findall(plain):
        (cycle, start), (other, end) = _PLACE[first], _PLACE[last]
        if cycle is other:
            steps = (end - start) % len(cycle)
            held.update(name for i in range(steps + 1) for name in cycle[(start + i) % len(cycle)])
    if _EVERY_DAY.search(plain):
        held.update(name for names in _WEEK for name in names)
    return frozenset(held)


def is_spanned(word: str, names: frozenset[str]) -> bool:
    """Tell whether a folded word, singular or plural, is among the names."""
    return word in names or word.removesuffix("s") in names
