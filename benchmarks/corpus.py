"""A business's knowledge of any size, made from a seed: leaflets with one short section an item. Pure."""

from collections.abc import Iterator
from random import Random

SECTIONS = 50  # of one document; each is one passage
_ADJECTIVES = ("waterproof", "folding", "padded", "silent", "wireless", "refurbished", "handmade", "insulated")
_NOUNS = ("tent", "lantern", "stove", "backpack", "compass", "kettle", "raincoat", "hammock", "cooler", "blanket")
_RULES = (
    "It ships within {days} working days and costs {price} euros to send.",
    "It may be returned within {days} days of delivery if it is unused, and {price} euros are kept for postage.",
    "The warranty lasts {days} months and covers the frame, the seams and the zips, but not wear.",
    "It weighs {price} hundred grams and fits a bag of {days} litres.",
    "Spare parts are sent for {price} euros and arrive after {days} days.",
)


def documents(name: str, passages: int, seed: int = 7) -> Iterator[tuple[str, bytes]]:
    """Give Markdown documents by name, with as many sections as passages are wanted."""
    draw = Random(f"{seed}/{name}")  # noqa: S311 - repeatable on purpose
    for first in range(0, passages, SECTIONS):
        items = range(first, min(first + SECTIONS, passages))
        text = "\n\n".join(section(draw, item) for item in items)
        yield f"leaflet-{first // SECTIONS:03d}.md", f"# Leaflet {first // SECTIONS}\n\n{text}\n".encode()


def section(draw: Random, item: int) -> str:
    """Give one section: a heading that names the item, and some 60 words."""
    thing = f"{draw.choice(_ADJECTIVES)} {draw.choice(_NOUNS)}"
    rules = draw.sample(_RULES, 4)
    said = " ".join(rule.format(days=draw.randrange(2, 60), price=draw.randrange(3, 90)) for rule in rules)
    return f"## Item {item}: {thing}\n\nItem {item} is our {thing}. {said} Ask for item {item} at the desk."
