"""A run on a CPU and a GPU, as a time model: steps and products on both, and products of odd sizes on either."""

from __future__ import annotations

import random
from typing import Any

from bench import trends
from tests.reports import wide

Record = dict[str, Any]

WIDTHS = (16, 64, 256, 1024, 4096)
SIZES = (128, 256, 512, 1024, 2048, 4096)
MARGIN = 0.02
CPU_RATE, GPU_RATE = 600e9, 40e12  # FLOP/s
CPU_FIXED_S, GPU_FIXED_S = 90e-6, 330e-6  # of a training step
BUS = 8e9  # B/s
BATCH = 256


def step_s(width: int, device: str, transfers: bool) -> float:
    flops = 2 * BATCH * (2 * 784 * width + 3 * width * 10)
    if device == "cpu":
        return CPU_FIXED_S + flops / CPU_RATE
    return GPU_FIXED_S + flops / GPU_RATE + transfers * (30e-6 + BATCH * 784 * 4 / BUS)


def product_s(size: int, device: str, transfers: bool) -> float:
    flops, operands = 2 * size**3, 12 * size**2
    if device == "cpu":
        return 3e-6 + flops / CPU_RATE
    return 6e-6 + flops / GPU_RATE + transfers * (40e-6 + operands / BUS)


def compared(
    noise: random.Random, base: Record, case: Record, *, control: bool = False, marked: bool = False
) -> Record:
    true, half = case["time_s"] / base["time_s"], noise.uniform(0.004, 0.015)
    middle = true * (1 + noise.gauss(0, half / 3))
    low, high = middle * (1 - half), middle * (1 + half)
    verdict = "equivalent" if low > 1 / (1 + MARGIN) and high < 1 + MARGIN else wide.verdict_of(low, high)
    return case | {"ratio": middle, "ci_low": low, "ci_high": high, "verdict": verdict, "p": 0.001, "mde": 0.02,
                   "p_adjusted": 0.002, "control": control, "marked": marked}  # fmt: skip


def group_of(
    noise: random.Random, name: str, who: str, size: int, device: str, **identity: Any
) -> tuple[list[Record], list[Record]]:
    trains = identity.get("width") is not None
    took = step_s if trains else product_s
    cases = []
    for case, place, transfers in (
        (f"{who} cpu", "cpu", False), (f"{who} {device}, resident", device, False),
        (f"{who} {device}, end to end", device, True), ("control", "cpu", False),
    ):  # fmt: skip
        time_s = took(size, place, transfers)
        flops = 2 * size**3 if not trains else 2 * BATCH * (2 * 784 * size + 3 * size * 10)
        cases.append({
            "study": "devices", "group": name, "case": case, "baseline": f"{who} cpu", "control": case == "control",
            "implementation": who, "provider": who, "framework": "torch", "environment": "torch", "device": place,
            "dtype": "float32", "threads": 16, "batch": None, "width": None, "depth": None, "shape": None, "m": None,
            "k": None, "n": None, "stack": None, "transfers": transfers, "status": "measured", "reason": None,
            "time_s": time_s, "time_low": 0.99 * time_s, "time_high": 1.01 * time_s, "flops": flops, "bytes": 10**6,
            "flop_rate": flops / time_s, "throughput": BATCH / time_s if trains else flops / time_s, "launches": 5,
            "throughput_unit": "examples/s" if trains else "FLOP/s", "rounds": 20, "steps": 4,
            "arithmetic_intensity": flops / 1e6, "percent_of_attainable": None, "conditions": None,
        } | identity)  # fmt: skip
    return cases, [compared(noise, cases[0], case, control=case["control"]) for case in cases[1:]]


def make(device: str = "cuda", marked: str = "") -> tuple[Record, Record]:
    """Return a run and its summary; the control of the group whose name begins so has failed."""
    noise = random.Random(3)
    groups = [
        group_of(noise, f"torch_concise 784-{width}-10 batch {BATCH} float32, cpu and {device}", "torch_concise", width,
                 device, width=width, depth=1, batch=BATCH, shape=f"784-{width}-10")
        for width in WIDTHS
    ] + [
        group_of(noise, f"torch product {size} float32, cpu and {device}", "torch", size, device, m=size, k=size,
                 n=size, stack=1)
        for size in SIZES
    ]  # fmt: skip
    rows = [row for _, found in groups for row in found]
    for row in rows:
        row["marked"] = bool(marked) and row["group"].startswith(marked)
    summary: Record = {"format_version": 1, "notes": [], "cases": [row for cases, _ in groups for row in cases]}
    summary |= {"comparisons": rows, "device_crossovers": trends.device_crossovers(rows)}
    run: Record = {"format_version": 1, "command": ["mlpbench", "run", "devices"], "label": "a machine", "seed": 0}
    run |= {"preset": "quick", "margin": MARGIN, "threads": 16, "machine": {"facts": {}}, "data": {}}
    return run, summary


def odd_sizes(*, wide_sweeps: bool = False) -> tuple[Record, Record]:
    """Return a run of odd sizes on both devices: NumPy on the CPU alone, tf32 on the GPU alone."""
    run, summary = wide.make(wide=wide_sweeps)
    for table in ("cases", "comparisons"):
        for row in [row for row in summary[table] if row["group"].startswith("torch matmul ")]:
            for dtype in (row["dtype"], "tf32") if row["dtype"] == "float32" else (row["dtype"],):
                group = row["group"].replace(f"{row['dtype']} cpu", f"{dtype} cuda")
                steeper = {end: row[end] ** 4 for end in ("ratio", "ci_low", "ci_high") if end in row}
                summary[table].append(row | {"device": "cuda", "dtype": dtype, "group": group} | steeper)
    return run, summary
