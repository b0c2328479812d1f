"""Sizes for a device that is a CPU: by module, what replaces its own."""

from __future__ import annotations

NETWORKS = [(16, 1, 64), (32, 1, 64), (32, 3, 128)]
SIZES = {
    "bench.studies.roofline": {"GPU_SIZES": (96, 128)},
    "bench.studies.memory": {"ASSUMED_GPU": {"l2": 1 << 20}, "SMALLEST_GPU": 1 << 17},
    "bench.studies.devices": {"QUICK_WIDTHS": (16, 32), "QUICK_SIZES": (64, 128)},
    "bench.studies.data_effect": {
        "SIZES": {"cuda": (64, 96)},
        "QUICK": {("cuda", 96): ("bfloat16",)},
    },
    "bench.studies.throughput": {
        "GRIDS": {"cpu": {"quick": NETWORKS}, "cuda": {"quick": NETWORKS, "standard": NETWORKS}},
    },
    "bench.sweeps": {"BASE": 64},
}
