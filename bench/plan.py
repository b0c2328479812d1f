"""Studies to ordered launches and rounds, and skips with reasons; everything random in it comes from the seed."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench import stats, timing, workloads
from bench.case import Case, Group
from bench.hardware.cpu import usable_cores
from bench.survey import Survey

__all__ = [
    "PRESETS",
    "Plan",
    "Planned",
    "Preset",
    "expected_seconds",
    "launch_generator",
    "make",
    "starting_at_once",
    "whole_squares",
]


@dataclass(frozen=True)
class Preset:
    """How many launches and rounds; more launches where a start costs under a second."""

    launches: int
    rounds: int
    cheap_launches: int
    cheap_rounds: int


PRESETS = {
    "quick": Preset(5, 24, 8, 20),  # whole squares of 2, 3, 4, 6, 8 and 12 cases: 25 rounds would become 36 for twelve
    "standard": Preset(10, 30, 10, 30),
    "thorough": Preset(20, 40, 20, 40),
}
CHEAP_START_S = 1.0
ASSUMED_RATE = 50e9  # FLOP/s, only for the expectation shown before anything is measured, and only if nothing is known
ASSUMED_BANDWIDTH = 10e9  # B/s, likewise
ASSUMED_GPU_RATE = 10e12  # likewise, of any GPU: what was taken of this machine is its CPU's
SLOWER = {"float64": 2.0}  # times what float32 takes, likewise
PREPARATION_S, PREPARATION_STEPS = 0.06, 6  # building a case, warming it up and calibrating it, likewise
LONG_PREPARATION_S, LONG_PREPARATION_STEPS = 0.2, 4  # of long steps, of which fewer warm up, likewise
PILOT_S = 1.2  # checking and calibrating a case, with the cold compiler's share, likewise
PRODUCT_PILOT_S, PRODUCT_PILOT_STEPS = 0.3, 8  # of a product or a sweep; its check multiplies in float64, likewise
SAMPLE_OVERHEAD_S = 0.003  # waking a worker, likewise
CALIBRATION_SAMPLES = 3  # of full length: the fastest of three decides
CORES_PER_START = 4  # importing a framework keeps one busy and others now and then
STARTING_AT_ONCE = 2  # at the least, where there are cores for it


@dataclass(frozen=True)
class Planned:
    """A group with its number of rounds, a whole number of Williams squares."""

    group: Group
    rounds: int


@dataclass(frozen=True)
class Plan:
    """What a run will do; a skip is a case, its group's baseline and the reason.

    With ``budget_s``, launches and rounds are yet to be fixed, from a pilot, so that the run lasts so many seconds.
    With ``precision``, a study stops once its widest interval is within a ratio of 1 + precision either way.
    ``left_out`` says, in sentences, what the studies could have measured as well.
    """

    seed: int
    launches: Mapping[str, int]
    groups: Sequence[Planned]
    skips: Sequence[tuple[Case, str, str]]
    budget_s: float | None = None
    precision: float | None = None
    left_out: Sequence[str] = ()

    def of(self, study: str) -> list[Planned]:
        """Return the groups of one study."""
        return [planned for planned in self.groups if planned.group.study == study]

    def to_json(self) -> dict[str, Any]:
        """Return the plan as run.json holds it."""
        groups = [
            {
                "study": planned.group.study,
                "name": planned.group.name,
                "baseline": planned.group.baseline,
                "rounds": planned.rounds,
                "fixed": planned.group.rounds is not None,
                "fixed_launches": planned.group.launches is not None,
                "cases": [case.to_json() for case in planned.group.cases],
            }
            for planned in self.groups
        ]
        skips = [{"case": case.to_json(), "baseline": baseline, "reason": reason}
                 for case, baseline, reason in self.skips]  # fmt: skip
        return {
            "launches": dict(self.launches),
            "groups": groups,
            "skips": skips,
            "budget_s": self.budget_s,
            "precision": self.precision,
            "left_out": list(self.left_out),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any], seed: int) -> Plan:
        """Return the plan of a run.json; raises KeyError, TypeError or ValueError where it is none."""
        groups = [
            Planned(
                Group(
                    entry["study"],
                    entry["name"],
                    tuple(Case.from_json(case) for case in entry["cases"]),
                    entry["baseline"],
                    int(record["launches"][entry["study"]])
                    if entry.get("fixed_launches", entry.get("fixed"))
                    else None,
                    int(entry["rounds"]) if entry.get("fixed") else None,
                ),
                int(entry["rounds"]),
            )
            for entry in record["groups"]
        ]
        skips = [(Case.from_json(entry["case"]), entry["baseline"], entry["reason"]) for entry in record["skips"]]
        launches = {str(key): int(value) for key, value in record["launches"].items()}
        budget_s, precision = record.get("budget_s"), record.get("precision")
        if min(launches.values(), default=1) < 1 or min((entry.rounds for entry in groups), default=1) < 1:
            raise ValueError("a plan needs at least one launch and one round")
        if not (budget_s is None or budget_s > 0) or not (precision is None or 0 < precision < 1):
            raise ValueError("budget_s or precision is out of range")
        return cls(seed, launches, groups, skips, budget_s, precision, tuple(map(str, record.get("left_out", ()))))


def make(groups: Sequence[Group], survey: Survey, preset: str, seed: int) -> Plan:
    """Leave out what cannot run here, with its reason, and fix launches and rounds in advance."""
    chosen = PRESETS[preset]
    skips: list[tuple[Case, str, str]] = []
    studies: dict[str, list[Group]] = {}
    for group in groups:
        reasons = _reasons(group, survey)
        skips += [(case, group.baseline, reasons[case.id]) for case in group.cases if case.id in reasons]
        kept = tuple(case for case in group.cases if case.id not in reasons)
        if any(not case.control for case in kept):
            studies.setdefault(group.study, []).append(replace(group, cases=kept))
    launches: dict[str, int] = {}
    planned: list[Planned] = []
    for study, members in studies.items():
        cheap = all(_start_s(case, survey) < CHEAP_START_S for group in members for case in group.cases)
        launches[study] = members[0].launches or (chosen.cheap_launches if cheap else chosen.launches)
        rounds = chosen.cheap_rounds if cheap else chosen.rounds
        planned += [_with_rounds(group, rounds) for group in members]
    return Plan(seed, launches, planned, skips)


def _reasons(group: Group, survey: Survey) -> dict[str, str]:
    """Return why cases of a group cannot run here, by id.

    Where a group compares devices and nothing of it can run on one of them, neither has the rest anything to run for.
    """
    reasons = {case.id: survey.reasons[case.id] for case in group.cases if case.id in survey.reasons}
    devices: dict[str, list[Case]] = {}
    for case in group.cases:
        devices.setdefault(case.device, []).append(case)
    for device, cases in devices.items():
        if len(devices) > 1 and all(case.id in survey.reasons for case in cases):
            at_fault = any(case.name == group.baseline for case in cases)
            remedy = "name one that can with --baseline" if at_fault else f"run this where {device} can be used"
            text = f"nothing to compare it with on {device}: {survey.reasons[cases[0].id]}; {remedy}"
            reasons = dict.fromkeys((case.id for case in group.cases), text) | reasons
    return reasons


def _with_rounds(group: Group, rounds: int) -> Planned:
    """Return a group with its rounds, whole Williams squares unless its study fixes launches and rounds together."""
    if group.rounds is None:
        return Planned(group, whole_squares(rounds, len(group.cases)))
    own = group.rounds if group.launches is not None else whole_squares(group.rounds, len(group.cases))
    return Planned(replace(group, rounds=own), own)


def whole_squares(rounds: int, cases: int) -> int:
    """Return the rounds rounded up to whole Williams squares."""
    square = cases if cases % 2 == 0 or cases == 1 else 2 * cases
    return math.ceil(rounds / square) * square


def starting_at_once() -> int:
    """Return how many workers start together: two where there are cores for it, more where there are many."""
    cores = usable_cores()
    return min(cores, max(STARTING_AT_ONCE, cores // CORES_PER_START))


def order(rounds: int, cases: int, generator: np.random.Generator) -> list[list[int]]:
    """Return for each round the order of its cases: Williams squares, each relabelled at random."""
    rows: list[list[int]] = []
    while len(rows) < rounds:
        rows += stats.williams(cases, generator)
    return rows[:rounds]


def launch_generator(seed: int, study: str, launch: int, attempt: int) -> np.random.Generator:
    """Return the source of every random order in one launch."""
    return np.random.default_rng([seed, zlib.crc32(study.encode()), (launch + 1) % 2**32, attempt])


def expected_seconds(plan: Plan, survey: Survey) -> float:
    """Return about how long the plan takes, from its FLOPs at the rate of a small product on this machine."""
    rate = survey.rate or ASSUMED_RATE
    total = 0.0
    for study, launches in plan.launches.items():
        groups = plan.of(study)
        workers = {case.worker: case for planned in groups for case in planned.group.cases}
        start = sum(_start_s(case, survey) for case in workers.values()) / starting_at_once()
        cases = [(case, planned.rounds) for planned in groups for case in planned.group.cases]
        launch = sum(_launch_s(case, rate, rounds) for case, rounds in cases)
        total += launches * (start + launch) + start + sum(_pilot_s(case, rate) for case, _ in cases)
    return total


def _step_s(case: Case, rate: float) -> float:
    needed = workloads.work(case)
    rate = rate if case.device == "cpu" else ASSUMED_GPU_RATE
    return max(SLOWER.get(case.dtype, 1.0) * needed.flops / rate, needed.bytes / ASSUMED_BANDWIDTH)


def _target_s(case: Case) -> float:
    """Return how long samples of a case are to last."""
    return float(case.parameters.get("sample_s") or timing.TARGET_SAMPLE_S)


def _launch_s(case: Case, rate: float, rounds: int) -> float:
    step_s, target_s = _step_s(case, rate), _target_s(case)
    sample_s = SAMPLE_OVERHEAD_S + max(step_s, target_s)
    warm_s = min(PREPARATION_STEPS * step_s, LONG_PREPARATION_S + LONG_PREPARATION_STEPS * step_s)
    return PREPARATION_S + _longer_s(target_s) + warm_s + rounds * sample_s


def _longer_s(target_s: float) -> float:
    """Return what calibrating takes beyond that of samples of the usual length."""
    return CALIBRATION_SAMPLES * (target_s - timing.TARGET_SAMPLE_S)


def _pilot_s(case: Case, rate: float) -> float:
    if case.workload not in workloads.OF_LIBRARIES:
        return PILOT_S
    if case.control:
        return 0.0
    return PRODUCT_PILOT_S + _longer_s(_target_s(case)) + PRODUCT_PILOT_STEPS * _step_s(case, rate)


def _start_s(case: Case, survey: Survey) -> float:
    return survey.start_s.get(case.where, 0.0)
