"""How things change with the size: fixed costs, and from which size on rows are equivalent, or a GPU is faster."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import stats, workloads
from bench.case import Case
from bench.studies import devices

__all__ = ["crossovers", "device_crossovers", "fixed_costs"]

Row = dict[str, Any]

STEP, PRODUCT = "training step", "product"


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
    return [
        {"device": device, "dtype": dtype, "batch": batch, "depth": depth, "implementation": implementation,
         "baseline": baseline, "width": _first(by_width, "equivalent"), "widths": sorted(by_width)}
        for (device, dtype, batch, depth, implementation, baseline), by_width in verdicts.items()
    ]  # fmt: skip


def device_crossovers(comparisons: list[Row]) -> list[Row]:
    """Return from which measured size on a device is faster than the CPU, at all larger ones too, with and without
    ``transfers``.

    A row per implementation and network but for its width, which is the ``size``, or per library, whose ``size`` is
    that of a square product; ``kind`` says which. ``size`` is None where the device is not faster at the largest.
    ``marked`` are the sizes whose control failed.
    """
    shared = ("device", "dtype", "threads", "batch", "depth", "implementation", "baseline", "transfers")
    found: dict[tuple[Any, ...], dict[int, Row]] = defaultdict(dict)
    for row in comparisons:
        if row["study"] == devices.STUDY and not row["control"]:
            kind, size = (PRODUCT, row["n"]) if row["width"] is None else (STEP, row["width"])
            found[kind, *(row[name] for name in shared)][size] = row
    return [
        dict(zip(("kind", *shared), key, strict=True))
        | {"size": _first({size: row["verdict"] for size, row in by_size.items()}, "faster"), "sizes": sorted(by_size),
           "marked": sorted(size for size, row in by_size.items() if row["marked"])}
        for key, by_size in found.items()
    ]  # fmt: skip


def _first(by_size: Mapping[int, str], verdict: str) -> int | None:
    """Return the size from which on every one has the verdict; None where the largest has another."""
    first = None
    for size in sorted(by_size, reverse=True):
        if by_size[size] != verdict:
            break
        first = size
    return first
