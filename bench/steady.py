"""Is what a verdict rests on in a steady state? A changepoint test on the log ratios, (launches, rounds)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats as scipy_stats

from bench.stats import LEAST_SHARE_OF_ROUNDS

__all__ = ["LEAST_ROUNDS", "NEVER", "STEADY", "State", "state"]

Floats = NDArray[np.float64]

STEADY = "steady"
NEVER = "never steady"
LEAST_ROUNDS = 12  # so that the half that remains after a change can be tested again
LEAST_REST = 6
SHIFTS = 3999
FEW_SHIFTS = 99
MOST_OF_FEW = 4
P = 0.0005  # two of 4,000, the data itself among them; at 0.001 AR(1) noise of 0.8 gives 0.6 % false changes
SHARE_OF_MARGIN = 0.5


@dataclass(frozen=True)
class State:
    """The outcome in words, and the first round from which on it is steady (0: from the start; None: never)."""

    outcome: str
    first: int | None


def state(logs: Floats, margin: float, seed: int = 0) -> State | None:
    """Test for changes at the same round of every launch; None with too few rounds or launches to test.

    A change counts if its p is at most 0.0005 and its size, the difference of the medians after and before it, median
    over launches, is at least half the margin. One in the first half is a warm-up: what follows is tested again.

    Args:
        logs: Log ratios, (launches, rounds), missing ones NaN.
        margin: The least effect of interest.
        seed: Of the shifts that make the null distribution.
    """
    logs = logs[np.isfinite(logs).mean(axis=1) >= LEAST_SHARE_OF_ROUNDS]
    launches, rounds = logs.shape
    if launches < 2 or rounds < LEAST_ROUNDS:
        return None
    generator, first = np.random.default_rng(seed), 0
    while (found := _change(logs[:, first:], margin, generator)) is not None:
        first += found
        if 2 * first > rounds:
            return State(NEVER, None)
    return State(f"from round {first}" if first else STEADY, first)


def _change(logs: Floats, margin: float, generator: np.random.Generator) -> int | None:
    """Return the round at which what all launches have in common changes; None where nothing shows."""
    logs = logs[np.isfinite(logs).mean(axis=1) >= LEAST_SHARE_OF_ROUNDS]
    if len(logs) < 2 or logs.shape[1] < LEAST_REST:
        return None
    filled = np.where(np.isfinite(logs), logs, np.nanmedian(logs, axis=1, keepdims=True))
    ranks = scipy_stats.rankdata(filled, axis=1)  # a spike is then no more than the largest
    statistic = _statistics(ranks.mean(axis=0))
    place = int(statistic.argmax()) + 1
    steps = np.median(filled[:, place:], axis=1) - np.median(filled[:, :place], axis=1)
    large = abs(float(np.median(steps))) >= SHARE_OF_MARGIN * np.log1p(margin)
    return place if large and _significant(ranks, float(statistic.max()), generator) else None


def _statistics(profiles: Floats) -> Floats:
    """Return |CUSUM| over its standard deviation under independence at 1 ... rounds - 2, over the last axis."""
    rounds = profiles.shape[-1]
    before = np.arange(1, rounds - 1)
    sums = np.cumsum(profiles - profiles.mean(axis=-1, keepdims=True), axis=-1)[..., :-2]
    return np.asarray(np.abs(sums) / np.sqrt(before * (rounds - before) / rounds))


def _significant(ranks: Floats, statistic: float, generator: np.random.Generator) -> bool:
    """Shift each launch's rounds in a circle, apart: that keeps its autocorrelation and breaks what is in common.

    A hundred shifts settle most cases (sequential Monte Carlo, Besag & Clifford 1991).
    """
    if _exceeding(ranks, statistic, FEW_SHIFTS, generator) > MOST_OF_FEW:
        return False
    return (_exceeding(ranks, statistic, SHIFTS, generator) + 1) / (SHIFTS + 1) <= P


def _exceeding(ranks: Floats, statistic: float, shifts: int, generator: np.random.Generator) -> int:
    launches, rounds = ranks.shape
    starts = generator.integers(rounds, size=(shifts, launches, 1))
    shifted = ranks[np.arange(launches)[:, None], (starts + np.arange(rounds)) % rounds]
    null = _statistics(shifted.mean(axis=1)).max(axis=-1)
    return int((null >= statistic * (1 - 1e-9)).sum())
