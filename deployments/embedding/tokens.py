"""The tokenizer of all-MiniLM-L6-v2: what the model sees of a text, and how much of it."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tokenizers import Encoding, Tokenizer

MAX_TOKENS = 256  # the model card: "input text longer than 256 word pieces is truncated"; two of them are markers
MAX_CHARACTERS = 16_384  # cut before tokenizing: nothing beyond can reach the first 256 tokens of a readable text


def load_tokenizer(path: Path) -> Tokenizer:
    """Read a `tokenizer.json`, without the fixed padding to 128 tokens that this model's file carries.

    With that padding a query of 7 tokens costs six times as much (facts measured at the export's design).
    """
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Encoding]:
    """Cut and tokenize texts; lone surrogates, which UTF-8 cannot hold, become question marks."""
    return tokenizer.encode_batch([_clean(text) for text in texts])


def count_tokens(text: str) -> int:
    """Count a text's tokens by the embedding model, without its two markers and without a limit.

    Needs neither torch nor onnxruntime; the first call reads the tokenizer (about 50 ms). For the splitter, which
    keeps passages below `MAX_TOKENS`.
    """
    return len(_counting_tokenizer().encode(_well_formed(text), add_special_tokens=False))


@cache
def _counting_tokenizer() -> Tokenizer:
    from deployments.embedding.weights import find_weights

    tokenizer = Tokenizer.from_file(str(find_weights() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _clean(text: str) -> str:
    return _well_formed(text[:MAX_CHARACTERS])


def _well_formed(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
