"""Intervals and verdicts keep their promises: 50,000 simulated experiments of known truth under each regime.

The bounds are the project's promise, not fitted to what came out. With 50,000 experiments the standard error of a share
near 5 % is 0.1 points: the band for independent noise, 0.4 points either way, is four of them. What may be wrong in an
interval moves it further at five launches: ddof = 0 to 93.2 %, L degrees of freedom to 93.8 %, the root of L - 1 to
96.4 %.
"""

import numpy as np
import pytest

from bench import stats
from tests.bench.regimes import CLOSE, IID, SAFE, autoregressive, drift, process, slow_modes, spikes, two_modes

EXPERIMENTS = 50_000
CHUNK = 2_500  # keeps memory under 200 MB
ROUNDS = 20
EFFECT = 0.03
NO_MARGIN = 1e-9  # so that no false verdict hides behind ``equivalent``


def coverage(regime, launches):
    """Percent of the experiments whose interval holds the truth."""
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(EXPERIMENTS // CHUNK):
        times = regime.times(generator, (CHUNK, 2, launches, ROUNDS), [EFFECT])
        found = stats.comparisons(times[:, 1], times[:, 0])
        covered += np.count_nonzero((found.ci_low <= 1 + EFFECT) & (found.ci_high >= 1 + EFFECT))
    return 100 * covered / EXPERIMENTS


def false_families(regime, effects, launches=5):
    """Percent of the families, cases against one baseline, with a direction given to a case that has none."""
    generator = np.random.default_rng(0)
    same = np.equal(effects, 0)
    false = 0
    for _ in range(EXPERIMENTS // CHUNK):
        times = regime.times(generator, (CHUNK, 1 + len(effects), launches, ROUNDS), effects)
        found = stats.comparisons(times[:, 1:], times[:, :1])
        given = stats.verdicts(found, stats.holm_adjusted(found.p), NO_MARGIN)
        false += np.count_nonzero((np.isin(given, ["faster", "slower"]) & same).any(axis=-1))
    return 100 * false / EXPERIMENTS


def named(regimes):
    return pytest.mark.parametrize("regime", regimes, ids=lambda regime: regime.name)


@pytest.mark.parametrize("launches", [5, 8, 10])
def test_independent_noise_is_covered_in_95_percent(launches):
    assert 94.6 <= coverage(IID, launches) <= 95.4


@named(CLOSE)
def test_coverage_is_close_to_nominal_at_five_launches(regime):
    assert 94.25 <= coverage(regime, 5) <= 95.75


@named(SAFE)
def test_modes_of_whole_launches_are_covered_at_least(regime):
    assert coverage(regime, 5) >= 94.25


@pytest.mark.parametrize("launches", [8, 10])
@named([process(0.8), drift(0.05), spikes(0.01, 5.0)])
def test_coverage_is_close_to_nominal_with_more_launches(regime, launches):
    assert 94.25 <= coverage(regime, launches) <= 95.75


@named(
    [IID, process(0.95), autoregressive(0.8), drift(0.05), slow_modes(0.2, stay=0.0), spikes(0.01, 5.0), two_modes(1.1)]
)
def test_few_families_of_five_hold_a_false_verdict(regime):
    assert false_families(regime, [0.0] * 5) <= 5.5


def test_families_of_identical_cases_are_not_hidden():
    """Were no direction ever given, the bound above would hold and mean nothing."""
    assert false_families(IID, [0.0] * 5) >= 3.5


def test_what_is_different_does_not_loosen_the_verdicts_on_the_rest():
    """Two of five cases are always found; the other three share the family's 5 %."""
    assert 3.5 <= false_families(IID, [0.5, -0.4, 0.0, 0.0, 0.0]) <= 5.5


@pytest.mark.parametrize("launches", [2, 5, 8])
def test_one_comparison_is_the_same_as_one_of_many(launches):
    """What is shown for arrays holds for the function that runs use, missing samples and all."""
    generator = np.random.default_rng(0)
    times = process(0.5).times(generator, (50, 2, launches, ROUNDS), [EFFECT])
    times[generator.random(times.shape) < 0.2] = np.nan
    many = stats.comparisons(times[:, 1], times[:, 0])
    adjusted = stats.holm_adjusted(many.p)
    given = stats.verdicts(many, adjusted, 0.02)
    assert stats.holm(many.p) == adjusted.tolist()
    for number, (baseline, case) in enumerate(times):
        one = stats.compare(case, baseline)
        if many.launches[number] < 2:
            assert one is None
            continue
        for name in ("ratio", "ci_low", "ci_high", "mean_ratio", "p", "deviation", "launches", "rounds"):
            assert getattr(one, name) == getattr(many, name)[number]
        assert one.medians == tuple(many.medians[number][np.isfinite(many.medians[number])])
        assert stats.verdict(one, adjusted[number], 0.02) == given[number]
