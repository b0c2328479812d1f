"""Learning curves from the records: by epoch and seed, means over seeds, and which published runs are reproduced."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np

from bench import published, series
from bench.case import Case
from bench.plan import Plan
from bench.published import Bound, Recipe, Run
from bench.store import Records

__all__ = ["LEVELS", "STUDY", "derive", "learned", "recipe", "reproduced"]

Row = dict[str, Any]

STUDY = "accuracy"
LEVELS = (0.80, 0.85, 0.87)  # of test accuracy, to which the time is told
ROUNDING = 1e-9  # a value that is on a bound is within it
COLUMNS = ("train_loss", "train_accuracy", "test_accuracy")
IDENTITY = (
    "group", "case", "implementation", "dtype", "device", "batch", "width", "depth", "learning_rate", "division",
)  # fmt: skip


def derive(plan: Plan, records: Records) -> Row:
    """Return the tables of the study.

    ``curves`` has a row per case, seed and epoch: what was told of the epoch, its seconds and those of all so far.
    ``learned`` has a row per case: the last epoch's means over seeds, their spread, and the seconds to each level.
    ``reproduced`` has a row per published run and case trained alike, with a verdict per bound and in all.
    The latter two leave out a seed in which a case failed halfway. A loss that was not finite is None, and so are
    means over it.
    """
    curves = _curves(plan, records)
    epochs = {entry.group.name: entry.rounds for entry in plan.of(STUDY)}
    whole = [row for members in _by(curves, "group", "case", "seed").values() for row in members
             if len(members) == epochs[row["group"]]]  # fmt: skip
    return {"curves": curves, "learned": learned(whole), "reproduced": reproduced(whole)}


def recipe(case: Case) -> Recipe:
    """Return the recipe a case trains by."""
    divided = case.parameters["loss_divisor"]
    return Recipe(float(case.parameters["learning_rate"]), published.MEAN if divided is None else published.NOMINAL)


def _curves(plan: Plan, records: Records) -> list[Row]:
    complete = series.complete_launches(records).get(STUDY, {})
    cases = {case.id: case for entry in plan.of(STUDY) for case in entry.group.cases}
    rows = []
    for sample in records.samples:
        case = cases.get(sample["case"])
        if case is not None and "told" in sample and complete.get(sample["launch"]) == sample["attempt"]:
            told = {name: sample["told"][name] for name in (*COLUMNS, "predicted")}
            place = {"seed": case.seed + sample["launch"], "epoch": sample["round"] + 1}
            rows.append(_identity(case) | place | {"seconds": sample["elapsed_s"]} | told)
    rows.sort(key=lambda row: (row["group"], row["case"], row["seed"], row["epoch"]))
    for members in _by(rows, "group", "case", "seed").values():
        totals = np.cumsum([row["seconds"] for row in members])
        for row, total in zip(members, totals, strict=True):
            row["total_s"] = float(total)
    return rows


def _identity(case: Case) -> Row:
    parameters, how = case.parameters, recipe(case)
    hidden = parameters["hidden"]
    values = (
        case.group, case.name, case.implementation, case.dtype, case.device, parameters["batch"],
        hidden[0] if hidden else None, len(hidden), how.learning_rate, how.division,
    )  # fmt: skip
    return dict(zip(IDENTITY, values, strict=True))


def learned(curves: list[Row]) -> list[Row]:
    """Return the last epoch of each case, over its seeds, and the seconds to each level."""
    rows = []
    for members in _by(curves, "group", "case").values():
        last = max(row["epoch"] for row in members)
        ends = [row for row in members if row["epoch"] == last]
        row = {name: ends[0][name] for name in IDENTITY}
        row |= {"epochs": last, "seeds": len(ends), "seconds": float(np.median([one["seconds"] for one in members]))}
        for name in COLUMNS:
            values = [end[name] for end in ends]
            known = None not in values
            row |= {name: _mean(values), f"{name}_low": min(values) if known else None,
                    f"{name}_high": max(values) if known else None}  # fmt: skip
        rows.append(row | {f"time_to_{level:.2f}": _time_to(members, level) for level in LEVELS})
    return rows


def _time_to(rows: Iterable[Row], level: float) -> float | None:
    """Return the training seconds until a test first reaches the level, median over seeds; None if one never does."""
    times = []
    for members in _by(rows, "seed").values():
        reached = [row["total_s"] for row in members if row["test_accuracy"] >= level]
        if not reached:
            return None
        times.append(min(reached))
    return float(np.median(times))


def reproduced(curves: list[Row]) -> list[Row]:
    """Return a verdict per published run and case that was trained like it, for as many epochs."""
    rows = []
    for run in published.RUNS:
        alike = [row for row in curves if _alike(row, run)]
        for (group, case), members in _by(alike, "group", "case").items():
            if max(row["epoch"] for row in members) != len(run.test_accuracy):
                continue
            checks = [_check(members, bound) for bound in run.bounds]
            rows.append({
                "run": run.name, "group": group, "case": case, "implementation": members[0]["implementation"],
                "dtype": members[0]["dtype"], "seeds": len({row["seed"] for row in members}), "checks": checks,
                "verdict": "reproduced" if all(check["met"] for check in checks) else "not reproduced",
            })  # fmt: skip
    return rows


def _alike(row: Row, run: Run) -> bool:
    network = (row["width"], row["depth"], row["batch"]) == (published.WIDTH, published.DEPTH, published.BATCH)
    return network and (row["learning_rate"], row["division"]) == (run.recipe.learning_rate, run.recipe.division)


def _check(rows: list[Row], bound: Bound) -> Row:
    first = max(row["epoch"] for row in rows) - bound.epochs
    found = _mean([row[bound.column] for row in rows if row["epoch"] > first])
    return {
        "column": bound.column, "epochs": bound.epochs, "wanted": bound.wanted, "within": bound.within,
        "found": found, "met": found is not None and abs(found - bound.wanted) <= bound.within + ROUNDING,
    }  # fmt: skip


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def _by(rows: Iterable[Row], *names: str) -> dict[tuple[Any, ...], list[Row]]:
    found: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        found[tuple(row[name] for name in names)].append(row)
    return found
