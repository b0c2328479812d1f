"""Pure functions on arrays: from samples to intervals and verdicts.

The launch is what n counts. Rounds are paired inside a launch and reduced to one median each; only those medians
enter the inference, because rounds of one process share its code layout and memory placement and so are no
replicates (Kalibera & Jones 2013, "Rigorous Benchmarking in Reasonable Time").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats as scipy_stats

__all__ = [
    "ALPHA",
    "CONTROL_ALPHA",
    "Comparison",
    "FixedCost",
    "MeanInterval",
    "compare",
    "fixed_cost",
    "holm",
    "launch_medians",
    "log_ratios",
    "mde",
    "mean_interval",
    "verdict",
    "williams",
]

Floats = NDArray[np.float64]

ALPHA = 0.05
CONTROL_ALPHA = 0.01
POWER = 0.8
LEAST_SHARE_OF_ROUNDS = 0.5
LEAST_LAUNCHES = 2  # below two there is no variance to estimate; presets never plan fewer than five


@dataclass(frozen=True)
class MeanInterval:
    """A mean over launches with its 95 % t interval and the p value of being zero."""

    mean: float
    low: float
    high: float
    deviation: float
    p: float
    launches: int


@dataclass(frozen=True)
class Comparison:
    """A case against its baseline: ratios of time, above 1 is slower."""

    ratio: float
    ci_low: float
    ci_high: float
    mean_ratio: float
    p: float
    deviation: float
    launches: int
    rounds: int


@dataclass(frozen=True)
class FixedCost:
    """time = fixed + FLOPs / rate: seconds, its 95 % interval over launches, and FLOP/s."""

    fixed_s: float
    low: float
    high: float
    rate: float
    launches: int


def log_ratios(case: Floats, baseline: Floats) -> Floats:
    """Return log(case / baseline) round by round; a missing sample (NaN) drops that pair's round only.

    Args:
        case: Times per unit of work, (launches, rounds).
        baseline: The same of the baseline.
    """
    return np.asarray(np.log(case) - np.log(baseline), dtype=np.float64)


def launch_medians(rounds: Floats) -> Floats:
    """Return each launch's median over its rounds, (launches,); NaN where under half of the rounds are there.

    The median, because under heavy tails its spread is a seventh of the mean's.
    """
    present = np.isfinite(rounds)
    counts = present.mean(axis=1) >= LEAST_SHARE_OF_ROUNDS
    medians = np.full(len(rounds), np.nan)
    if counts.any():
        medians[counts] = np.nanmedian(np.where(present, rounds, np.nan)[counts], axis=1)
    return medians


def mean_interval(values: Floats, confidence: float = 1 - ALPHA) -> MeanInterval:
    """Return the mean of (launches,) values with a t interval of n - 1 degrees of freedom; NaN values are left out.

    Raises:
        ValueError: Fewer than two values are there.
    """
    values = values[np.isfinite(values)]
    n = len(values)
    if n < LEAST_LAUNCHES:
        raise ValueError(f"{n} launches: an interval needs at least {LEAST_LAUNCHES}")
    mean, deviation = float(values.mean()), float(values.std(ddof=1))
    error = deviation / np.sqrt(n)
    half = float(scipy_stats.t.ppf((1 + confidence) / 2, n - 1)) * error
    with np.errstate(divide="ignore", invalid="ignore"):  # launches all alike: p is 0, or 1 where the mean is 0 too
        p = 2 * scipy_stats.t.sf(np.abs(np.divide(mean, error)), n - 1)
    return MeanInterval(mean, mean - half, mean + half, deviation, float(np.nan_to_num(p, nan=1.0)), n)


def compare(case: Floats, baseline: Floats) -> Comparison | None:
    """Compare times per unit of work, both (launches, rounds), missing ones NaN.

    Returns None where fewer than two launches have at least half of their rounds.
    """
    logs = log_ratios(case, baseline)
    medians = launch_medians(logs)
    valid = np.isfinite(medians)
    if valid.sum() < LEAST_LAUNCHES:
        return None
    interval = mean_interval(medians)
    means = [float(np.mean(row[np.isfinite(row)])) for row in logs[valid]]
    ratio, low, high = np.exp([interval.mean, interval.low, interval.high])
    return Comparison(
        float(ratio),
        float(low),
        float(high),
        float(np.exp(np.mean(means))),
        interval.p,
        interval.deviation,
        interval.launches,
        int(np.isfinite(logs[valid]).sum(axis=1).min()),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values adjusted for testing all of them (Holm 1979, "A Simple Sequentially Rejective ...")."""
    m = len(p_values)
    adjusted = [1.0] * m
    running = 0.0
    for rank, index in enumerate(sorted(range(m), key=lambda i: p_values[i])):
        running = max(running, min(1.0, (m - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted


def verdict(comparison: Comparison, p_adjusted: float, margin: float, alpha: float = ALPHA) -> str:
    """Return ``equivalent``, ``faster``, ``slower`` or ``inconclusive``.

    ``equivalent`` where the comparison's own 95 % interval lies within a ratio of 1 + margin either way (in logarithms,
    so that swapping case and baseline mirrors the verdict); else the direction where the adjusted p is under alpha.
    """
    if comparison.ci_high < 1 + margin and comparison.ci_low > 1 / (1 + margin):
        return "equivalent"
    if p_adjusted < alpha:
        return "slower" if comparison.ratio > 1 else "faster"
    return "inconclusive"


def mde(deviation: float, launches: int, comparisons: int, margin: float, alpha: float = ALPHA) -> float:
    """Return the minimum detectable effect as a ratio minus 1, at 80 % power and Holm's hardest step.

    Args:
        deviation: Standard deviation over launches of the log ratio.
        launches: How many there are.
        comparisons: How many are adjusted together.
        margin: The least effect of interest; the MDE is never below it.
        alpha: Family-wise error.
    """
    quantiles = scipy_stats.t.ppf([1 - alpha / (2 * comparisons), POWER], launches - 1).sum()
    return max(float(np.expm1(quantiles * deviation / np.sqrt(launches))), margin)


def fixed_cost(flops: Floats, times: Floats) -> FixedCost | None:
    """Fit time = fixed + FLOPs / rate in each launch, then take a t interval over launches.

    Relative residuals are minimised: times span orders of magnitude and their noise is proportional.

    Args:
        flops: FLOPs per step of each size, (sizes,).
        times: Seconds per step, (launches, sizes); launches with a missing size are left out.

    Returns None with fewer than three sizes (two would always fit) or two launches.
    """
    complete = times[np.isfinite(times).all(axis=1)]
    if len(flops) < 3 or len(complete) < LEAST_LAUNCHES:
        return None
    scale = float(flops.max())
    fits = []
    for row in complete:
        design = np.stack([1 / row, flops / scale / row], axis=1)
        fits.append(np.linalg.lstsq(design, np.ones(len(row)), rcond=None)[0])
    fixed, per_flop = np.array(fits).T
    interval = mean_interval(fixed)
    slope = float(per_flop.mean()) / scale
    rate = 1 / slope if slope > 0 else float("nan")
    return FixedCost(interval.mean, interval.low, interval.high, rate, interval.launches)


def williams(n: int, generator: np.random.Generator) -> list[list[int]]:
    """Return the rows of a Williams square of n cases, relabelled and shuffled at random.

    Each ordered pair of neighbours occurs equally often within rows, so that no case always inherits the same
    predecessor's after-effects (Williams 1949); n rows for even n, 2n for odd n.
    """
    first = [0]
    for step in range(1, n):
        first.append((first[-1] + (step if step % 2 else -step)) % n)
    rows = [[(entry + shift) % n for entry in first] for shift in range(n)]
    if n % 2 and n > 1:
        rows += [row[::-1] for row in rows]
    labels = generator.permutation(n)
    return [[int(labels[entry]) for entry in rows[index]] for index in generator.permutation(len(rows))]
