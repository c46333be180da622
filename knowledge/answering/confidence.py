"""From features to the probability that a reply holds what was asked for: a logistic regression of a few weights."""

import math
from collections.abc import Mapping

from knowledge.answering.features import Features

BIAS = 1.81
WEIGHTS: Mapping[str, float] = {
    "cosine": 2.30,
    "unit_share": 0.91,
    "unit_missing": -1.26,
    "share": 0.72,
    "missing": -1.41,
    "passage_share": 0.89,
    "passage_missing": -0.05,
    "all_missing": -2.68,
    "yes_no": 0.11,
    "similarity": 0.52,
    "spanish": -0.14,
    "cosine_spanish": 0.43,
}
THRESHOLD = 0.5


def confidence(features: Features) -> float:
    """Give the probability, 0 to 1."""
    total = BIAS + sum(weight * getattr(features, name) for name, weight in WEIGHTS.items())
    return 1 / (1 + math.exp(-total))
