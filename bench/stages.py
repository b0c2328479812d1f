"""Where the time of a fed epoch goes: seconds per image of each stage, from the passes that were watched."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from bench import pipelines, series, stats
from bench.case import Case
from bench.plan import Plan
from bench.store import Records

__all__ = ["START", "STUDY", "derive"]

Row = dict[str, Any]

STUDY = "pipeline"
START = "start"  # of worker processes, once per epoch of all images; no sample holds it
TRAINING_IMAGES = 60_000
IDENTITY = ("group", "case", "implementation", "dtype", "device", "batch")


def derive(plan: Plan, records: Records) -> Row:
    """Return the table of the study.

    ``stages`` has a row per case and stage: mean over launches of the seconds per image, with a 95 % t interval, None
    where there is but one launch. Stages are those of ``bench.pipelines``; a case with worker processes has only
    ``start``, the seconds until they give a first batch, over the images of a whole epoch.
    """
    cases = {case.id: case for entry in plan.of(STUDY) for case in entry.group.cases if not case.control}
    complete = series.complete_launches(records).get(STUDY, {})
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for sample in records.samples:
        counts = sample["case"] in cases and complete.get(sample["launch"]) == sample["attempt"]
        for stage, seconds in _per_image(sample.get("told") or {}).items() if counts else ():
            found[sample["case"]][stage].append(seconds)
    order = (*pipelines.STAGES, START)
    rows = [
        _identity(case) | {"stage": stage} | _mean(found[case.id][stage])
        for case in cases.values()
        for stage in order
        if stage in found[case.id]
    ]
    return {"stages": rows}


def _per_image(told: Row) -> dict[str, float]:
    if "start_s" in told:
        return {START: told["start_s"] / TRAINING_IMAGES}
    return {stage: seconds / told["images"] for stage, seconds in told.get("stages", {}).items()}


def _identity(case: Case) -> Row:
    values = (case.group, case.name, case.implementation, case.dtype, case.device, case.parameters["batch"])
    return dict(zip(IDENTITY, values, strict=True))


def _mean(values: list[float]) -> Row:
    if len(values) < 2:
        return {"seconds_per_image": values[0], "low": None, "high": None, "launches": 1}
    interval = stats.mean_interval(np.asarray(values))
    return {
        "seconds_per_image": interval.mean,
        "low": max(0.0, interval.low),  # a time is not negative, though a t interval knows nothing of that
        "high": interval.high,
        "launches": len(values),
    }
