"""Sizes for a device that is a CPU, and STAND_IN_SMALL launches: what replaces constants of modules."""

from __future__ import annotations

import os
from dataclasses import replace

__all__ = ["CHANGES", "change"]

NETWORKS = [(16, 1, 64), (32, 1, 64), (32, 3, 128)]
MOST_FLOPS = 5e6
ROUNDS = 8
BASE = 64
CHANGES = {
    "bench.plan": lambda module: {"PRESETS": {"quick": module.Preset(_launches(), ROUNDS, _launches(), ROUNDS)}},
    "bench.published_effects": lambda module: {
        "EFFECTS": tuple(one for one in module.EFFECTS if one.case.flops < MOST_FLOPS),
    },
    "bench.studies.accuracy": lambda module: {"SEEDS": {"quick": 1}, "EPOCHS": 1},
    "bench.studies.data_effect": lambda module: {
        "SIZES": {"cuda": (64, 96)}, "QUICK": {("cuda", 96): ("bfloat16",)}, "SAMPLE_S": 0.01,
    },
    "bench.studies.devices": lambda module: {
        "QUICK_LAUNCHES": _launches(), "QUICK_WIDTHS": (16, 32), "QUICK_SIZES": (64, 128),
    },
    "bench.studies.memory": lambda module: {
        "QUICK_LAUNCHES": _launches(), "ASSUMED_GPU": {"l2": 1 << 20}, "SMALLEST_GPU": 1 << 17,
    },
    "bench.studies.reproduction": lambda module: {"QUICK_LAUNCHES": _launches()},
    "bench.studies.roofline": lambda module: {"GPU_SIZES": (96, 128)},
    "bench.studies.throughput": lambda module: {
        "GRIDS": {"cpu": {"quick": NETWORKS}, "cuda": {"quick": NETWORKS}},
    },
    "bench.sweeps": lambda module: _sweeps(module),
}  # fmt: skip


def change(module) -> None:
    """Replace a module's constants."""
    vars(module).update(CHANGES[module.__name__](module))


def _sweeps(module) -> dict[str, object]:
    """Give all sweeps of the usual base another one, also those that are made later."""
    kind, varied, _, *rest = module.Sweep.__init__.__defaults__
    module.Sweep.__init__.__defaults__ = (kind, varied, BASE, *rest)
    quick = tuple(replace(one, base=BASE) for one in module.QUICK)
    return {"BASE": BASE, "SWEEPS": module.SWEEPS | {"quick": quick}}


def _launches() -> int:
    return int(os.environ["STAND_IN_SMALL"])
