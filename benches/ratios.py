"""Medians, ratios over paired rounds, and their confidence intervals."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A figure with the bounds of its confidence interval."""

    value: float
    low: float
    high: float


def estimate(samples: Sequence[float], *, seed: int = 1) -> Estimate:
    """Median of the samples and its bootstrap interval. ValueError if there are none."""
    if not samples:
        raise ValueError("no samples")
    chance = random.Random(seed)
    drawn = sorted(median(chance.choices(samples, k=len(samples))) for _ in range(RESAMPLES))
    tail = (1.0 - CONFIDENCE) / 2.0
    last = RESAMPLES - 1
    return Estimate(median(samples), drawn[round(tail * last)], drawn[round((1.0 - tail) * last)])


def paired_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Estimate:
    """Median over the rounds of the ratio within the round, and its interval.

    Rounds are paired by position; ValueError if one side has more of them.
    """
    return estimate([top / bottom for top, bottom in zip(numerators, denominators, strict=True)])


def lowest(samples: Mapping[str, Sequence[float]]) -> str | None:
    """The name with the lowest median, None if nothing was measured."""
    medians = {name: median(values) for name, values in samples.items() if values}
    return min(medians, key=medians.__getitem__) if medians else None
