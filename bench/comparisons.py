"""Each case against its group's baseline: ratio, interval, verdict, and what bears on the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import columns, disturbance, stats, steady, workloads
from bench.case import Case, Group
from bench.plan import Planned
from bench.stats import Comparison

__all__ = ["compare"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Row = dict[str, Any]

DECIDED = {"faster", "slower"}


@dataclass(frozen=True)
class Pair:
    """A case and its baseline: times per FLOP or byte, (launches, rounds), what they come to, and its row."""

    case: Case
    times: Floats
    baseline: Floats
    touched: Flags
    comparison: Comparison
    row: Row


def compare(groups: list[Planned], times: dict[str, Floats], flagged: dict[str, dict[str, Flags]],
            lost: Mapping[str, object], margin: float) -> list[Row]:  # fmt: skip
    """Return every comparison.

    Args:
        groups: The groups of a run.
        times: Seconds per step by case id, (launches, rounds).
        flagged: Which samples were disturbed, by kind and case id.
        lost: The ids of cases that something went wrong with.
        margin: Within which a ratio does not matter.
    """
    groupwise = [_pairs(planned.group, times, flagged, lost) for planned in groups]
    pairs = [pair for members in groupwise for pair in members]
    for members in groupwise:
        _judge([pair for pair in members if not pair.case.control], margin, stats.ALPHA)
    _judge([pair for pair in pairs if pair.case.control], margin, stats.CONTROL_ALPHA)
    rows = [pair.row for pair in pairs]
    _mark(rows)
    return rows


def _pairs(group: Group, times: dict[str, Floats], flagged: dict[str, dict[str, Flags]],
           lost: Mapping[str, object]) -> list[Pair]:  # fmt: skip
    present = {case.name: case for case in group.cases if case.id in times and case.id not in lost}
    baseline = present.pop(group.baseline, None)
    if baseline is None:
        return []
    base = times[baseline.id] / workloads.work(baseline).amount
    touched = disturbance.disturbed(flagged, baseline.id)
    found = []
    for case in present.values():
        own = times[case.id] / workloads.work(case).amount
        comparison = stats.compare(own, base)
        if comparison is not None:
            row = _row(case, group, comparison, times[case.id])
            found.append(Pair(case, own, base, touched | disturbance.disturbed(flagged, case.id), comparison, row))
    return found


def _row(case: Case, group: Group, comparison: Comparison, times: Floats) -> Row:
    return {
        **columns.identity(case, group),
        "ratio": comparison.ratio,
        "ci_low": comparison.ci_low,
        "ci_high": comparison.ci_high,
        "verdict": None,
        "reason": None,
        "mde": None,
        "launches": comparison.launches,
        "rounds": comparison.rounds,
        "p": comparison.p,
        "p_adjusted": None,
        "mean_ratio": comparison.mean_ratio,
        "deviation": comparison.deviation,
        **columns.absolute(case, times),
        "marked": False,
        "medians": list(comparison.medians),
    }


def _judge(family: list[Pair], margin: float, alpha: float) -> None:
    """Give those that are adjusted together their verdicts, with what the verdicts are worth."""
    adjusted = stats.holm([pair.comparison.p for pair in family])
    for pair, p_adjusted in zip(family, adjusted, strict=True):
        # Without some rounds p is another, the step of Holm's ladder is held: one comparison is asked about at a time.
        factor = p_adjusted / pair.comparison.p if pair.comparison.p > 0 else 1.0
        reason = _too_few(pair)
        judge = partial(_verdict, factor=factor, margin=margin, alpha=alpha, few=reason is not None)
        verdict = judge(pair.comparison)
        pair.row.update(
            verdict=verdict,
            reason=reason,
            mde=stats.mde(pair.comparison.deviation, pair.comparison.launches, len(family), margin, alpha),
            p_adjusted=p_adjusted,
        )
        pair.row.update(disturbance.sensitivity(pair.times, pair.baseline, pair.touched, verdict, judge))
        _settle(pair, margin)


def _too_few(pair: Pair) -> str | None:
    """Return why there is too little for a verdict, or None; rounds count as planned, whatever samples were lost."""
    if pair.comparison.launches < stats.LEAST_JUDGED:
        return f"fewer than {stats.LEAST_JUDGED} launches"
    return f"fewer than {stats.LEAST_ROUNDS} rounds" if pair.times.shape[1] < stats.LEAST_ROUNDS else None


def _verdict(comparison: Comparison, factor: float, margin: float, alpha: float, *, few: bool) -> str:
    if few or comparison.launches < stats.LEAST_JUDGED:
        return "inconclusive"
    return stats.verdict(comparison, min(1.0, comparison.p * factor), margin, alpha)


def _settle(pair: Pair, margin: float) -> None:
    """Withhold the verdict on what is in no steady state; a control that failed keeps its own, which warns."""
    state = steady.state(stats.log_ratios(pair.times, pair.baseline), margin)
    pair.row.update(steady=state.outcome if state else None, ratio_steady=None)
    if state is None or state.first == 0:
        return
    if state.first is not None:
        rest = stats.compare(pair.times[:, state.first :], pair.baseline[:, state.first :])
        pair.row["ratio_steady"] = rest.ratio if rest else None
    elif not (pair.case.control and pair.row["verdict"] in DECIDED):
        reason = f"{steady.NEVER}: the ratio moves within every launch, so that it is no property of the case"
        pair.row.update(verdict="inconclusive", reason=reason, verdict_undisturbed=None, kept_at_random=None)
        pair.row["sensitive"] = False


def _mark(rows: list[Row]) -> None:
    """Mark the groups whose control came out faster or slower than itself."""
    failed = {(row["study"], row["group"]) for row in rows if row["control"] and row["verdict"] in DECIDED}
    for row in rows:
        row["marked"] = (row["study"], row["group"]) in failed
