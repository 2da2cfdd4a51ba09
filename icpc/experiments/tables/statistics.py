"""Means with their uncertainty, and differences of paired runs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

_LEVEL = 0.95


@dataclass(frozen=True)
class Summary:
    """Of n numbers; what needs two of them is nan for one, all is nan for none.

    Attributes:
        n: How many.
        mean: Their mean.
        sd: Sample standard deviation (n - 1).
        half: Half the width of the mean's 95 % confidence interval, by Student's t.
    """

    n: int
    mean: float
    sd: float
    half: float


@dataclass(frozen=True)
class Difference(Summary):
    """Of paired runs: a row minus its reference, seed by seed.

    Attributes:
        p: Two-sided p of the paired t test, not corrected for the number of comparisons.
    """

    p: float

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
        return Summary(n, float(values[0]) if n else math.nan, math.nan, math.nan)
    sd = float(np.std(values, ddof=1))
    half = float(stats.t.ppf((1 + _LEVEL) / 2, n - 1)) * sd / math.sqrt(n)
    return Summary(n, float(np.mean(values)), sd, half)


def paired_difference(row: Mapping[str, float], reference: Mapping[str, float]) -> Difference:
    """Compare two rows on the seeds that both have.

    Args:
        row: Seed label -> value.
        reference: Seed label -> value.
    """
    shared = [seed for seed in row if seed in reference]
    summary = summarise([row[seed] - reference[seed] for seed in shared])
    return Difference(*vars(summary).values(), p=_p(summary))


def _p(summary: Summary) -> float:
    if summary.n < 2:
        return math.nan
    if summary.sd == 0:
        return float(summary.mean == 0)
    t = summary.mean / (summary.sd / math.sqrt(summary.n))
    return float(2 * stats.t.sf(abs(t), summary.n - 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for their number (Holm's step-down; valid for dependent tests).

    Args:
        p_values: Of one family of comparisons; nan ones are left out and stay nan.
    """
    adjusted = [math.nan] * len(p_values)
    order = sorted((p, i) for i, p in enumerate(p_values) if not math.isnan(p))
    worst = 0.0
    for rank, (p, index) in enumerate(order):
        worst = max(worst, min(1.0, p * (len(order) - rank)))
        adjusted[index] = worst
    return adjusted
