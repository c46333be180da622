"""Addresses behind the words of a link."""

import re


def shown_address(address: str, words: str) -> str:
    """Give ` (address)` where a customer could not follow the words without it."""
    bare = re.sub(r"^(mailto:|tel:)", "", address)
    is_reachable = address.startswith(("http://", "https://", "mailto:", "tel:")) and len(bare) <= 100
    compact = re.sub(r"[\s()./-]", "", words)
    known = bare in words or words.strip().lower() in bare.lower() or re.sub(r"[\s()./-]", "", bare) in compact
    return f" ({bare})" if is_reachable and not known else ""
