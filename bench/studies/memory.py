"""How fast does memory move, from the first cache to beyond the last, with one thread and with all?

A group is one kernel in one library with so many threads. Its cases are working sets, compared per byte with the
largest that half the last cache holds: what is gained by being nearer, and what leaving the caches costs.

NumPy runs its kernels on one thread, and its triad is left out: b + s * c takes it two passes, which move five arrays
where a triad moves three. torch runs arrays of up to 32,768 elements on one thread, whatever it may use (GRAIN_SIZE in
ATen/TensorIterator.h).

Quick is to take less than a minute: it has the fewest launches and rounds that a verdict may rest on, and one working
set within each cache and one beyond. It leaves out the first cache, where a call takes longer than the pass, NumPy, and
with all threads everything but the triad.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import NamedTuple

from bench.alignments import LINE
from bench.case import Case, Group
from bench.hardware import Facts, caches
from bench.hardware.cpu import allowed_threads
from bench.studies import Options, with_control
from bench.workloads import memory_sweep

__all__ = ["ASSUMED", "QUESTION", "Sweep", "capacities", "cases", "groups", "one_per_level", "within"]

QUESTION = "How fast does memory move, in every cache and beyond the last, with one thread and with all?"
KERNELS = {"torch": ("copy", "read", "write", "triad"), "numpy": ("copy", "read", "write")}
QUICK_THREADED = ("triad",)
QUICK_LAUNCHES, QUICK_ROUNDS = 5, 20
FEW_THREADS = 8

# Bytes of a level that is unknown. A third one may be there though the system does not show it, as on many ARM hosts:
# left out, a cache might pass for main memory.
ASSUMED = {"l1d": 32 << 10, "l2": 1 << 20, "l3": 32 << 20}
FIRST = "l1d"
ASSUMED_GPU = {"l2": 64 << 20}
SMALLEST_GPU = 1 << 20  # bytes; below, nothing but the launch is timed
BEYOND = 4  # the largest working set, in last caches
PER_OCTAVE = {"standard": 1, "thorough": 2}


class Sweep(NamedTuple):
    """What is the same for all working sets of a group."""

    device: str
    dtype: str
    threads: int
    library: str
    kernel: str


def groups(options: Options) -> list[Group]:
    """Return one group per library, kernel, number of threads, dtype and device."""
    return [
        _group(options, Sweep(device, dtype, *sweep))
        for device, dtype in product(options.devices, options.dtypes or ("float32",))
        for sweep in (_on_cpu if device == "cpu" else _on_gpu)(options)
    ]


def capacities(facts: Facts, threads: int, machine_threads: int) -> tuple[dict[str, int], list[str]]:
    """Return the bytes that each level of cache holds for so many threads, and which levels are assumed.

    Threads on cores of their own have private caches each; one of unknown sharing counts once.

    Args:
        facts: Those of ``bench.hardware.caches``.
        threads: Threads at work.
        machine_threads: Hardware threads that they may run on.
    """
    values = {name: entry["value"] for name, entry in facts.items() if entry["value"]}
    found = {}
    for level, default in ASSUMED.items():
        instances = math.ceil(machine_threads / values.get(f"{level}_shared_by", machine_threads))
        found[level] = values.get(f"{level}_size", default) * min(threads, instances)
    return found, [level for level in ASSUMED if f"{level}_size" not in values]


def _on_cpu(options: Options) -> Iterator[tuple[int, str, str]]:
    """Yield threads, library and kernel."""
    quick = options.preset == "quick"
    for threads in sorted({1, options.threads}) if quick else _counts(options.threads):
        kernels = QUICK_THREADED if quick and threads > 1 else KERNELS["torch"]
        yield from ((threads, "torch", kernel) for kernel in kernels)
    if not quick:
        yield from ((1, "numpy", kernel) for kernel in KERNELS["numpy"])


def _on_gpu(options: Options) -> Iterator[tuple[int, str, str]]:
    yield from ((options.threads, "torch", kernel) for kernel in KERNELS["torch"])


def _counts(most: int) -> list[int]:
    """Return all numbers of threads up to eight, then doubled ones, and the most."""
    doubled = (FEW_THREADS << power for power in range(1, most.bit_length()))
    return [count for count in (*range(1, FEW_THREADS + 1), *doubled) if count < most] + [most]


def within(sweep: Sweep) -> tuple[dict[str, int], list[str]]:
    """Return the bytes that each level of cache holds for a sweep's threads, and which levels are assumed."""
    if sweep.device != "cpu":
        return ASSUMED_GPU, list(ASSUMED_GPU)
    return capacities(caches.probe(), sweep.threads, len(allowed_threads()))


def one_per_level(levels: Mapping[str, int]) -> list[int]:
    """Return working sets in bytes: half of each cache but the first, then what is beyond the last; each once."""
    halves = (size // 2 for level, size in levels.items() if level != FIRST)
    return list(dict.fromkeys((*halves, BEYOND * max(levels.values()))))


def cases(options: Options, group: tuple[str, str], sweep: Sweep, sizes: Iterable[int]) -> tuple[Case, ...]:
    """Return a case per working set in a group, (study, name), named after its bytes."""
    (study, name), (_, assumed) = group, within(sweep)
    kernel = memory_sweep.KERNELS[sweep.kernel]
    whole = LINE * (kernel.read + kernel.written)
    return tuple(
        Case(
            study=study,
            group=name,
            name=_named(size),
            workload="memory_sweep",
            provider=sweep.library,
            framework=sweep.library,
            parameters={"kernel": sweep.kernel, "working_set": size // whole * whole, "assumed_caches": assumed},
            device=sweep.device,
            dtype=sweep.dtype,
            threads=sweep.threads,
            seed=options.seed,
            apart=_counted(sweep.threads),  # a process keeps the number of threads that it was started with
        )
        for size in sizes
    )


def _group(options: Options, sweep: Sweep) -> Group:
    threads = f" {_counted(sweep.threads)}" if sweep.device == "cpu" else ""  # a GPU has none of the host's at work
    name = f"{sweep.library} {sweep.kernel}{threads} {sweep.dtype} {sweep.device}"
    levels, _ = within(sweep)
    first = min(levels.values()) // 2 if sweep.device == "cpu" else SMALLEST_GPU
    sizes = _sizes(options.preset, levels, first)
    base = max(size for size in sizes if 2 * size <= max(levels.values()))
    launches, rounds = (QUICK_LAUNCHES, QUICK_ROUNDS) if options.preset == "quick" else (None, None)
    members = cases(options, ("memory", name), sweep, sizes)
    return with_control(Group("memory", name, members, _named(base), launches, rounds))


def _counted(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


def _sizes(preset: str, levels: Mapping[str, int], first: int) -> list[int]:
    """Return working sets in bytes up to ``BEYOND`` times the last level: from the first on, or one per level."""
    if preset == "quick":
        return one_per_level(levels)
    last = BEYOND * max(levels.values())
    steps = round(PER_OCTAVE[preset] * math.log2(last / first))
    return [round(first * (last / first) ** (step / steps)) for step in range(steps + 1)]


def _named(size: int) -> str:
    """Return a size as ``24 KiB``."""
    unit, prefix = (1 << 20, "MiB") if size >= 1 << 20 else (1 << 10, "KiB")
    return f"{size / unit:.4g} {prefix}"
