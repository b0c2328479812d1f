"""What a step is: one file is one workload, free of frameworks.

The contract of a workload file:

``work(case) -> Work``
    What one step needs, from the parameters alone; the same for every provider.
``check(case, provider, data_dir, cache=None) -> Equality``
    Inside a worker: whether the result is right, compared before anything is timed. In the folder ``cache`` it may keep
    what the checks of other providers can use.
``prepare(case, provider, data_dir) -> Prepared``
    Inside a worker: the step itself. ``provider`` is the imported implementation or library module.
``unsupported(case) -> str | None``
    Optional, inside a worker: the reason why the case cannot run here though its provider could, or None.
``too_slow(case, step_s, rounds) -> bool``
    Optional: whether a case whose steps take so many seconds is not worth its rounds, though a launch had the time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from bench.case import Case

__all__ = ["ITEM_SIZES", "OF_LIBRARIES", "TRANSFERRED", "Prepared", "Work", "load", "work"]

# Whose provider is a file of bench/libraries, and which need no images.
OF_LIBRARIES = ("matmul", "memory_sweep", "padded_product", "transferred_product")

# Whose steps begin and end in the host's memory.
TRANSFERRED = ("transferred_product", "transferred_step")

ITEM_SIZES = {"int8": 1, "float16": 2, "bfloat16": 2, "float32": 4, "tf32": 4, "float64": 8}  # bytes


@dataclass(frozen=True)
class Work:
    """What one step needs: FLOPs and compulsory bytes (each operand and result moved once)."""

    flops: int
    bytes: int
    items: int
    item: str

    @property
    def amount(self) -> int:
        """What unlike cases are compared per: bytes where a step is there to move them, else FLOPs."""
        return self.bytes if self.item == "bytes" else self.flops


@dataclass(frozen=True)
class Prepared:
    """A repeatable ``step``, and what waits until all steps are done.

    ``wake`` is done before each sample, untimed: it wakes thread pools and brings operands into caches. That is one
    discarded step unless a workload has something cheaper that does both. Where ``lasts_s`` is given, each step changes
    what the next one measures: none is discarded, a sample is one step, and it may take about so many seconds.
    ``tell`` is asked after each sample, untimed, for what else came of it. With ``first_step_warms`` a step is so long
    that the first one warms up whatever there is to warm. ``graph`` says what of a step is compiled or captured; None
    where its model does not say. A call of ``step`` takes ``copies`` steps of the case, more than one where they were
    captured into one graph, and a sample makes ``least_calls`` of it at the least. ``sample_s`` is how long a sample
    should be, where that is not what it is elsewhere.
    """

    step: Callable[[], object]
    synchronize: Callable[[], None]
    wake: Callable[[], object] | None = None
    lasts_s: float | None = None
    tell: Callable[[], Mapping[str, Any]] | None = None
    first_step_warms: bool = False
    graph: str | None = None
    copies: int = 1
    least_calls: int = 1
    sample_s: float | None = None


def load(name: str) -> ModuleType:
    """Return the workload module of that name."""
    return import_module(f"bench.workloads.{name}")


def work(case: Case) -> Work:
    """Return what one step of the case needs."""
    result: Work = load(case.workload).work(case)
    return result
