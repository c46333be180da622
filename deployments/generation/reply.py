"""From what a model wrote to what may be sent: pure."""

import re

from models.prompt import REPLY_CHARACTERS

_REASONING = re.compile(r"<(think|thinking|reasoning)>.*?(</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_ORPHAN_END = re.compile(
    r"\A.*</(think|thinking|reasoning)>", re.DOTALL | re.IGNORECASE
)  # the template wrote the start
_MARKUP = re.compile(r"</?(passages|conversation|question)>|<\|[^|<>]{1,40}\|>|\[\d{1,2}\]")
_SENTENCE_END = re.compile(r"[.!?…。！？]+[\"'”’)]?(?=\s|\Z)")  # noqa: RUF001  full-width marks are meant
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffd]")
_LEAST_WORDS_TO_JUDGE = 12
_REPEATED_SHARE = 0.25  # fewer distinct words than this share of all: the model is going round in circles


def clean(text: str, *, was_cut: bool) -> str:
    """Give the sendable part of a model's text, perhaps "".

    Reasoning, chat markup and control characters go; a text that the token limit cut, or that is far too long, ends
    at its last whole sentence.
    """
    text = _ORPHAN_END.sub("", _REASONING.sub("", text))
    text = " ".join(_CONTROL.sub("", _MARKUP.sub("", text)).split())
    if was_cut or len(text) > REPLY_CHARACTERS:
        text = _to_last_sentence(text[:REPLY_CHARACTERS])
    return "" if is_repeating(text) else text.strip()


def is_repeating(text: str) -> bool:
    """Tell whether a text says the same few words over and over, which small models do when they are lost."""
    words = text.lower().split()
    return len(words) >= _LEAST_WORDS_TO_JUDGE and len(set(words)) < len(words) * _REPEATED_SHARE


def _to_last_sentence(text: str) -> str:
    """Cut after the last sentence; a text without one ends at its last word, told by an ellipsis."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    if ends:
        return text[: ends[-1]]
    return f"{text.rsplit(' ', 1)[0][: REPLY_CHARACTERS - 1]}…" if text else ""
