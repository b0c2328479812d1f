"""Launches and rounds from a time budget, and when a wanted precision is reached; both look at widths alone.

A few launches that enter no result are taken first. From them come the costs (seconds per launch and per round) and
the noise (variance of the log ratio between launches and within one); of all (L, R) that the budget holds, the one
with the smallest minimum detectable effect is taken.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats as scipy_stats

from bench import plan as planning
from bench import series, stats
from bench.launch import PILOT
from bench.plan import Plan, Planned
from bench.stats import LEAST_JUDGED as LEAST_LAUNCHES
from bench.stats import LEAST_ROUNDS, Comparison
from bench.store import Records

__all__ = [
    "LEAST_LAUNCHES_TO_STOP",
    "PILOT_LAUNCHES",
    "Cost",
    "Noise",
    "adjustable",
    "choose",
    "describe",
    "intervals",
    "precise",
    "settle",
    "unsettled",
]

Floats = NDArray[np.float64]

PILOT_LAUNCHES = 3
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
    """Return the studies whose launches and rounds a budget may choose: groups whose rounds are fixed keep those."""
    return [
        study
        for study in plan.launches
        if all(entry.group.launches is None for entry in plan.of(study)) and not all(map(_fixed, plan.of(study)))
    ]


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


def settle(plan: Plan, records: Records, left_s: float) -> tuple[Plan, bool]:
    """Return the plan with launches and rounds fixed from its pilot launches, and whether the seconds left hold it.

    Studies share the time by cost. The least plan there is, is taken whether or not it fits.
    """
    costs = {study: _cost(plan, records, study) for study in adjustable(plan)}
    least = {study: LEAST_LAUNCHES * (cost.launch_s + LEAST_ROUNDS * cost.round_s) for study, cost in costs.items()}
    launches = dict(plan.launches)
    groups = [entry for entry in plan.groups if entry.group.study not in costs or _fixed(entry)]
    for study, cost in costs.items():
        share = RESERVE * left_s * least[study] / sum(least.values())
        launches[study], rounds = choose(_noises(plan, records, study), cost, share)
        groups += [replace(entry, rounds=_squares(rounds, len(entry.group.cases))) for entry in _open(plan, study)]
    return replace(plan, launches=launches, groups=groups, budget_s=None), sum(least.values()) <= left_s


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


def _open(plan: Plan, study: str) -> list[Planned]:
    """Return the groups of a study whose rounds a budget chooses."""
    return [entry for entry in plan.of(study) if not _fixed(entry)]


def _pairs(
    entries: Sequence[Planned], times: dict[str, Floats], lost: Container[str] = ()
) -> Iterator[tuple[Floats, Floats, int]]:
    """Yield the times of each case and of its baseline, and how many cases share its Holm."""
    for entry in entries:
        present = {case.name: case for case in entry.group.cases if case.id in times and case.id not in lost}
        baseline = present.pop(entry.group.baseline, None)
        family = max(1, sum(not case.control for case in present.values()))
        if baseline is not None:
            yield from ((times[case.id], times[baseline.id], family) for case in present.values())


def _rounds(plan: Plan, study: str) -> dict[str, int]:
    return {case.id: entry.rounds for entry in plan.of(study) for case in entry.group.cases}


def _planning(launch: int) -> bool:
    return launch < PILOT


def _noises(plan: Plan, records: Records, study: str) -> list[Noise]:
    times = series.times(records, _rounds(plan, study), _planning)
    pairs = _pairs(_open(plan, study), times)
    found = [_noise(stats.log_ratios(case, base), family) for case, base, family in pairs]
    return [noise for noise in found if noise is not None]


def _noise(logs: Floats, family: int) -> Noise | None:
    rounds = np.isfinite(logs).sum(axis=1)
    logs = logs[rounds >= LEAST_ROUNDS // 2]
    if len(logs) < 2:
        return None
    medians = np.nanmedian(logs, axis=1)
    within = float(np.mean((stats.MAD_TO_DEVIATION * np.nanmedian(np.abs(logs - medians[:, None]), axis=1)) ** 2))
    total = float(medians.var(ddof=1))
    between = max(total - MEDIAN_INEFFICIENCY * within / logs.shape[1], BETWEEN_FLOOR * total)
    return Noise(between, within, family)


def _cost(plan: Plan, records: Records, study: str) -> Cost:
    """Medians over the pilot launches; the first and last sample of a group span its rounds.

    Rounds that are fixed are part of what a launch costs without those that are chosen.
    """
    spans: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for sample, _ in series.counted(records, _rounds(plan, study), _planning):
        spans[sample["launch"]][sample["case"].rpartition("/")[0]].append(sample["at_s"])
    if not spans:
        return Cost(1.0, 1.0)
    rounds = {f"{study}/{entry.group.name}": entry.rounds for entry in _open(plan, study)}
    walls = {
        outcome["launch"]: outcome["wall_s"]
        for outcome in records.outcomes
        if outcome["kind"] == "launch" and outcome["complete"] and outcome["study"] == study
        if _planning(outcome["launch"])
    }
    lasted = {
        launch: {name: float(np.ptp(at)) for name, at in groups.items() if name in rounds}
        for launch, groups in spans.items()
    }
    fixed = [walls[launch] - sum(groups.values()) for launch, groups in lasted.items()]
    per_round = [sum(seconds / rounds[name] for name, seconds in groups.items()) for groups in lasted.values()]
    return Cost(float(np.median(fixed)), float(np.median(per_round)))


def intervals(plan: Plan, records: Records, study: str, lost: Container[str] = ()) -> list[Comparison]:
    """Return the comparisons of a study as they stand, controls and all, but without the cases that were lost.

    Those of so few rounds that they get no verdict are left out: they would keep a study from ever being precise.
    """
    times = series.times(records, _rounds(plan, study))
    judged = [entry for entry in plan.of(study) if entry.rounds >= LEAST_ROUNDS]
    found = [stats.compare(case, baseline) for case, baseline, _ in _pairs(judged, times, lost)]
    return [comparison for comparison in found if comparison is not None]


def describe(plan: Plan) -> dict[str, Any]:
    """Return launches and rounds by study, as a note on record."""
    return {
        study: {"launches": launches, "rounds": max((entry.rounds for entry in plan.of(study)), default=0)}
        for study, launches in plan.launches.items()
    }
