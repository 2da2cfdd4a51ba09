"""Means with their uncertainty, and differences of paired runs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

_LEVEL = 0.95


@dataclass(frozen=True)
class Summary:
    """The summary of n numbers; what needs two of them is nan for one, all is nan for none.

    Attributes:
        n: How many numbers there are.
        mean: Their mean.
        sd: Sample standard deviation (n - 1).
        half: Half the width of the mean's 95 % confidence interval, by Student's t.
        p: Two-sided p of the t test that the mean is zero, which says something about differences;
            not corrected for the number of comparisons.
    """

    n: int
    mean: float
    sd: float
    half: float
    p: float

    @property
    def interval(self) -> tuple[float, float]:
        """The ends of the interval."""
        return self.mean - self.half, self.mean + self.half

    @property
    def holds(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.n > 1 and abs(self.mean) > self.half


def summarise(values: Sequence[float]) -> Summary:
    """Mean, spread and the interval of the mean.

    Args:
        values: One number for each seed.
    """
    n = len(values)
    if n < 2:
        return Summary(n, float(values[0]) if n else math.nan, math.nan, math.nan, math.nan)
    mean, sd = float(np.mean(values)), float(np.std(values, ddof=1))
    if sd == 0:
        return Summary(n, mean, 0.0, 0.0, p=float(mean == 0))
    test = stats.ttest_1samp(values, 0)
    low, high = test.confidence_interval(_LEVEL)
    return Summary(n, mean, sd, float(high - low) / 2, float(test.pvalue))


def paired_difference(row: Mapping[str, float], reference: Mapping[str, float]) -> Summary:
    """The differences of two rows, seed by seed, on the seeds that both have.

    Args:
        row: Seed label -> value.
        reference: Seed label -> value.
    """
    return summarise([row[seed] - reference[seed] for seed in row if seed in reference])


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for their number (Holm's step-down; valid for dependent tests).

    Args:
        p_values: Those of one family of comparisons; nan ones are left out and stay nan.
    """
    adjusted = [math.nan] * len(p_values)
    order = sorted((p, i) for i, p in enumerate(p_values) if not math.isnan(p))
    worst = 0.0
    for rank, (p, index) in enumerate(order):
        worst = max(worst, min(1.0, p * (len(order) - rank)))
        adjusted[index] = worst
    return adjusted
