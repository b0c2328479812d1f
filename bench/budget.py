"""Launches and rounds from a time budget, and when a wanted precision is reached; both look at widths alone.

A few launches that enter no result are taken first. From them come the costs (seconds per launch and per round) and
the noise (variance of the log ratio between launches and within one); of all (L, R) that the budget holds, the one
with the smallest minimum detectable effect is taken.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats as scipy_stats

from bench import plan as planning
from bench import series, stats
from bench.launch import PILOT
from bench.plan import Plan, Planned
from bench.stats import Comparison
from bench.store import Records

__all__ = [
    "LEAST_LAUNCHES_TO_STOP",
    "PILOT_LAUNCHES",
    "Cost",
    "Noise",
    "adjustable",
    "choose",
    "describe",
    "fits",
    "intervals",
    "precise",
    "settle",
    "unsettled",
]

Floats = NDArray[np.float64]

PILOT_LAUNCHES = 3
LEAST_LAUNCHES = 5
LEAST_ROUNDS = 20
MOST_LAUNCHES = 200
MOST_ROUNDS = 1000  # beyond, a round more narrows nothing that launches do not
SHORTEST_ROUND_S = 1e-4
LEAST_LAUNCHES_TO_STOP = 10
RESERVE = 0.92  # of what is left: launches differ in length
MEDIAN_INEFFICIENCY = math.pi / 2  # variance of a median over that of a mean, for normal noise
BETWEEN_FLOOR = 0.1  # least share of the launch-to-launch variance taken as such: three launches cannot show it absent


@dataclass(frozen=True)
class Noise:
    """Variances of a comparison's log ratio: of launches, of one round within a launch; and how many share its Holm."""

    between: float
    within: float
    family: int


@dataclass(frozen=True)
class Cost:
    """Seconds of a launch without its rounds, and of one round of every group."""

    launch_s: float
    round_s: float


def unsettled(plan: Plan, seconds: float) -> Plan:
    """Return the plan with launches and rounds left open: what a run that is to last so many seconds begins with."""
    rounds = {id(entry): planning.whole_squares(LEAST_ROUNDS, len(entry.group.cases)) for entry in plan.groups}
    groups = [entry if _fixed(entry) else replace(entry, rounds=rounds[id(entry)]) for entry in plan.groups]
    launches = {study: LEAST_LAUNCHES if study in adjustable(plan) else count for study, count in plan.launches.items()}
    return replace(plan, launches=launches, groups=groups, budget_s=seconds)


def _fixed(entry: Planned) -> bool:
    """Whether the study itself says how many rounds there are."""
    return entry.group.rounds is not None


def adjustable(plan: Plan) -> list[str]:
    """Return the studies whose launches and rounds a budget may choose."""
    return [study for study in plan.launches if not any(map(_fixed, plan.of(study)))]


def choose(noises: Sequence[Noise], cost: Cost, budget_s: float) -> tuple[int, int]:
    """Return the launches and rounds with the smallest MDE (geometric mean over comparisons) that the budget holds.

    Never fewer than 5 launches of 20 rounds, whether or not the budget holds them.
    """
    best, chosen = math.inf, (LEAST_LAUNCHES, LEAST_ROUNDS)
    for launches in range(LEAST_LAUNCHES, MOST_LAUNCHES + 1):
        rounds = int(min(MOST_ROUNDS, (budget_s / launches - cost.launch_s) / max(cost.round_s, SHORTEST_ROUND_S)))
        if rounds < LEAST_ROUNDS:
            break
        expected = _expected_mde(noises, launches, rounds)
        if expected < best:
            best, chosen = expected, (launches, rounds)
    return chosen


def _expected_mde(noises: Sequence[Noise], launches: int, rounds: int) -> float:
    logs = []
    for noise in noises:
        deviation = math.sqrt(noise.between + MEDIAN_INEFFICIENCY * noise.within / rounds)
        quantiles = scipy_stats.t.ppf([1 - stats.ALPHA / (2 * noise.family), stats.POWER], launches - 1).sum()
        logs.append(math.log(quantiles * deviation / math.sqrt(launches)) if deviation else -math.inf)
    return float(np.mean(logs)) if logs else 0.0


def settle(plan: Plan, records: Records, left_s: float) -> Plan:
    """Return the plan with launches and rounds fixed from its pilot launches; studies share what is left by cost."""
    costs = {study: _cost(plan, records, study) for study in adjustable(plan)}
    least = {study: LEAST_LAUNCHES * (cost.launch_s + LEAST_ROUNDS * cost.round_s) for study, cost in costs.items()}
    times = _times(records)
    launches = dict(plan.launches)
    groups = list(filter(_fixed, plan.groups))
    for study, cost in costs.items():
        share = RESERVE * left_s * least[study] / sum(least.values())
        launches[study], rounds = choose(_noises(plan, times, study), cost, share)
        groups += [replace(entry, rounds=_squares(rounds, len(entry.group.cases))) for entry in plan.of(study)]
    return replace(plan, launches=launches, groups=groups, budget_s=None)


def precise(comparisons: Sequence[Comparison], target: float) -> bool:
    """Return whether the widest interval is within a ratio of 1 + target either way of its middle.

    Only widths are looked at, and only from ten launches on: stopping on significance gives 19 % false verdicts.
    """
    return bool(comparisons) and all(
        comparison.launches >= LEAST_LAUNCHES_TO_STOP
        and math.sqrt(comparison.ci_high / comparison.ci_low) - 1 <= target
        for comparison in comparisons
    )


def _squares(rounds: int, cases: int) -> int:
    """Whole Williams squares that fit, but at least those that hold the least number of rounds."""
    square = planning.whole_squares(1, cases)
    return max(planning.whole_squares(LEAST_ROUNDS, cases), rounds // square * square)


def _noises(plan: Plan, times: dict[str, Floats], study: str) -> list[Noise]:
    found = []
    for entry in plan.of(study):
        present = {case.name: times[case.id] for case in entry.group.cases if case.id in times}
        baseline = present.pop(entry.group.baseline, None)
        family = max(1, sum(not case.control and case.name in present for case in entry.group.cases))
        if baseline is not None:
            found += [_noise(stats.log_ratios(series, baseline), family) for series in present.values()]
    return [noise for noise in found if noise is not None]


def _noise(logs: Floats, family: int) -> Noise | None:
    rounds = np.isfinite(logs).sum(axis=1)
    logs = logs[rounds >= LEAST_ROUNDS // 2]
    if len(logs) < 2:
        return None
    medians = np.nanmedian(logs, axis=1)
    # 1.4826 times the median absolute deviation is the standard deviation of normal noise; spikes leave it alone.
    within = float(np.mean((1.4826 * np.nanmedian(np.abs(logs - medians[:, None]), axis=1)) ** 2))
    total = float(medians.var(ddof=1))
    between = max(total - MEDIAN_INEFFICIENCY * within / logs.shape[1], BETWEEN_FLOOR * total)
    return Noise(between, within, family)


def _taken(records: Records) -> dict[tuple[str, int], tuple[int, float]]:
    """Return {(study, launch): (attempt, seconds)} of the whole launches that a plan may be made from."""
    return {
        (outcome["study"], outcome["launch"]): (outcome["attempt"], outcome["wall_s"])
        for outcome in records.outcomes
        if outcome["kind"] == "launch" and outcome["launch"] < PILOT and outcome["complete"]
    }


def _samples(records: Records) -> list[dict[str, Any]]:
    taken = _taken(records)
    return [
        sample
        for sample in records.samples
        if taken.get((sample["case"].partition("/")[0], sample["launch"]), (None,))[0] == sample["attempt"]
    ]


def _times(records: Records) -> dict[str, Floats]:
    """Seconds per step of the pilot launches, (launches, rounds), by case id."""
    found: dict[str, dict[tuple[int, int], float]] = defaultdict(dict)
    for sample in _samples(records):
        found[sample["case"]][sample["launch"], sample["round"]] = sample["elapsed_s"] / sample["steps"]
    result = {}
    for case, values in found.items():
        launches = range(PILOT - PILOT_LAUNCHES, PILOT)
        rounds = 1 + max(number for _, number in values)
        result[case] = np.array([[values.get((row, column), np.nan) for column in range(rounds)] for row in launches])
    return result


def _cost(plan: Plan, records: Records, study: str) -> Cost:
    """Medians over the pilot launches; the first and last sample of a group span its rounds."""
    spans: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for sample in _samples(records):
        if sample["case"].startswith(f"{study}/"):
            spans[sample["launch"]][sample["case"].rpartition("/")[0]].append(sample["at_s"])
    if not spans:
        return Cost(1.0, 1.0)
    rounds = {f"{study}/{entry.group.name}": entry.rounds for entry in plan.of(study)}
    walls = {launch: seconds for (of, launch), (_, seconds) in _taken(records).items() if of == study}
    fixed = [walls[launch] - sum(map(np.ptp, groups.values())) for launch, groups in spans.items()]
    per_round = [sum(np.ptp(at) / rounds[name] for name, at in groups.items()) for groups in spans.values()]
    return Cost(float(np.median(fixed)), float(np.median(per_round)))


def intervals(plan: Plan, records: Records, study: str) -> list[Comparison]:
    """Return the comparisons of a study as they stand, controls and all."""
    rounds = {case.id: entry.rounds for entry in plan.of(study) for case in entry.group.cases}
    times = series.times(records, rounds)
    found = []
    for entry in plan.of(study):
        present = {case.name: times[case.id] for case in entry.group.cases if case.id in times}
        baseline = present.pop(entry.group.baseline, None)
        if baseline is not None:
            found += [stats.compare(values, baseline) for values in present.values()]
    return [comparison for comparison in found if comparison is not None]


def fits(plan: Plan, records: Records, left_s: float) -> bool:
    """Return whether the seconds left hold the least plan there may be."""
    costs = [_cost(plan, records, study) for study in adjustable(plan)]
    return sum(LEAST_LAUNCHES * (cost.launch_s + LEAST_ROUNDS * cost.round_s) for cost in costs) <= left_s


def describe(plan: Plan) -> dict[str, Any]:
    """Return launches and rounds by study, as a note on record."""
    return {
        study: {"launches": launches, "rounds": max((entry.rounds for entry in plan.of(study)), default=0)}
        for study, launches in plan.launches.items()
    }
