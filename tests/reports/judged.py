"""Cases and comparisons as bench derives them, around a true time or ratio."""

from __future__ import annotations

import random
from typing import Any

Record = dict[str, Any]

BATCH = 256
MARGIN = 0.02
COMPARED = (
    "study", "group", "case", "baseline", "control", "implementation", "provider", "framework", "environment", "device",
    "dtype", "threads", "batch", "width", "depth", "shape", "m", "k", "n", "stack", "time_s", "throughput",
    "throughput_unit", "flops", "bytes", "percent_of_attainable", "launches", "rounds",
)  # fmt: skip


def verdict_of(low: float, high: float) -> str:
    if low >= 1 / (1 + MARGIN) and high <= 1 + MARGIN:
        return "equivalent"
    return "faster" if high < 1 else "slower" if low > 1 else "inconclusive"


def case_of(noise: random.Random, time_s: float, **identity: Any) -> Record:
    """A measured case: identity columns, and the figures that follow from its time."""
    spread = abs(noise.gauss(0.012, 0.004))
    row: Record = dict.fromkeys(COMPARED) | {"device": "cpu", "threads": 2, "control": False, "bytes": 4_000_000}
    row |= {"status": "measured", "reason": None, "launches": 8, "rounds": 20, "steps": 40, "deviation": None}
    row |= identity | {"time_s": time_s, "time_low": time_s * (1 - spread), "time_high": time_s * (1 + spread)}
    unit = row["throughput_unit"]
    row["flop_rate"] = row["flops"] / time_s
    row["throughput"] = row["flop_rate"] if unit == "FLOP/s" else BATCH / time_s
    row["arithmetic_intensity"] = row["flops"] / row["bytes"]
    row |= dict.fromkeys(("bound", "import_s", "build_s", "first_step_s", "cold_build_s", "cold_first_step_s"))
    return row


def unmeasured(row: Record, status: str, reason: str) -> None:
    figures = ("time_s", "time_low", "time_high", "throughput", "flop_rate", "first_step_s", "cold_first_step_s")
    row |= dict.fromkeys(figures) | {"status": status, "reason": reason}


def compare(noise: random.Random, case: Record, base: Record, true: float, **more: Any) -> Record:
    """A comparison whose interval lies around a true ratio."""
    half = abs(noise.gauss(0.008, 0.003)) + 0.003
    middle = true * (1 + noise.gauss(0, half / 3))
    low, high = middle * (1 - half), middle * (1 + half)
    row: Record = {column: case[column] for column in COMPARED} | {"marked": False, "control": case["control"]}
    p = 0.0002 if not low < 1 < high else 0.4
    row |= {"ratio": middle, "ci_low": low, "ci_high": high, "p": p, "p_adjusted": None if case["control"] else 2 * p}
    return row | {"verdict": verdict_of(low, high), "mde": max(MARGIN, 1.4 * half)} | more
