"""Pure functions on arrays: from samples to intervals and verdicts.

The launch is what n counts. Rounds are paired inside a launch and reduced to one median each; only those medians
enter the inference, because rounds of one process share its code layout and memory placement and so are no
replicates (Kalibera & Jones 2013, "Rigorous Benchmarking in Reasonable Time").

Each rule is written once, on arrays with any leading axes; the functions for one comparison call it. What simulations
of many experiments show thus holds for a run.
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
    "Comparisons",
    "FixedCost",
    "Intervals",
    "MeanInterval",
    "compare",
    "comparisons",
    "fixed_cost",
    "holm",
    "holm_adjusted",
    "intervals",
    "launch_medians",
    "log_ratios",
    "mde",
    "mean_interval",
    "verdict",
    "verdicts",
    "williams",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

ALPHA = 0.05
CONTROL_ALPHA = 0.01
POWER = 0.8
LEAST_SHARE_OF_ROUNDS = 0.5
LEAST_LAUNCHES = 2  # below two there is no variance to estimate
LEAST_ROUNDS = 20  # of a launch, for a verdict
LEAST_JUDGED = 5  # launches for a verdict; with three, 13 % of families hold a false one (simulated; docs/method.md)
MAD_TO_DEVIATION = 1.4826  # the median absolute deviation of normal noise times this is its standard deviation


@dataclass(frozen=True)
class Intervals:
    """Means over launches with their 95 % t intervals and p values of being zero: arrays of the leading axes."""

    mean: Floats
    low: Floats
    high: Floats
    deviation: Floats
    p: Floats
    launches: Integers


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
class Comparisons:
    """What ``Comparison`` holds, as arrays of the leading axes; ``medians`` is (..., launches), NaN where left out."""

    ratio: Floats
    ci_low: Floats
    ci_high: Floats
    mean_ratio: Floats
    p: Floats
    deviation: Floats
    launches: Integers
    rounds: Integers
    medians: Floats


@dataclass(frozen=True)
class Comparison:
    """A case against its baseline: ratios of time, above 1 is slower; ``medians`` are log ratios, one a launch."""

    ratio: float
    ci_low: float
    ci_high: float
    mean_ratio: float
    p: float
    deviation: float
    launches: int
    rounds: int
    medians: tuple[float, ...] = ()


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
        case: Times per unit of work, (..., launches, rounds).
        baseline: The same of the baseline.
    """
    return np.asarray(np.log(case) - np.log(baseline), dtype=np.float64)


def launch_medians(rounds: Floats) -> Floats:
    """Return each launch's median over its rounds, (..., launches); NaN where under half of the rounds are there.

    The median, because under heavy tails its spread is a seventh of the mean's.

    Args:
        rounds: A value a round, (..., launches, rounds); those that are not finite are missing.
    """
    present = np.isfinite(rounds)
    counts = present.sum(axis=-1, keepdims=True)
    ordered = np.sort(np.where(present, rounds, np.nan), axis=-1)  # missing ones last
    middle = [np.take_along_axis(ordered, index, axis=-1) for index in ((counts - 1) // 2, counts // 2)]
    medians = np.where(counts >= LEAST_SHARE_OF_ROUNDS * rounds.shape[-1], (middle[0] + middle[1]) / 2, np.nan)
    return np.asarray(medians[..., 0])


def intervals(values: Floats, confidence: float = 1 - ALPHA) -> Intervals:
    """Return means of (..., launches) values with t intervals of n - 1 degrees of freedom; NaN values are left out.

    Where fewer than two values are there, all is NaN and p is 1.
    """
    present = np.isfinite(values)
    n = present.sum(axis=-1)
    degrees = np.where(n < LEAST_LAUNCHES, np.nan, n - 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):  # launches all alike: p is 0, or 1 where the mean is 0 too
        mean = np.where(present, values, 0.0).sum(axis=-1) / (degrees + 1)
        squares = np.where(present, (values - mean[..., None]) ** 2, 0.0).sum(axis=-1)
        deviation = np.sqrt(squares / degrees)
        error = deviation / np.sqrt(n)
        p = 2 * scipy_stats.t.sf(np.abs(mean / error), degrees)
    half = scipy_stats.t.ppf((1 + confidence) / 2, degrees) * error
    return Intervals(mean, mean - half, mean + half, deviation, np.nan_to_num(p, nan=1.0), n)


def mean_interval(values: Floats, confidence: float = 1 - ALPHA) -> MeanInterval:
    """Return the interval of one row of (launches,) values.

    Raises:
        ValueError: Fewer than two values are there.
    """
    found = intervals(values, confidence)
    n = int(found.launches)
    if n < LEAST_LAUNCHES:
        raise ValueError(f"{n} launches: an interval needs at least {LEAST_LAUNCHES}")
    mean, low, high = float(found.mean), float(found.low), float(found.high)
    return MeanInterval(mean, low, high, float(found.deviation), float(found.p), n)


def comparisons(case: Floats, baseline: Floats) -> Comparisons:
    """Compare times per unit of work, both (..., launches, rounds), missing ones NaN.

    NaN with p of 1 where fewer than two launches have at least half of their rounds.
    """
    logs = log_ratios(case, baseline)
    medians = launch_medians(logs)
    found = intervals(medians)
    valid = np.isfinite(medians)
    present = np.isfinite(logs) & valid[..., None]
    counts = present.sum(axis=-1)
    means = np.where(present, logs, 0.0).sum(axis=-1) / np.maximum(counts, 1)  # 0 for a launch left out
    mean_ratio = np.exp(means.sum(axis=-1) / np.maximum(found.launches, 1))
    rounds = np.where(valid, counts, logs.shape[-1]).min(axis=-1, initial=logs.shape[-1])
    ratio, low, high = np.exp(found.mean), np.exp(found.low), np.exp(found.high)
    return Comparisons(ratio, low, high, mean_ratio, found.p, found.deviation, found.launches, rounds, medians)


def compare(case: Floats, baseline: Floats) -> Comparison | None:
    """Compare times per unit of work, both (launches, rounds), missing ones NaN.

    Returns None where fewer than two launches have at least half of their rounds.
    """
    found = comparisons(case, baseline)
    if found.launches < LEAST_LAUNCHES:
        return None
    return Comparison(
        float(found.ratio), float(found.ci_low), float(found.ci_high), float(found.mean_ratio), float(found.p),
        float(found.deviation), int(found.launches), int(found.rounds),
        tuple(found.medians[np.isfinite(found.medians)].tolist()),
    )  # fmt: skip


def holm_adjusted(p_values: Floats) -> Floats:
    """Return p values (..., m) adjusted for testing all m (Holm 1979, "A Simple Sequentially Rejective ...")."""
    order = np.argsort(p_values, axis=-1, kind="stable")
    left = np.arange(p_values.shape[-1], 0, -1)
    stepped = np.minimum(1.0, left * np.take_along_axis(p_values, order, axis=-1))
    adjusted = np.full(p_values.shape, np.nan)
    np.put_along_axis(adjusted, order, np.maximum.accumulate(stepped, axis=-1), axis=-1)
    return adjusted


def holm(p_values: Sequence[float]) -> list[float]:
    """Return one family's p values adjusted for testing all of them."""
    return [float(p) for p in holm_adjusted(np.asarray(p_values, dtype=np.float64))]


def verdicts(found: Comparisons | Comparison, p_adjusted: Floats | float, margin: float,
             alpha: float = ALPHA) -> NDArray[np.str_]:  # fmt: skip
    """Return ``equivalent``, ``faster``, ``slower`` or ``inconclusive`` for each comparison.

    ``equivalent`` where the comparison's own 95 % interval lies within a ratio of 1 + margin either way (in logarithms,
    so that swapping case and baseline mirrors the verdict); else the direction where the adjusted p is under alpha.
    """
    equivalent = np.less(found.ci_high, 1 + margin) & np.greater(found.ci_low, 1 / (1 + margin))
    direction = np.where(np.greater(found.ratio, 1), "slower", "faster")
    decided = np.where(np.less(p_adjusted, alpha), direction, "inconclusive")
    return np.where(equivalent, "equivalent", decided)


def verdict(comparison: Comparison, p_adjusted: float, margin: float, alpha: float = ALPHA) -> str:
    """Return the verdict on one comparison."""
    return str(verdicts(comparison, p_adjusted, margin, alpha))


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
