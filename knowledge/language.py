"""Which language a user writes: the words of a short line first, the statistics of a long one after."""

from collections.abc import Sequence
from copy import copy
from functools import lru_cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from knowledge.answering.lexicon import LANGUAGE_HINTS
from knowledge.answering.words import split_words

_SURE = 0.9  # probability below which a line says too little and the default stands
_SURE_OF_A_FEW_WORDS = 0.97  # py3langid is often wrong on two or three words, and sure of it
_FEW = 4


def detect(text: str, allowed: Sequence[str], default: str) -> str:
    """Give the language of `text`, one of `allowed`; `default` where the text does not say ("ok", "👍", a number).

    Args:
        allowed: ISO 639-1, the business's languages.
        default: the language of the conversation so far, else the business's first.
    """
    words = split_words(text)
    if not words or len(allowed) < 2:
        return default
    by_words = _by_words(words, allowed)
    if by_words:
        return by_words
    language, probability = _identifier(tuple(sorted(set(allowed)))).classify(text)
    enough = _SURE if len(words) >= _FEW else _SURE_OF_A_FEW_WORDS
    return str(language) if probability >= enough else default


def _by_words(words: Sequence[str], allowed: Sequence[str]) -> str | None:
    """Count words that only one of the languages uses; None on a draw, or where an allowed language has no table."""
    if not set(allowed) <= set(LANGUAGE_HINTS):
        known = [code for code in allowed if code in LANGUAGE_HINTS and len(words) <= _FEW]
        return next((code for code in known if all(w in LANGUAGE_HINTS[code] for w in words)), None)
    votes = sorted(((sum(w in LANGUAGE_HINTS[code] for w in words), code) for code in set(allowed)), reverse=True)
    return votes[0][1] if votes[0][0] > votes[1][0] else None


@lru_cache(maxsize=32)
def _identifier(allowed: tuple[str, ...]) -> LanguageIdentifier:
    identifier = copy(_model())  # shallow: `set_languages` puts views beside the shared tables
    identifier.set_languages(list(allowed))
    return identifier


@lru_cache(maxsize=1)
def _model() -> LanguageIdentifier:
    """Load py3langid's tables, the better part of a second once; a line then takes some 90 µs."""
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
