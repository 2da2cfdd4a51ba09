import math

import numpy as np
import pytest
from scipy import stats

from icpc.experiments.tables.statistics import holm, paired_difference, summarise


def test_summary_by_hand():
    # 1, 2, 3: sd 1, and t(0.975, 2) = 4.302653 from the printed tables.
    summary = summarise([1.0, 2.0, 3.0])
    assert (summary.n, summary.mean, summary.sd) == (3, 2.0, 1.0)
    assert summary.half == pytest.approx(4.302653 / math.sqrt(3), abs=1e-6)


def test_the_interval_holds_the_mean_in_95_of_100_draws():
    draws = np.random.default_rng(0).normal(3.0, 2.0, (4000, 5))
    inside = [abs(s.mean - 3.0) <= s.half for s in map(summarise, draws)]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize(('values', 'mean'), [([], math.nan), ([4.0], 4.0)])
def test_one_seed_has_no_uncertainty(values, mean):
    summary = summarise(values)
    assert summary.mean == pytest.approx(mean, nan_ok=True)
    assert math.isnan(summary.sd)
    assert math.isnan(summary.half)


def test_paired_difference_agrees_with_scipy_and_pairs_by_label():
    row = {'0': 44.1, '1': 45.3, '2': 43.9, '3': 46.0}
    reference = {'3': 44.9, '2': 43.2, '1': 43.8, '0': 43.5}  # another order
    seeds = sorted(row)
    expected = stats.ttest_rel([row[s] for s in seeds], [reference[s] for s in seeds])
    difference = paired_difference(row, reference)
    assert difference.p == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval(0.95)
    assert difference.mean - difference.half == pytest.approx(low)
    assert difference.mean + difference.half == pytest.approx(high)
    assert difference.holds == (low > 0)


def test_pairs_are_the_seeds_that_both_rows_have():
    difference = paired_difference({'0': 2.0, '1': 4.0, '9': 100.0}, {'0': 1.0, '1': 1.0})
    assert (difference.n, difference.mean) == (2, 2.0)


def test_a_constant_shift_of_a_noisy_row_is_certain_although_the_rows_overlap():
    noise = dict(enumerate(np.random.default_rng(1).normal(0, 10, 5)))
    wobble = [0.0, 0.1, -0.1, 0.05, -0.05]
    shifted = {seed: value + 1 + wobble[seed] for seed, value in noise.items()}
    assert paired_difference(shifted, noise).p < 1e-4
    assert stats.ttest_ind(list(shifted.values()), list(noise.values())).pvalue > 0.5


@pytest.mark.parametrize(('row', 'p'), [({'0': 1.0, '1': 2.0}, 1.0), ({'0': 2.0, '1': 3.0}, 0.0)])
def test_equal_differences_leave_no_doubt(row, p):
    assert paired_difference(row, {'0': 1.0, '1': 2.0}).p == p


def test_holm_by_hand():
    # Sorted 0.01, 0.02, 0.04: times 3, 2, 1, then never falling. A missing one does not count.
    adjusted = holm([0.04, 0.01, math.nan, 0.02])
    assert adjusted == pytest.approx([0.04, 0.03, math.nan, 0.04], nan_ok=True)
    assert holm([0.9, 0.8]) == [1.0, 1.0]
