"""The columns that rows of every table of the summary share: what a case is, and its absolute figures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import stats, workloads
from bench.case import Case, Group

__all__ = ["absolute", "identity"]

Floats = NDArray[np.float64]
Row = dict[str, Any]

UNITS = {"examples": "examples/s", "matmuls": "FLOP/s", "bytes": "B/s"}


def identity(case: Case, group: Group) -> Row:
    """Return what a case is, as columns; None where one does not apply.

    ``clock`` is ``device`` where graphs are replayed (bench/replays.py), ``operands`` what those of a product are drawn
    from (bench/values.py); None where a case asks for neither.
    """
    parameters = case.parameters
    hidden = parameters.get("hidden")
    sizes = [parameters[key] for key in ("inputs", "outputs") if key in parameters]
    return {
        "study": case.study,
        "group": case.group,
        "case": case.name,
        "baseline": group.baseline,
        "control": case.control,
        "implementation": case.implementation,
        "provider": case.provider,
        "framework": case.framework,
        "environment": case.where,
        "device": case.device,
        "dtype": case.dtype,
        "threads": case.threads,
        "batch": parameters.get("batch"),
        "width": hidden[0] if hidden else None,
        "depth": len(hidden) if hidden is not None else None,
        "shape": "-".join(map(str, [sizes[0], *hidden, sizes[1]])) if hidden is not None else None,
        "m": parameters.get("m"),
        "k": parameters.get("k"),
        "n": parameters.get("n"),
        "stack": parameters.get("stack"),
        "transfers": case.workload in workloads.TRANSFERRED,
        "clock": parameters.get("clock"),
        "operands": parameters.get("operands"),
        **_placing(case),
    }


def _placing(case: Case) -> Row:
    """Return how the operands of a product lie; None where there are none, or nothing was asked for."""
    names = ("layout", "leading", "offset", "batched")
    if case.workload != "matmul":
        return dict.fromkeys(names)
    usual = {"layout": "NN", "batched": False}
    return {name: case.parameters.get(name, usual.get(name)) for name in names}


def absolute(case: Case, times: Floats) -> Row:
    """Seconds per step, median over launches of their medians over rounds, with a 95 % t interval on its logarithm."""
    needed = workloads.work(case)
    medians = stats.launch_medians(times)
    medians = medians[np.isfinite(medians)]
    if not len(medians):
        return {"time_s": None, "time_low": None, "time_high": None, "throughput": None,
                "throughput_unit": UNITS[needed.item], "flops": needed.flops, "bytes": needed.bytes,
                "flop_rate": None, "arithmetic_intensity": needed.flops / needed.bytes}  # fmt: skip
    time_s = float(np.median(medians))
    low = high = None
    if len(medians) > 1:
        interval = stats.mean_interval(np.log(medians))
        low, high = float(np.exp(interval.low)), float(np.exp(interval.high))
    rate = needed.flops / time_s
    return {
        "time_s": time_s,
        "time_low": low,
        "time_high": high,
        "throughput": rate if needed.item == "matmuls" else needed.items / time_s,
        "throughput_unit": UNITS[needed.item],
        "flops": needed.flops,
        "bytes": needed.bytes,
        "flop_rate": rate,
        "arithmetic_intensity": needed.flops / needed.bytes,
    }
