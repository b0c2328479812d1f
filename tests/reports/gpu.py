"""Products on a GPU beside the same on a CPU, as a time model: its clock, kernels, and what tiles and waves predict."""

from __future__ import annotations

import random
from typing import Any

from bench import predictions
from tests.reports import wide

Record = dict[str, Any]

ALIGNED = "nvjet_hsh_128x256_64x4_2x1_v_bz_coopA_TNN"
UNALIGNED = (
    "void cutlass::Kernel2<cutlass_80_tensorop_bf16_s16816gemm_relu_bf16_256x128_32x3_tn_align1>"
    "(cutlass_80_tensorop_bf16_s16816gemm_relu_bf16_256x128_32x3_tn_align1::Params)"
)
SLOWER = {1025: 1.42, 1026: 1.18, 1028: 1.12, 4097: 1.61, 4098: 1.52}  # the others are as fast
FACTS = {"torch": {"gpu0_multiprocessors": {"value": 132, "unit": None, "source": "torch", "kind": "queried"}}}
SWEEPS = {(1024, "mkn"): "", (4096, "mkn"): ", base 4096", (4096, "m"): ", m alone, base 4096"}


def group_of(noise: random.Random, dtype: str, base: int, varied: str, *, profiled: bool) -> tuple[Any, Any]:
    sizes = wide.sweep(base, varied, (0, 1, 2, 4, 8))
    true = {name: SLOWER.get(int(name), 1.0) for name in sizes} | {"control": 1.0}
    name = f"torch matmul {dtype} cuda{SWEEPS[base, varied]}"
    cases, comparisons = wide.group_of(noise, name, "torch", dtype, sizes, str(base), true=true, device="cuda")
    for row in cases:
        row |= {"device_time_s": 0.97 * row["time_s"], "device_time_low": 0.96 * row["time_s"],
                "device_time_high": 0.98 * row["time_s"]}  # fmt: skip
        if profiled:
            kernel = UNALIGNED if row["n"] % 4 else ALIGNED  # 1028 is slower in the same kernel
            row |= {"kernels": [kernel], "kernel_s": 0.95 * row["time_s"]}
    return cases, comparisons


def make(*, profiled: bool = True, dtypes: tuple[str, ...] = ("float32", "bfloat16")) -> tuple[Record, Record]:
    """Return a run and its summary; where not ``profiled``, without kernels."""
    noise = random.Random(3)
    run, summary = wide.make(("torch",), wide=False)
    for dtype in dtypes:
        for base, varied in SWEEPS:
            cases, comparisons = group_of(noise, dtype, base, varied, profiled=profiled)
            summary["cases"] += cases
            summary["comparisons"] += comparisons
    predictions.add(summary["comparisons"], summary["cases"], FACTS)
    return run | {"machine": {"facts": FACTS}}, summary


def comparison(summary: Record, group: str, case: str) -> Record:
    rows: list[Record] = summary["comparisons"]
    return next(row for row in rows if (row["group"], row["case"]) == (group, case))
