"""A user's line made into a question that can be read without the conversation around it. Pure.

Rule: a question that stands by itself is left as it is, to the letter.
"""

import re
from collections.abc import Mapping, Sequence

from knowledge.answering.lexicon import GENERIC, word_lists, word_set
from knowledge.answering.words import fold, is_stopword, split_words, word
from models.answer import Line, Speaker

_REACH = 3  # how many earlier questions a chain of follow-ups may lean on
_LONGEST_TOPIC = 300  # characters of the earlier questions that are carried on

_OPENS_FOLLOW_UP: Mapping[str, re.Pattern[str]] = {
    "en": re.compile(
        r"^\W*(?:and|or|but|what about|how about|what if|then|also|same for|so|in that case|ok(?:ay)? (?:and|but))\b"
    ),
    "es": re.compile(r"^\W*(?:y|e|o|pero|entonces|tambien|que tal|lo mismo|en ese caso|ademas|vale,? (?:y|pero))\b"),
}
_POINTS_BACK: Mapping[str, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:it|its|that|this|those|these|they|them|that one|this one|one|ones|there|same|then)\b"),
    "es": re.compile(
        r"\b(?:eso|ese|esa|esos|esas|esto|ellos|ellas|ello|lo|alli|ahi|mismo|misma|ese mismo"
        r"|\w+[aei]rl[oa]s?)\b"
    ),
}
# Spanish drops the subject: "¿cuánto tarda?" points back unless a noun phrase with an article follows.
_LACKS_SUBJECT = re.compile(
    r"\b(?:es|son|esta|estan|tiene|tienen|cuesta|cuestan|vale|valen|tarda|tardan|dura|duran|incluye|incluyen|sirve|funciona"
    r"|lleva|cubre|entra|seria|caduca)\b(?!.*\b(?:el|la|los|las|un|una|vuestr\w+|su|sus|mi|mis)\b \w)"
)
_CLASSES = word_lists("classes")
_KIND_WORDS = word_set("kinds")


def standalone(text: str, history: Sequence[Line], language: str = "en") -> str:
    """Give the question with the topic of the earlier ones before it, where it needs that to be understood.

    Args:
        history: oldest first, without `text`; only the user's own lines are leant on.
        language: ISO 639-1 of the text; follow-ups are recognised in English and Spanish, and by shortness elsewhere.
    """
    asked = [line.text for line in history if line.speaker is Speaker.USER and not is_small_talk(line.text, language)]
    return _standalone(text, asked[-_REACH:], language)


def _standalone(text: str, asked: Sequence[str], language: str) -> str:
    if not asked or is_small_talk(text, language) or not is_follow_up(text, language):
        return text
    topic = _standalone(asked[-1], asked[:-1], language)
    return f"{_without_replaced(topic, text)[-_LONGEST_TOPIC:].strip()} {text.strip()}"


def is_follow_up(text: str, language: str) -> bool:
    """Tell whether the line leans on what was asked before."""
    plain = fold(text)
    specific = _specific(text, language)
    naming = [w for w in specific if w not in _KIND_WORDS]
    opens = _OPENS_FOLLOW_UP.get(language)
    if opens and opens.search(plain):
        return len(naming) <= 2
    points = _POINTS_BACK.get(language)
    if points and points.search(plain):
        return len(specific) <= 2
    if language == "es" and _LACKS_SUBJECT.search(plain):
        return len(naming) <= 1
    return not naming and not _opening_hours(plain)


def _opening_hours(plain: str) -> bool:
    """Opening hours belong to the business itself: they need no topic."""
    return bool(re.search(r"\b(?:open|clos|abri|abre|abier|cerr|cierr|horario|hours)", plain))


def _specific(text: str, language: str) -> list[str]:
    generic = {word(w, language).stem for w in GENERIC.get(language, ())}
    return [
        w
        for w in split_words(text)
        if not is_stopword(w, language) and word(w, language).stem not in generic and len(w) > 1
    ]


def _without_replaced(topic: str, text: str) -> str:
    new = set(split_words(text))
    replaced = {w for words in _CLASSES if new & words for w in words} - new
    return " ".join(part for part in topic.split() if not set(split_words(part)) & replaced)


_GREETINGS, _GREETING_CORE = word_set("greetings"), word_set("greetings.core")
_THANKS, _THANKS_CORE = word_set("thanks"), word_set("thanks.core")
_PARTINGS, _PARTING_CORE = word_set("partings"), word_set("partings.core")

_REPLIES: Mapping[str, tuple[str, str, str]] = {
    "en": ("Hello! What would you like to know?", "You're welcome! Anything else?", "Goodbye, and write any time."),
    "es": ("¡Hola! ¿Qué te gustaría saber?", "¡De nada! ¿Algo más?", "¡Hasta luego! Escribe cuando quieras."),
    "de": (
        "Hallo! Was möchten Sie wissen?",
        "Gern geschehen! Noch etwas?",
        "Auf Wiedersehen und bis bald.",
    ),
    "fr": ("Bonjour ! Que souhaitez-vous savoir ?", "Avec plaisir ! Autre chose ?", "Au revoir, et à bientôt."),
    "it": ("Ciao! Che cosa vorresti sapere?", "Prego! Altro?", "Arrivederci, scrivi quando vuoi."),
    "pt": ("Olá! O que gostaria de saber?", "De nada! Mais alguma coisa?", "Até logo, escreva quando quiser."),
}


def is_small_talk(text: str, language: str) -> bool:
    """Tell whether the line is only a greeting, a thank-you or a goodbye."""
    return small_talk_reply(text, language) is not None


def small_talk_reply(text: str, language: str) -> str | None:
    """Give a friendly word in return for a greeting, thanks or a goodbye; None where something is asked."""
    words = split_words(text)
    if not 0 < len(words) <= 8 or re.search(r"\d", text):
        return None
    spoken, replies = set(words), _REPLIES.get(language, _REPLIES["en"])
    tables = ((_GREETINGS, _GREETING_CORE), (_THANKS, _THANKS_CORE), (_PARTINGS, _PARTING_CORE))
    for reply, (around, core) in zip(replies, tables, strict=True):
        if spoken & core and spoken <= around:
            return reply
    if spoken & (_THANKS_CORE | _PARTING_CORE) and spoken <= _THANKS | _PARTINGS | _GREETINGS:
        return replies[2] if spoken & _PARTING_CORE else replies[1]
    return None
