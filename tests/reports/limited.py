"""Runs whose cases are held against limits: a peak per dtype, three levels of memory, one floor."""

from __future__ import annotations

from typing import Any

from bench import roofline
from tests.reports import made

Record = dict[str, Any]

MIB = 1 << 20
THREADS = {"device": "cpu", "threads": 2}
PEAKS = {"float32": ("torch 1024", 200e9), "bfloat16": ("torch 768", 500e9)}
ROOFS = {"l2": (2 * MIB, 150e9), "l3": (32 * MIB, 80e9), "memory": (None, 20e9)}


def peak(dtype: str, case: str, rate: float) -> Record:
    return {**THREADS, "group": f"peak {dtype} cpu", "case": case, "dtype": dtype, "flop_rate": rate,
            "low": 0.98 * rate, "high": 1.01 * rate, "library": "torch", "shape": "1024 x 1024 x 1024"}  # fmt: skip


def roof(level: str, capacity: int | None, rate: float) -> Record:
    return {**THREADS, "group": "bandwidth copy cpu", "case": level, "level": level, "capacity": capacity,
            "assumed": level == "l3", "bandwidth": rate, "low": 0.9 * rate, "high": 1.1 * rate, "library": "torch",
            "kernel": "copy", "working_set": MIB, "call_share": 0.0421}  # fmt: skip


def floor(implementation: str, time_s: float) -> Record:
    return {**THREADS, "group": "floor 784-1-10 float32 cpu", "dtype": "float32", "implementation": implementation,
            "depth": 1, "time_s": time_s, "time_low": 0.9 * time_s, "time_high": 1.1 * time_s}  # fmt: skip


def make(**options: Any) -> tuple[Record, Record]:
    """Return a run without flaws, unless some are asked for, and its summary, everything held against the limits."""
    run, summary = made.make(**{"flawed": False} | options)
    summary["peaks"] = [peak(dtype, *told) for dtype, told in PEAKS.items()]
    summary["roofs"] = [roof(level, *told) for level, told in ROOFS.items()]
    summary["floors"] = [floor("torch_concise", 1e-4)]
    for row in (*summary["cases"], *summary["comparisons"]):
        if row["study"] in ("throughput", "alignment"):
            row["arithmetic_intensity"] = row["flops"] / row["bytes"]
            row |= roofline.place({"time_low": None, "time_high": None} | row, summary)
    return run, summary


def set_case(summary: Record, group: str, case: str, **values: Any) -> None:
    [row] = [row for row in summary["cases"] if row["group"].startswith(group) and row["case"] == case]
    row |= values


def fail(summary: Record, study: str, group: str) -> None:
    control = {"ratio": 1.1, "ci_low": 1.05, "ci_high": 1.15, "verdict": "slower"}
    summary["comparisons"].append({"study": study, "group": group, "marked": True, "control": True, **control})
