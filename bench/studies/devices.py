"""From which size on is a GPU worth it, with transfers and without?

A group holds cases of both devices, which take turns as any cases do: one training step, or one square product in
torch, of one size. The CPU, with the threads asked for, is the baseline. The other device has it twice: resident, as
all other studies have it, and end to end, where every step begins and ends in the host's memory
(``transferred_step``, ``transferred_product``). Who keeps data on the GPU pays the first, who brings each batch or
matrix along the second.

An implementation is compared with itself on the CPU, or, with ``--baseline``, with the one named. Where that cannot
run, or nothing can on the other device, the group is skipped. While the CPU has its turn the GPU idles; what that does
to its clocks is in the telemetry of its samples, and the discarded step before each sample wakes it.

``--device`` names the other device, CUDA by default. With the CPU alone the study is rehearsed: that is then both.
Quick has the fewest launches and rounds that a verdict may rest on, as large products take the CPU long.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

from bench.case import Case, Group
from bench.implementations import Implementation
from bench.stats import LEAST_ROUNDS
from bench.studies import LEARNING_RATE, Options, network, product_case, training_case, with_control
from mlp_impls import Shape

__all__ = ["DEVICE", "QUESTION", "STUDY", "groups"]

QUESTION = "From which size on is a GPU worth it, end to end with transfers and without?"
STUDY = "devices"
DEVICE = "cuda"
LIBRARY = "torch"
HOST = "cpu"
DEPTH, BATCH = 1, 256

WIDTHS = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
SIZES = (64, 128, 256, 384, 512, 768, 1024, 1536, 2048, 4096)
QUICK_WIDTHS = (16, 64, 256, 1024, 4096)
QUICK_SIZES = (128, 256, 512, 1024, 2048, 4096)
REHEARSED = (16, 256), (128, 512)  # widths and sizes
LONG = 2048  # products of which a CPU may take most of a second: they have no more rounds than a verdict needs
QUICK_LAUNCHES = 5

Chosen = tuple[Implementation, str]


def groups(options: Options) -> list[Group]:
    """Return one group per implementation, network and dtype, and one per size of product; of one kind alone where
    only widths, or only sizes, were asked for.
    """
    others = [device for device in options.devices if device != HOST] or [HOST]
    result = []
    for device, dtype in product(others, options.dtypes or ("float32",)):
        widths, sizes = _asked(options, device)
        networks = product(options.implementations, options.depths or (DEPTH,), options.batches or (BATCH,), widths)
        result += [_step(options, chosen, Shape(hidden=(width,) * depth), batch, dtype, device)
                   for chosen, depth, batch, width in networks]  # fmt: skip
        result += [_product(options, size, dtype, device) for size in sizes]
    if options.preset == "quick":
        return [replace(group, launches=QUICK_LAUNCHES, rounds=LEAST_ROUNDS) for group in result]
    return result


def _asked(options: Options, device: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the widths of networks and the sizes of products."""
    if options.widths or options.sizes:
        return options.widths, options.sizes
    if device == HOST:
        return REHEARSED
    return (QUICK_WIDTHS, QUICK_SIZES) if options.preset == "quick" else (WIDTHS, SIZES)


def _step(options: Options, chosen: Chosen, shape: Shape, batch: int, dtype: str, device: str) -> Group:
    implementation, variant = chosen
    name = f"{implementation.spelled(variant)} {shape.name} batch {batch} {dtype}, {HOST} and {device}"
    parameters = network(shape, batch, LEARNING_RATE)
    base, other = (
        training_case(options, (STUDY, name), "training_step", one, parameters, dtype, place)
        for one, place in ((_baseline(options, chosen), HOST), (chosen, device))
    )
    return _group(base, other, "transferred_step")


def _baseline(options: Options, chosen: Chosen) -> Chosen:
    """Return what an implementation is compared with: the one that was named, else itself."""
    return next((one for one in options.implementations if one[0].spelled(one[1]) == options.baseline), chosen)


def _product(options: Options, size: int, dtype: str, device: str) -> Group:
    name = f"{LIBRARY} product {size} {dtype}, {HOST} and {device}"
    parameters = {"m": size, "k": size, "n": size, "stack": 1}
    base, other = (_multiplying(options, name, parameters, dtype, place) for place in (HOST, device))
    group = _group(base, other, "transferred_product")
    return replace(group, rounds=LEAST_ROUNDS) if size >= LONG else group


def _multiplying(options: Options, group: str, parameters: Mapping[str, Any], dtype: str, device: str) -> Case:
    return product_case(options, (STUDY, group, LIBRARY), LIBRARY, parameters, dtype, device)


def _group(base: Case, other: Case, transferred: str) -> Group:
    """Return the group of a case on the CPU, and one on another device, resident and end to end."""
    base = replace(base, name=f"{base.name} {HOST}")
    resident = replace(other, name=f"{other.name} {other.device}, resident")
    end_to_end = replace(other, name=f"{other.name} {other.device}, end to end", workload=transferred)
    return with_control(Group(base.study, base.group, (base, resident, end_to_end), base.name))
