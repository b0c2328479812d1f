"""How things change with the width: fixed costs, and from which width on implementations are equivalent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import stats, workloads
from bench.case import Case

__all__ = ["crossovers", "fixed_costs"]

Row = dict[str, Any]


def fixed_costs(cases: Iterable[tuple[Case, Row]], times: dict[str, NDArray[np.float64]]) -> list[Row]:
    """Fit time = fixed cost + FLOPs / rate over the widths of each implementation.

    Args:
        cases: Training cases that nothing went wrong with, each with its identity columns.
        times: Seconds per step by case id, (launches, rounds).
    """
    series_of: dict[tuple[Any, ...], dict[int, Case]] = defaultdict(dict)
    for case, row in cases:
        if not case.control and case.id in times and row["width"] is not None:
            key = (case.device, case.dtype, row["batch"], row["depth"], case.implementation)
            series_of[key][row["width"]] = case
    rows = []
    for (device, dtype, batch, depth, implementation), by_width in series_of.items():
        members = [by_width[width] for width in sorted(by_width)]
        medians = np.stack([stats.launch_medians(times[case.id]) for case in members], axis=1)
        flops = np.array([workloads.work(case).flops for case in members], dtype=np.float64)
        fit = stats.fixed_cost(flops, medians)
        if fit is not None:
            rows.append({"device": device, "dtype": dtype, "batch": batch, "depth": depth,
                         "implementation": implementation, "fixed_s": fit.fixed_s, "fixed_low": fit.low,
                         "fixed_high": fit.high, "rate": fit.rate if np.isfinite(fit.rate) else None,
                         "widths": sorted(by_width), "launches": fit.launches})  # fmt: skip
    return rows


def crossovers(comparisons: list[Row]) -> list[Row]:
    """Return from which measured width on each implementation is equivalent to the baseline, at all wider ones too."""
    verdicts: dict[tuple[Any, ...], dict[int, str]] = defaultdict(dict)
    for row in comparisons:
        if row["study"] == "throughput" and not row["control"] and row["width"] is not None:
            key = (row["device"], row["dtype"], row["batch"], row["depth"], row["implementation"], row["baseline"])
            verdicts[key][row["width"]] = row["verdict"]
    rows = []
    for (device, dtype, batch, depth, implementation, baseline), by_width in verdicts.items():
        width = None
        for candidate in sorted(by_width, reverse=True):
            if by_width[candidate] != "equivalent":
                break
            width = candidate
        rows.append({"device": device, "dtype": dtype, "batch": batch, "depth": depth,
                     "implementation": implementation, "baseline": baseline, "width": width,
                     "widths": sorted(by_width)})  # fmt: skip
    return rows
