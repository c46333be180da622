"""Joins Prometheus pages of several nodes into one valid page; pure.

Prometheus takes a family's HELP and TYPE once only and its samples in one block, so pages cannot simply be put
one after the other. Pages are joined as lines, since reading every sample into objects costs ten times as much.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_COMMENT = re.compile(rf"# (HELP|TYPE) ({_NAME})(?: (.*))?")
_SAMPLE = re.compile(rf"(({_NAME})(?:\{{.*\}})?) +(\S+)(?: +-?\d+)?")
# What a family of one name calls its samples (exposition format 0.0.4, "Histograms and summaries").
_SUFFIXES = ("_bucket", "_sum", "_count", "_total", "_created")


class UnreadablePage(ValueError):
    """A line is no Prometheus exposition; the page is left out whole."""


@dataclass(slots=True)
class _Family:
    help: str = ""
    type: str = "untyped"
    samples: dict[str, str] = field(default_factory=dict)  # line by series, in the order of arrival


def check(page: str) -> str:
    """Give the page back.

    Raises:
        UnreadablePage: some line is neither comment nor sample, as when a proxy answered with HTML.
    """
    for number, line in enumerate(page.splitlines(), start=1):
        if line and not line.startswith("#") and not _is_sample(line):
            raise UnreadablePage(f"line {number} is no sample")
    return page


def merge(pages: Iterable[str]) -> str:
    """Give one page with each family once; of two samples of one series the first is kept.

    Raises:
        UnreadablePage: as `check` does.
    """
    families: dict[str, _Family] = {}
    for page in pages:
        _add_page(families, page)
    return "".join(_rendered(name, family) for name, family in families.items() if family.samples)


def _add_page(families: dict[str, _Family], page: str) -> None:
    for line in page.splitlines():
        comment = _COMMENT.fullmatch(line)
        if comment:
            _add_comment(families, *comment.groups(default=""))
        elif line and not line.startswith("#"):
            _add_sample(families, line)


def _add_comment(families: dict[str, _Family], word: str, name: str, value: str) -> None:
    family = families.setdefault(name, _Family())
    if family.samples:
        return  # the first page that has the family describes it
    if word == "TYPE":
        family.type = value
    elif not family.help:
        family.help = value


def _add_sample(families: dict[str, _Family], line: str) -> None:
    sample = _SAMPLE.fullmatch(line)
    if sample is None:
        raise UnreadablePage("a line is no sample")
    series, name, _ = sample.groups()
    family = families.setdefault(_family_name(families, name), _Family())
    family.samples.setdefault(series, line)


def _family_name(families: dict[str, _Family], name: str) -> str:
    if name in families:
        return name
    for suffix in _SUFFIXES:
        stem = name.removesuffix(suffix)
        if stem != name and stem in families:
            return stem
    return name


def _rendered(name: str, family: _Family) -> str:
    described = f"# HELP {name} {family.help}\n" if family.help else ""
    return f"{described}# TYPE {name} {family.type}\n" + "".join(f"{line}\n" for line in family.samples.values())


def _is_sample(line: str) -> bool:
    match = _SAMPLE.fullmatch(line)
    if match is None:
        return False
    try:
        float(match.group(3))
    except ValueError:
        return False
    return True
