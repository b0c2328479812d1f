"""From records to arrays: which launches count, and each case's times per step as (launches, rounds)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.store import Records

__all__ = [
    "arrays",
    "complete_launches",
    "conditions",
    "counted",
    "of_result",
    "outcomes_by_case",
    "start_up",
    "telemetry",
    "time_s",
    "times",
]

Floats = NDArray[np.float64]
Record = dict[str, Any]
Column = Callable[[Record], float | None]
Which = Callable[[int], bool]


def of_result(launch: int) -> bool:
    """Return whether a launch counts; pilots and what budgets are planned from have numbers below zero."""
    return launch >= 0


def complete_launches(records: Records, which: Which = of_result) -> dict[str, dict[int, int]]:
    """Return {study: {launch: attempt}} of the launches that ran to their end; the others stay out of the inference."""
    found: dict[str, dict[int, int]] = defaultdict(dict)
    for outcome in records.outcomes:
        if outcome["kind"] == "launch" and outcome["complete"] and which(outcome["launch"]):
            found[outcome["study"]][outcome["launch"]] = outcome["attempt"]
    return found


def counted(records: Records, rounds: dict[str, int], which: Which = of_result) -> Iterator[tuple[Record, int]]:
    """Yield the samples of planned cases in complete launches, in the order taken, each with its launch's row.

    Args:
        records: A run.
        rounds: The planned rounds of each case, by id.
        which: Of which launches.
    """
    complete = complete_launches(records, which)
    rows = {study: {launch: row for row, launch in enumerate(sorted(found))} for study, found in complete.items()}
    for sample in records.samples:
        case = sample["case"]
        study = case.partition("/")[0]
        row = rows.get(study, {}).get(sample["launch"])
        if case not in rounds or row is None or complete[study][sample["launch"]] != sample["attempt"]:
            continue
        if sample["round"] < rounds[case]:
            yield sample, row


def arrays(
    records: Records, rounds: dict[str, int], columns: Mapping[str, Column], which: Which = of_result
) -> dict[str, dict[str, Floats]]:
    """Return {column: {case id: values}}, (complete launches, rounds), NaN where there is no sample or no value.

    Args:
        records: A run.
        rounds: The planned rounds of each case, by id.
        columns: What to read off a sample; None where it does not say.
        which: Of which launches.
    """
    launches = {study: len(found) for study, found in complete_launches(records, which).items()}
    result: dict[str, dict[str, Floats]] = {name: {} for name in columns}
    for sample, row in counted(records, rounds, which):
        case = sample["case"]
        for name, column in columns.items():
            if case not in result[name]:
                result[name][case] = np.full((launches[case.partition("/")[0]], rounds[case]), np.nan)
            value = column(sample)
            if value is not None:
                result[name][case][row, sample["round"]] = value
    return result


def times(records: Records, rounds: dict[str, int], which: Which = of_result) -> dict[str, Floats]:
    """Return seconds per step of each case, (complete launches, rounds), NaN where a sample is missing."""
    return arrays(records, rounds, {"time_s": time_s}, which)["time_s"]


def time_s(sample: Record) -> float:
    """Return a sample's seconds per step."""
    return float(sample["elapsed_s"] / sample["steps"])


def telemetry(name: str) -> Column:
    """Return what reads one entry of the samples' telemetry; records of earlier versions or other systems lack some."""
    return lambda sample: (sample.get("telemetry") or {}).get(name)


def outcomes_by_case(records: Records, kind: str) -> dict[str, list[dict[str, Any]]]:
    """Return the outcomes of one kind by case id."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for outcome in _of_cases(records.outcomes):
        if outcome["kind"] == kind:
            found[outcome["case"]].append(outcome)
    return found


def start_up(records: Records) -> dict[str, dict[str, Any]]:
    """Return start-up figures by case id, seconds: medians over launches, the pilot's (cold), equality."""
    result: dict[str, dict[str, Any]] = defaultdict(dict)
    for case, starts in outcomes_by_case(records, "start").items():
        warm = [start for start in starts if not start["pilot"]]
        cold = [start for start in starts if start["pilot"]]
        steps = [start["steps"] for start in warm if "steps" in start]  # each launch calibrates anew
        result[case]["steps"] = int(np.median(steps)) if steps else None
        for name in ("interpreter_s", "import_s", "build_s", "first_step_s", "overhead_s"):
            found = [start[name] for start in warm if name in start]  # what trains at every step has no first one apart
            result[case][name] = float(np.median(found)) if found else None
            result[case][f"cold_{name}"] = cold[-1].get(name) if cold else None
    for case, checks in outcomes_by_case(records, "equality").items():
        result[case] |= {"deviation": checks[-1]["deviation"], "bound": checks[-1]["bound"]}
    return result


def conditions(records: Records) -> dict[str, dict[str, Any]]:
    """Return what steered each case's speed, by case id, with ``reasons`` for what is None; the last answer counts."""
    return {
        case: told[-1]["conditions"] | {"reasons": told[-1]["reasons"]}
        for case, told in outcomes_by_case(records, "conditions").items()
    }


def _of_cases(outcomes: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    return (outcome for outcome in outcomes if "case" in outcome)
