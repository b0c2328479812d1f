"""Which way of writing the MLP is fastest, and from which size on does it stop mattering? (d2l.ai, MLP exercise 6)"""

from __future__ import annotations

from itertools import product

from bench.case import Group
from bench.studies import Options, network, training_case, with_control
from mlp_impls import Shape

__all__ = ["BASELINE", "QUESTION", "groups"]

QUESTION = "Which way of writing the MLP is fastest, by how much, and from which width on does it stop mattering?"
BASELINE = "torch_concise"
LEARNING_RATE = 0.1
BATCH = 256

# (width, depth): quick answers the question in minutes; off-sizes 250 and 1000 are what people type.
QUICK = [(16, 1), (64, 1), (256, 1), (1024, 1), (256, 3)]
STANDARD = list(product((16, 64, 250, 256, 1000, 1024, 2048, 4096), (1, 2, 3)))
GRIDS = {"quick": QUICK, "standard": STANDARD, "thorough": STANDARD}


def groups(options: Options) -> list[Group]:
    """Return one group per network, batch, dtype and device: the implementations asked for."""
    networks = _networks(options)
    batches = options.batches or (BATCH,)
    return [
        _group(options, width, depth, batch, dtype, device)
        for device, dtype, batch, (width, depth) in product(
            options.devices, options.dtypes or ("float32",), batches, networks
        )
    ]


def _networks(options: Options) -> list[tuple[int, int]]:
    if options.widths or options.depths:
        preset_widths = tuple(dict.fromkeys(width for width, _ in GRIDS[options.preset]))
        return list(product(options.widths or preset_widths, options.depths or (1,)))
    return GRIDS[options.preset]


def _group(options: Options, width: int, depth: int, batch: int, dtype: str, device: str) -> Group:
    shape = Shape(hidden=(width,) * depth)
    name = f"{shape.name} batch {batch} {dtype} {device}"
    parameters = network(shape, batch, LEARNING_RATE)
    cases = tuple(
        training_case(options, ("throughput", name), "training_step", chosen, parameters, dtype, device)
        for chosen in options.implementations
    )
    return with_control(Group("throughput", name, cases, options.baseline or BASELINE))
