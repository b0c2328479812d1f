"""What can this machine do at most: its arithmetic, its memory, and a step in which there is nothing to compute?

What other studies of the same run reach is held against it (bench/limits.py, bench/roofline.py), so its cases are its
own. Three kinds of group:

``peak DTYPE DEVICE``
    Large square products in every library; the fastest is the peak. They are compared per FLOP with torch's smallest.
``bandwidth KERNEL DEVICE``
    One of STREAM's kernels in torch, in float32 as bytes are bytes, over half of each cache and over what no cache
    holds. The first cache is left out: there a call takes longer than the pass. Compared as in the study memory.
``floor ... DEVICE``
    What a step costs when there is nothing to compute: the training step of a network with one neuron a layer on a
    single image, with as many layers as the networks of the preset (784-1-10 needs 3,196 FLOPs); and the product of two
    numbers in every library. Compared with nothing.

All use the threads that were asked for. Quick is to take little more than a minute: it has the fewest rounds that a
verdict may rest on, fewer of what gets none, and of the kernels triad alone. Its launches are not fixed, so that the
pilot looks for dtypes that are slow here.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

from bench import libraries
from bench.case import Case, Group
from bench.studies import LEARNING_RATE, Options, memory, network, product_case, throughput, training_case, with_control
from bench.workloads import matmul
from mlp_impls import Shape

__all__ = ["FLOOR", "LEVEL_BEYOND", "PEAK", "QUESTION", "STUDY", "groups"]

QUESTION = "How much of this machine is used, and what is in the way: launching, memory or arithmetic?"
STUDY = "roofline"
PEAK, FLOOR = "peak", "floor"  # how the names of groups begin
LIBRARY = "torch"
SIZES = (1024, 1536, 2048)
QUICK_SIZES = (768, 1024)
GPU_SIZES = (4096, 8192)
QUICK_DTYPES = ("float32", "float64", "bfloat16")
DTYPES = tuple(matmul.ITEM_SIZES)
KERNELS, QUICK_KERNELS = ("copy", "triad"), ("triad",)
QUICK_FLOOR_ROUNDS = 8
LEVEL_BEYOND = "memory"
NO_BASELINE = ""
TRAINED = "float32"  # the dtype of networks unless others are asked for


def groups(options: Options) -> list[Group]:
    """Return the peaks per dtype, the bandwidths per kernel and the floors per depth and dtype, for each device."""
    result, quick = [], options.preset == "quick"
    for device in options.devices:
        dtypes = options.dtypes or (QUICK_DTYPES if quick else DTYPES)
        result += [_peak(options, dtype, device) for dtype in dtypes]
        result += [_bandwidth(options, kernel, device) for kernel in (QUICK_KERNELS if quick else KERNELS)]
        trained = product(_depths(options, device), options.dtypes or (TRAINED,))
        result += [_steps(options, depth, dtype, device) for depth, dtype in trained]
        result += [_products(options, dtype, device) for dtype in dtypes]
    return [replace(group, rounds=_quick_rounds(group)) for group in result] if quick else result


def _quick_rounds(group: Group) -> int:
    return memory.QUICK_ROUNDS if group.baseline else QUICK_FLOOR_ROUNDS


def _depths(options: Options, device: str) -> tuple[int, ...]:
    preset = (depth for _, depth, _ in throughput.GRIDS[device][options.preset])
    return options.depths or tuple(sorted(set(preset)))


def _peak(options: Options, dtype: str, device: str) -> Group:
    group = f"{PEAK} {dtype} {device}"
    sizes = _sizes(options, device)
    cases = tuple(
        _product(options, library, (group, f"{library} {size}"), size, dtype, device)
        for library, size in product(libraries.names(), sizes)
    )
    return with_control(Group(STUDY, group, cases, f"{LIBRARY} {sizes[0]}"))


def _sizes(options: Options, device: str) -> tuple[int, ...]:
    """Return sizes of products that keep the device busy; doubled where eight times two threads share the work."""
    if device != "cpu":
        return GPU_SIZES
    doublings = max(0, round(math.log2(options.threads / 2) / 3))
    return tuple(size << doublings for size in (QUICK_SIZES if options.preset == "quick" else SIZES))


def _products(options: Options, dtype: str, device: str) -> Group:
    group = f"{FLOOR} products {dtype} {device}"
    cases = (_product(options, library, (group, library), 1, dtype, device) for library in libraries.names())
    return Group(STUDY, group, tuple(cases), NO_BASELINE)


def _product(options: Options, library: str, named: tuple[str, str], size: int, dtype: str, device: str) -> Case:
    parameters = {"m": size, "k": size, "n": size, "stack": 1}
    return product_case(options, (STUDY, *named), library, parameters, dtype, device, reseeded=False)


def _bandwidth(options: Options, kernel: str, device: str) -> Group:
    name = f"bandwidth {kernel} {device}"
    sweep = memory.Sweep(device, "float32", options.threads, LIBRARY, kernel)
    levels, _ = memory.within(sweep)
    sizes = memory.one_per_level(levels)
    named = {size // 2: (level, size) for level, size in reversed(levels.items())}
    cases = []
    for case, size in zip(memory.cases(options, (STUDY, name), sweep, sizes), sizes, strict=True):
        level, capacity = named.get(size, (LEVEL_BEYOND, None))
        told = {**case.parameters, "level": level, "capacity": capacity}
        cases.append(replace(case, parameters=told, apart=""))  # one number of threads: one process will do
    return with_control(Group(STUDY, name, tuple(cases), cases[-2].name))


def _steps(options: Options, depth: int, dtype: str, device: str) -> Group:
    shape = Shape(hidden=(1,) * depth)
    group = STUDY, f"{FLOOR} {shape.name} {dtype} {device}"
    parameters = network(shape, 1, LEARNING_RATE)
    cases = (
        training_case(options, group, "training_step", chosen, parameters, dtype, device)
        for chosen in options.implementations
    )
    return Group(*group, tuple(cases), NO_BASELINE)
