"""From features to the probability that a reply holds what was asked for: a logistic regression of a few weights."""

import math
from collections.abc import Mapping

from knowledge.answering.features import Features

BIAS = 6.38
WEIGHTS: Mapping[str, float] = {
    "cosine": 0.29,
    "unit_share": 0.66,
    "unit_missing": -2.08,
    "share": 0.57,
    "missing": -2.22,
    "passage_share": 0.64,
    "all_missing": -3.88,
    "has_kind": -0.98,
    "yes_no": -1.03,
    "similarity": 0.11,
    "cosine_spanish": -0.15,
}
THRESHOLD = 0.5


def confidence(features: Features) -> float:
    """Give the probability, 0 to 1."""
    total = BIAS + sum(weight * getattr(features, name) for name, weight in WEIGHTS.items())
    return 1 / (1 + math.exp(-total))
