"""Does a case's time depend on who ran before it? Balanced orders spread such an effect; this says how large it is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import stats
from bench.plan import Planned

__all__ = ["after_effects"]

Floats = NDArray[np.float64]
Row = dict[str, Any]

ALPHA = 0.01  # over all predecessors of the run, as for the controls
LEAST_CASES = 3  # with two, one is always before the other and there is nothing to tell it from
# A case never follows itself, so it is spared its own effect: a ratio is off by at most effect / (cases - 1), which
# is an eighth of the margin here, with three cases.
SHARE_OF_MARGIN = 0.25
HUBER, FITS = 1.345, 6


def after_effects(groups: list[Planned], times: dict[str, Floats], positions: dict[str, Floats],
                  margin: float) -> list[Row]:  # fmt: skip
    """Return for each case what it does to the times of those sampled right after it.

    Effects are relative to the median predecessor of the group: what all do alike cannot be told from the times.

    Args:
        groups: The groups of a run.
        times: Seconds per step by case id, (launches, rounds), NaN where missing.
        positions: Place within its round of each sample, likewise.
        margin: The least effect of interest.
    """
    judged = [planned for planned in groups if any(case.name == planned.group.baseline for case in planned.group.cases)]
    rows = [row for planned in judged for row in _of_group(planned, times, positions)]
    for row, p_adjusted in zip(rows, stats.holm([row["p"] for row in rows]), strict=True):
        beyond = abs(np.log(row["effect"])) > np.log1p(SHARE_OF_MARGIN * margin)
        enough = row["launches"] >= stats.LEAST_JUDGED
        row |= {"p_adjusted": p_adjusted, "flagged": bool(p_adjusted < ALPHA and beyond and enough)}
    return rows


def _of_group(planned: Planned, times: dict[str, Floats], positions: dict[str, Floats]) -> list[Row]:
    cases = [case for case in planned.group.cases if case.id in times]
    if len(cases) < LEAST_CASES:
        return []
    found = effects(np.stack([times[case.id] for case in cases]), np.stack([positions[case.id] for case in cases]))
    rows = []
    for case, values in zip(cases, found.T, strict=True):
        if np.isfinite(values).sum() < stats.LEAST_LAUNCHES:
            continue
        interval = stats.mean_interval(values)
        effect, low, high = (float(np.exp(value)) for value in (interval.mean, interval.low, interval.high))
        rows.append({"study": case.study, "group": case.group, "predecessor": case.name, "effect": effect,
                     "low": low, "high": high, "p": interval.p, "launches": interval.launches})  # fmt: skip
    return rows


def effects(times: Floats, positions: Floats) -> Floats:
    """Return the log of each case's effect on its successors, (launches, cases), NaN where it is not known.

    In each launch log time = own time of the case + drift of the round + effect of the predecessor, so that neither
    speed nor drift looks like an effect; fitted by Huber's M estimator, so that no spike does. Samples in which a case
    follows itself are left out: its own caches are warm then.

    Args:
        times: (cases, launches, rounds), NaN where missing.
        positions: Place within the round, likewise.
    """
    return np.stack([_of_launch(times[:, launch], positions[:, launch]) for launch in range(times.shape[1])])


def _of_launch(times: Floats, positions: Floats) -> Floats:
    cases, rounds = times.shape
    present = np.isfinite(times)
    order = np.argsort(np.where(present, np.arange(rounds) * cases + positions, np.inf), axis=None)[: present.sum()]
    who, number = np.divmod(order, rounds)
    others = np.flatnonzero(who[1:] != who[:-1]) + 1
    own, drift, before = who[others], number[others], who[others - 1]
    if not len(others):
        return np.full(cases, np.nan)
    unit = np.eye(cases)
    design = np.hstack([unit[own], np.eye(rounds)[drift], unit[before]])
    fitted = _huber(design, np.log(times.ravel()[order[others]]))[-cases:]
    found = np.where(np.isin(np.arange(cases), before), fitted, np.nan)
    return np.asarray(found - np.nanmedian(found))


def _huber(design: Floats, values: Floats) -> Floats:
    """Fit by iteratively reweighted least squares (Huber 1964); beyond 1.345 standard deviations weights fall."""
    weights = np.ones(len(values))
    for _ in range(FITS):
        root = np.sqrt(weights)
        fitted = np.linalg.lstsq(design * root[:, None], values * root, rcond=None)[0]
        residuals = np.abs(values - design @ fitted)
        limit = HUBER * stats.MAD_TO_DEVIATION * float(np.median(residuals))
        weights = np.minimum(1.0, limit / np.maximum(residuals, 1e-300))
        if not limit:
            break
    return np.asarray(fitted)
