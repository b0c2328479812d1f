"""Wide sweeps of matrix products, as a time model: offsets around several bases, dimensions alone, layouts, causes."""

from __future__ import annotations

import math
import random
from itertools import product
from typing import Any

from bench import alignments
from bench.workloads.matmul import ITEM_SIZES
from tests.reports.judged import MARGIN, verdict_of

Record = dict[str, Any]

OFFSETS = (-4, -2, -1, 0, 1, 2, 4, 8, 16, 32)
RATES = {"float32": 60e9, "float64": 30e9, "bfloat16": 120e9, "float16": 4e9}
EFFECTS = {  # factor, level: reference, kind, time over the reference's
    ("size", 1025): (1024, "main", 1.011),
    ("leading dimension", "misaligned"): ("aligned", "main", 1.002),
    ("leading dimension", "power of two"): ("aligned", "simple", 1.043),
    ("base address", 4): (0, "main", 1.0),
    ("size × leading dimension", "1025 × misaligned"): ("1024 × aligned", "interaction", 0.999),
    ("size × base address", "1025 × 4"): ("1024 × 0", "interaction", 1.001),
    ("leading dimension × base address", "misaligned × 4"): ("aligned × 0", "interaction", 1.028),
}


def penalty(size: int, dtype: str) -> float:
    """Rows on no boundary of 16 bytes cost a tenth, those on one of 16 a third of that."""
    aligned = alignments.alignment(size, ITEM_SIZES[dtype])
    return 1.1 if aligned < 16 else 1.03 if aligned < 64 else 1.04 if aligned >= 2048 else 1.0


def group_of(
    noise: random.Random, name: str, library: str, dtype: str, sizes: dict[str, tuple[int, int, int]], baseline: str,
    *, stack: int = 1, status: str = "measured", true: dict[str, float] | None = None, **columns: Any,
) -> tuple[list[Record], list[Record]]:  # fmt: skip
    """Cases and comparisons of one group; ``columns`` may be tables from case to value."""
    cases, comparisons = [], []
    for case, (m, k, n) in {**sizes, "control": sizes[baseline]}.items():
        control = case == "control"
        row: Record = {
            "study": "alignment", "group": name, "case": case, "baseline": baseline, "control": control,
            "implementation": library, "provider": library, "framework": library, "environment": library,
            "device": "cpu", "dtype": dtype, "threads": 2, "batch": None, "width": None, "depth": None, "shape": None,
            "m": m, "k": k, "n": n, "stack": stack, "layout": "NN", "leading": None, "offset": None, "batched": False,
            "status": status, "reason": None, "flops": 2 * m * k * n * stack, "bytes": 4_000_000, "launches": 8,
            "rounds": 20, "steps": 4, "throughput_unit": "FLOP/s", "marked": False, "percent_of_attainable": None,
            "conditions": None,
        }  # fmt: skip
        row |= {column: value[case] if isinstance(value, dict) else value for column, value in columns.items()
                if not (isinstance(value, dict) and control)}  # fmt: skip
        factor = (true or {}).get(case, math.prod(penalty(size, dtype) for size in {m, k, n}))
        per_flop = factor / RATES[dtype]
        time_s = per_flop * row["flops"] * math.exp(noise.gauss(0, 0.002))
        rate = row["flops"] / time_s
        row |= {"time_s": time_s, "time_low": 0.99 * time_s, "time_high": 1.01 * time_s, "flop_rate": rate,
                "throughput": rate, "arithmetic_intensity": row["flops"] / row["bytes"]}  # fmt: skip
        if status == "skipped":
            row |= dict.fromkeys(("time_s", "time_low", "time_high", "flop_rate", "throughput"))
        cases.append(row)
    if status != "measured":
        return cases, []
    base = next(row for row in cases if row["case"] == baseline)
    for row in cases:
        if row is not base:
            half = noise.uniform(0.003, 0.012)
            middle = row["time_s"] / row["flops"] / (base["time_s"] / base["flops"])
            low, high = middle * (1 - half), middle * (1 + half)
            comparisons.append(row | {"ratio": middle, "ci_low": low, "ci_high": high, "p": 0.01, "p_adjusted": 0.02,
                                      "verdict": verdict_of(low, high), "reason": None, "mde": 0.02})  # fmt: skip
    return cases, comparisons


def sweep(base: int, varied: str = "mkn", offsets: tuple[int, ...] = OFFSETS) -> dict[str, tuple[int, int, int]]:
    found = {}
    for offset in offsets:
        m, k, n = (base + offset if name in varied else base for name in "mkn")
        found[str(base + offset)] = (m, k, n)
    return found


def effects_of(noise: random.Random, library: str, **more: Any) -> list[Record]:
    rows = []
    for (factor, level), (reference, kind, true) in EFFECTS.items():
        half = noise.uniform(0.004, 0.012)
        low, high = true * (1 - half), true * (1 + half)
        rows.append({
            "study": "alignment", "group": f"{library} causes float32 cpu", "provider": library, "device": "cpu",
            "dtype": "float32", "threads": 2, "factor": factor, "level": level, "reference": reference, "kind": kind,
            "given": {},
            "ratio": true, "ci_low": low, "ci_high": high, "p": 0.01, "p_adjusted": 0.03, "reason": None,
            "verdict": verdict_of(low, high), "mde": 0.02, "launches": 8, "cells": 2 if kind == "simple" else 8,
            "deviation": 0.01, "medians": [0.0] * 8, "marked": False,
        } | more)  # fmt: skip
    return rows


def causes(noise: random.Random, library: str) -> tuple[list[Record], list[Record]]:
    """The quick design: size x leading dimension x base address, and 1024 in rows of its own."""
    cells = [(size, leading, offset) for size, leading, offset in product((1024, 1025), (1040, 1041), (0, 4))]
    names = {f"{size} in {leading} at {offset}": (size, leading, offset) for size, leading, offset in cells}
    names["1024 in 1024 at 0"] = (1024, 1024, 0)
    sizes = {name: (cell[0],) * 3 for name, cell in names.items()}
    return group_of(
        noise, f"{library} causes float32 cpu", library, "float32", sizes, "1024 in 1040 at 0",
        true=dict.fromkeys(names, 1.0),
        leading={name: cell[1] for name, cell in names.items()}, offset={name: cell[2] for name, cell in names.items()},
    )  # fmt: skip


def layouts(noise: random.Random, library: str) -> tuple[list[Record], list[Record]]:
    kinds = {f"{size} {layout}": (size, layout) for size, layout in product((1024, 1025), ("NN", "NT", "TN", "TT"))}
    true = dict(zip(kinds, (1.0, 1.03, 0.97, 1.0, 1.05, 1.06, 1.04, 1.07), strict=True))
    return group_of(
        noise, f"{library} matmul float32 cpu, layouts", library, "float32",
        {name: (size,) * 3 for name, (size, _) in kinds.items()}, "1024 NN", true=true,
        layout={name: layout for name, (_, layout) in kinds.items()},
    )  # fmt: skip


def make(libraries: tuple[str, ...] = ("numpy", "torch"), *, wide: bool = True, seed: int = 5) -> tuple[Record, Record]:
    """Return a run and its summary: a standard preset's products, or a quick one's where not ``wide``."""
    noise = random.Random(seed)
    groups = []
    for library in libraries:
        for dtype in ("float32", "float64", "bfloat16"):
            skipped = "skipped" if (library, dtype) == ("numpy", "bfloat16") else "measured"
            quick = sweep(1024, offsets=(0, 1, 2, 4, 8))
            square = sweep(1024) if wide else quick
            groups.append(
                group_of(noise, f"{library} matmul {dtype} cpu", library, dtype, square, "1024", status=skipped)
            )
            for name in "mkn" if wide else "":
                group = f"{library} matmul {dtype} cpu, {name} alone"
                groups.append(group_of(noise, group, library, dtype, sweep(1024, name), "1024", status=skipped))
        if wide:
            for base in (2048, 4096):
                group = f"{library} matmul float32 cpu, base {base}"
                offsets = OFFSETS if base == 2048 else (0, 1, 8)
                groups.append(group_of(noise, group, library, "float32", sweep(base, offsets=offsets), str(base)))
        groups.append(group_of(noise, f"{library} matmul float16 cpu", library, "float16",
                               sweep(1024, offsets=(0, 1)), "1024", status="too slow"))  # fmt: skip
        if library in ("numpy", "torch"):
            groups += [causes(noise, library), layouts(noise, library)] if wide else [causes(noise, library)]
    summary: Record = {"format_version": 1, "notes": []}
    summary["cases"] = [row for cases, _ in groups for row in cases]
    summary["comparisons"] = [row for _, comparisons in groups for row in comparisons]
    placing = [library for library in libraries if library in ("numpy", "torch")]
    summary["effects"] = [row for library in placing for row in effects_of(noise, library)]
    run: Record = {"format_version": 1, "command": ["mlpbench", "run", "alignment"], "label": "a machine", "seed": 0}
    run |= {"preset": "standard", "margin": MARGIN, "threads": 2, "machine": {"facts": {}}, "data": {}}
    return run, summary
