"""Intervals and verdicts keep their promises on data of known truth."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from bench import stats


def experiments(count, launches, effect=0.0, deviation=0.02, seed=1):
    generator = np.random.default_rng(seed)
    return np.log1p(effect) + deviation * generator.standard_normal((count, launches))


def test_p_agrees_with_the_interval():
    found = stats.intervals(experiments(20_000, 5, deviation=0.01, effect=0.01))
    excludes = (found.low > 0) | (found.high < 0)
    np.testing.assert_array_equal(found.p < 0.05, excludes)
    assert 0.2 < excludes.mean() < 0.8


def test_interval_by_hand():
    """Mean 0.02, standard error 0.01 / sqrt(3), t at 97.5 % with two degrees of freedom 4.3027."""
    found = stats.mean_interval(np.array([0.01, 0.02, np.nan, 0.03]))
    assert (found.mean, found.deviation, found.launches) == pytest.approx((0.02, 0.01, 3))
    assert (found.low, found.high) == pytest.approx((0.02 - 0.024842, 0.02 + 0.024842), abs=1e-6)
    assert found.p == pytest.approx(0.07418, abs=1e-5)


@pytest.mark.parametrize(("value", "p"), [(0.0, 1.0), (0.25, 0.0)])
def test_launches_all_alike_are_certain(value, p):
    found = stats.mean_interval(np.full(5, value))
    assert (found.low, found.high, found.p) == (value, value, p)


def test_too_few_launches_among_many_experiments_are_told_by_nan():
    found = stats.intervals(np.array([[0.1, np.nan, np.nan], [0.1, 0.2, np.nan], [np.nan, np.nan, np.nan]]))
    assert np.isnan(found.mean).tolist() == np.isnan(found.high).tolist() == [True, False, True]
    assert found.p[[0, 2]].tolist() == [1.0, 1.0]
    assert found.launches.tolist() == [1, 2, 0]


def test_an_interval_needs_two_launches():
    with pytest.raises(ValueError, match="1 launches"):
        stats.mean_interval(np.array([0.1, np.nan]))


def times(ratio, launches=8, rounds=20, seed=3, spread=0.003):
    """Baseline and case times with drift, shared bursts and per-launch effects."""
    generator = np.random.default_rng(seed)
    shared = np.exp(0.1 * generator.standard_normal((launches, rounds))) * (1 + np.linspace(0, 0.2, rounds))
    own = np.exp(spread * generator.standard_normal((2, launches, 1)))
    return ratio * shared * own[0], shared * own[1]


def test_shared_bursts_cancel_in_paired_rounds():
    case, baseline = times(1.03)
    comparison = stats.compare(case, baseline)
    assert comparison.ci_low < 1.03 < comparison.ci_high
    assert comparison.ci_high / comparison.ci_low < 1.01  # unpaired, bursts of 10 % would make this some 1.05


def test_swapping_case_and_baseline_mirrors_everything():
    case, baseline = times(1.04)
    one, other = stats.compare(case, baseline), stats.compare(baseline, case)
    assert other.ratio == pytest.approx(1 / one.ratio, rel=1e-12)
    assert (other.ci_low, other.ci_high) == pytest.approx((1 / one.ci_high, 1 / one.ci_low), rel=1e-12)
    assert stats.verdict(one, one.p, 0.02) == "slower"
    assert stats.verdict(other, other.p, 0.02) == "faster"


def test_margin_is_symmetric_under_swapping():
    """An interval that just reaches 1 / (1 + margin) is no more equivalent than one that reaches 1 + margin."""
    inside, outside = 1 / 1.0199, 1 / 1.0201
    for low, expected in ((inside, "equivalent"), (outside, "inconclusive")):
        one = stats.Comparison(1.0, low, 1.01, 1.0, 0.9, 0.01, 5, 20)
        other = stats.Comparison(1.0, 1 / 1.01, 1 / low, 1.0, 0.9, 0.01, 5, 20)
        assert stats.verdict(one, 0.9, 0.02) == stats.verdict(other, 0.9, 0.02) == expected


def test_missing_samples_drop_their_own_rounds_only():
    case, baseline = times(1.0, rounds=20)
    case[0, 3] = np.nan
    baseline[0, 7] = np.nan
    medians = stats.launch_medians(stats.log_ratios(case, baseline))
    expected = np.median(np.delete(np.log(case[0] / baseline[0]), [3, 7]))
    assert medians[0] == pytest.approx(expected, abs=1e-12)


def test_a_launch_under_half_of_its_rounds_does_not_count():
    case, baseline = times(1.0, launches=6, rounds=20)
    medians = stats.compare(case, baseline).medians
    assert len(medians) == 6
    case[2, :11] = np.nan
    assert stats.compare(case, baseline).launches == 5
    assert stats.compare(case, baseline).medians == medians[:2] + medians[3:]
    case[2, 10] = 1.0
    assert stats.compare(case, baseline).launches == 6


def test_launches_are_what_n_counts():
    """Correlated rounds: an interval from pooled rounds would be far too narrow."""
    case, baseline = times(1.0, launches=5, rounds=40, spread=0.02)
    logs = stats.log_ratios(case, baseline)
    comparison = stats.compare(case, baseline)
    pooled = stats.mean_interval(logs.ravel())
    assert np.log(comparison.ci_high / comparison.ci_low) > 3 * (pooled.high - pooled.low)


def test_holm_by_hand():
    assert stats.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert stats.holm([]) == []
    assert stats.holm([0.9, 0.8]) == [1.0, 1.0]


def test_mde_is_found_in_80_percent():
    """A planted effect of the size of the MDE is told from 1 in four of five experiments."""
    deviation, launches = 0.01, 8
    effect = stats.mde(deviation, launches, 1, 0.0001)
    found = stats.intervals(experiments(50_000, launches, effect, deviation)).p < 0.05
    assert 0.78 <= np.mean(found) <= 0.83


def test_mde_is_at_least_the_margin():
    assert stats.mde(1e-9, 8, 1, 0.02) == 0.02


def test_fixed_cost_is_recovered_with_its_interval():
    generator = np.random.default_rng(5)
    flops = np.array([1e7, 1e8, 1e9, 1e10])
    noise = np.exp(0.001 * generator.standard_normal((8, 4)))
    fit = stats.fixed_cost(flops, (50e-6 + flops / 2e11) * noise)
    assert fit.low < 50e-6 < fit.high
    assert fit.fixed_s == pytest.approx(50e-6, rel=0.02)
    assert fit.rate == pytest.approx(2e11, rel=0.02)


def test_two_sizes_are_no_fit():
    assert stats.fixed_cost(np.array([1.0, 2.0]), np.ones((5, 2))) is None


@pytest.mark.parametrize("cases", [2, 3, 4, 5, 6, 7, 12])
def test_williams_rows_balance_neighbours(cases):
    """Each ordered pair of neighbours occurs equally often; a cyclic square repeats the same n pairs."""
    rows = stats.williams(cases, np.random.default_rng(0))
    assert all(sorted(row) == list(range(cases)) for row in rows)
    pairs = Counter(pair for row in rows for pair in pairwise(row))
    assert len(pairs) == cases * (cases - 1)
    assert len(set(pairs.values())) == 1


def test_williams_labels_are_drawn_anew():
    generator = np.random.default_rng(0)
    assert stats.williams(6, generator) != stats.williams(6, generator)
    assert stats.williams(1, generator) == [[0]]
