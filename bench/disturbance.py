"""Which samples were disturbed, by what the kernel said; and whether a verdict stands without their rounds.

Nothing is dropped for it: the verdict rests on all rounds, and what it would be without the disturbed ones stands
beside it. Each threshold is what is usual for the same case in the same launch and something on top, since waking and
handing over by themselves cost a few switches and up to a scheduler's slice of waiting.

A GPU that runs into its power limit slows down, as it is meant to: under a heavy load that is the usual, not a
disturbance. Those samples are counted apart and their rounds stay; one that overheats or that the board slows is
disturbed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import gpu_telemetry, stats
from bench.plan import Planned
from bench.stats import Comparison

__all__ = ["CLOCKS", "flags", "sensitivity", "shares"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Row = dict[str, Any]
Judge = Callable[[Comparison], str]

CLOCKS = (
    "steal_s",
    "pressure_s",
    "involuntary_switches",
    "frequency_hz",
    gpu_telemetry.CLOCK,
    gpu_telemetry.REASONS,
)
# A runnable thread that waits longer than a slice (base_slice, 3 ms with four CPUs) waits for another's work, not for
# the hand-over. Of 7,280 samples on a shared 2-core machine those within 2 ms of the usual had the median time, those
# 3 ms beyond took 3 % longer and those 10 ms beyond 22 %.
PRESSURE_S = 0.003
# There, samples with one switch more than usual took 0.6 % longer, with three more 3 %, with four more 7 %.
SWITCHES = 3
# Time goes with the frequency: 5 % is beyond the steps in which governors move under an even load, and any margin.
FREQUENCY_SHARE = 0.95
# nvml.h: nvmlClocksEventReasonSwPowerCap, then nvmlClocksEventReasonSwThermalSlowdown and
# nvmlClocksThrottleReason…: HwSlowdown, HwThermalSlowdown, HwPowerBrakeSlowdown.
POWER_CAP = 0x4
THROTTLED = 0x20 | 0x8 | 0x40 | 0x80
APART = "power_cap"
# Of a sample many times longer than 5 ms, what is less than this share could not move its time by any margin; a switch
# takes up to a slice, and a third of one as a rule.
LEAST_SHARE = 0.05
SWITCH_S = 0.001
REPETITIONS = 200
KEPT = 0.95


def flags(recorded: dict[str, dict[str, Floats]]) -> dict[str, dict[str, Flags]]:
    """Return by kind and case id which samples were disturbed, (launches, rounds).

    Args:
        recorded: The entries of CLOCKS and ``elapsed_s`` by name and case id, (launches, rounds), NaN where not known.
    """
    least = {case: LEAST_SHARE * np.nan_to_num(found) for case, found in recorded["elapsed_s"].items()}

    def beyond(name: str, least_of: Callable[[str], Floats]) -> dict[str, Flags]:
        return {case: np.nan_to_num(found - _usual(found)) >= least_of(case) for case, found in recorded[name].items()}

    steal = recorded["steal_s"].items()  # in ticks of 10 ms
    return {
        "steal": {case: np.nan_to_num(found) > np.where(found > 0, least[case], 0) for case, found in steal},
        "pressure": beyond("pressure_s", lambda case: np.maximum(PRESSURE_S, least[case])),
        "switches": beyond("involuntary_switches", lambda case: np.maximum(SWITCHES, least[case] / SWITCH_S)),
        "frequency": {case: _slowed(found) for case, found in recorded["frequency_hz"].items()},
        "throttled": {case: _held(found, THROTTLED) for case, found in recorded[gpu_telemetry.REASONS].items()},
        "clock": {case: _behind(found) for case, found in recorded[gpu_telemetry.CLOCK].items()},
        APART: {case: _held(found, POWER_CAP) for case, found in recorded[gpu_telemetry.REASONS].items()},
    }


def shares(groups: list[Planned], flagged: dict[str, dict[str, Flags]], times: dict[str, Floats]) -> list[Row]:
    """Return per study how many samples there are and which share of them was disturbed, by kind and by any.

    Beside them stands the share that ran into a GPU's power limit, which is not in any.
    """
    taken: dict[str, list[str]] = defaultdict(list)
    for planned in groups:
        taken[planned.group.study] += [case.id for case in planned.group.cases if case.id in times]
    rows = []
    for study, cases in taken.items():
        samples = sum(int(np.isfinite(times[case]).sum()) for case in cases)
        counts = {kind: sum(int(found[case].sum()) for case in cases) for kind, found in flagged.items()}
        counts["any"] = sum(int(disturbed(flagged, case).sum()) for case in cases)
        rows.append({"study": study, "samples": samples}
                    | {kind: count / max(samples, 1) for kind, count in counts.items()})  # fmt: skip
    return rows


def disturbed(flagged: dict[str, dict[str, Flags]], case: str) -> Flags:
    """Return which samples of a case were disturbed by anything."""
    return np.asarray(np.any([found[case] for kind, found in flagged.items() if kind != APART], axis=0))


def sensitivity(case: Floats, baseline: Floats, touched: Flags, verdict: str, judge: Judge, seed: int = 0) -> Row:
    """Return whether a verdict stands without the rounds in which either side was disturbed.

    Dropping rounds widens an interval by itself, so the same number of rounds per launch is dropped at random for
    comparison: ``sensitive`` is a verdict that changes where chance would have kept it.

    Args:
        case: Times per unit of work, (launches, rounds).
        baseline: Those of the baseline.
        touched: Which rounds were disturbed.
        verdict: That of all rounds.
        judge: From a comparison to a verdict.
        seed: Of the rounds dropped at random.
    """
    logs = stats.log_ratios(case, baseline)
    present = np.isfinite(logs)
    share = float((touched & present).sum() / max(present.sum(), 1))
    row: Row = {"disturbed": share, "ratio_undisturbed": None, "verdict_undisturbed": None,
                "kept_at_random": None, "sensitive": False}  # fmt: skip
    rest = stats.compare(np.where(touched, np.nan, case), baseline)
    if rest is None:
        return row
    row["ratio_undisturbed"] = rest.ratio
    if rest.launches < stats.LEAST_JUDGED:
        return row
    found = judge(rest)
    kept = 1.0
    if share:
        verdicts = [judge(one) for one in _at_random(logs, (touched & present).sum(axis=1), seed)]
        kept = verdicts.count(verdict) / len(verdicts)
    return row | {"verdict_undisturbed": found, "kept_at_random": kept, "sensitive": found != verdict and kept >= KEPT}


def _at_random(logs: Floats, drops: NDArray[np.int_], seed: int) -> list[Comparison]:
    """Drop that many rounds of each launch at random, repeatedly, and compare what is left."""
    launches, rounds = logs.shape
    drawn = np.random.default_rng(seed).random((REPETITIONS, launches, rounds))
    rank = np.where(np.isfinite(logs), drawn, np.inf).argsort(axis=2).argsort(axis=2)
    left = np.where(rank < drops[:, None], np.nan, logs)
    medians = stats.launch_medians(left.reshape(-1, rounds)).reshape(REPETITIONS, launches)
    found = stats.intervals(medians)
    ratios, lows, highs = np.exp([found.mean, found.low, found.high])
    columns = zip(ratios, lows, highs, found.p, found.deviation, found.launches, strict=True)
    return [
        Comparison(ratio, low, high, ratio, p_value, spread, int(count), 0)
        for ratio, low, high, p_value, spread, count in columns
    ]


def _usual(found: Floats) -> Floats:
    """Return the median of each launch, NaN where nothing is known, (launches, 1)."""
    usual = np.full((len(found), 1), np.nan)
    known = np.isfinite(found).any(axis=1)
    usual[known] = np.nanmedian(found[known], axis=1, keepdims=True)
    return usual


def _slowed(frequency: Floats) -> Flags:
    """Against the median of all launches, since throttling may last for a whole one."""
    if not np.isfinite(frequency).any():
        return np.zeros(frequency.shape, dtype=np.bool_)
    return np.nan_to_num(frequency, nan=np.inf) < FREQUENCY_SHARE * float(np.nanmedian(frequency))


def _held(reasons: Floats, mask: int) -> Flags:
    """Return which samples met any of the reasons in a mask."""
    held: Flags = (np.nan_to_num(reasons).astype(np.int64) & mask) != 0
    return held


def _behind(clock: Floats) -> Flags:
    """Against the case's own median of the launch: what a GPU's clock is depends on what it does."""
    return np.nan_to_num(clock, nan=np.inf) < FREQUENCY_SHARE * np.nan_to_num(_usual(clock))
