"""Which way of writing the MLP is fastest, and from which size on does it stop mattering? (d2l.ai, MLP exercise 6)"""

from __future__ import annotations

from itertools import product

from bench.case import Group
from bench.studies import LEARNING_RATE, Options, network, training_case, with_control
from mlp_impls import Shape

__all__ = ["BASELINE", "QUESTION", "groups"]

QUESTION = "Which way of writing the MLP is fastest, by how much, and from which width on does it stop mattering?"
BASELINE = "torch_concise"
BATCH = 256

Network = tuple[int, int, int]  # width, depth, batch

# Quick answers the question in minutes; off-sizes 250 and 1000 are what people type.
QUICK = [(16, 1, BATCH), (64, 1, BATCH), (256, 1, BATCH), (1024, 1, BATCH), (256, 3, BATCH)]
STANDARD = list(product((16, 64, 250, 256, 1000, 1024, 2048, 4096), (1, 2, 3), (BATCH,)))

# A GPU may take as long for a few examples as for thousands: there the batch is varied as well.
# The largest network is one for tensor cores: unless dtypes are asked for it is in bfloat16, all others in float32.
GPU_BATCH = 4096
LARGEST = (8192, 3, 8192)
GPU_QUICK = [(16, 1, BATCH), (128, 1, BATCH), (256, 1, BATCH), (1024, 1, BATCH), (1024, 3, GPU_BATCH), LARGEST]
GPU_STANDARD = [
    *product((16, 64, 128, 256, 1024, 4096, 16384), (1,), (BATCH, GPU_BATCH)),
    *product((16, 128, 256, 1024, 4096, 8192), (3,), (GPU_BATCH,)),
    *product((256, 1024), (1, 3), (64, 1024, 16384)),
    LARGEST,
]
GRIDS = {
    "cpu": {"quick": QUICK, "standard": STANDARD, "thorough": STANDARD},
    "cuda": {"quick": GPU_QUICK, "standard": GPU_STANDARD, "thorough": GPU_STANDARD},
}


def groups(options: Options) -> list[Group]:
    """Return one group per network, batch, dtype and device: the implementations asked for."""
    return [
        _group(options, wanted, dtype or _usual_dtype(wanted, device), device)
        for device in options.devices
        for dtype, wanted in product(options.dtypes or (None,), _networks(options, device))
    ]


def _usual_dtype(wanted: Network, device: str) -> str:
    return "bfloat16" if device == "cuda" and wanted == LARGEST else "float32"


def _networks(options: Options, device: str) -> list[Network]:
    """Return the preset's networks, or all combinations of what is asked for with the preset's rest."""
    grid = GRIDS[device][options.preset]
    if not (options.widths or options.depths):
        sizes = dict.fromkeys((width, depth) for width, depth, _ in grid)
        return [(*size, batch) for size in sizes for batch in options.batches] or list(dict.fromkeys(grid))
    widths = tuple(dict.fromkeys(width for width, _, _ in grid))
    return list(product(options.widths or widths, options.depths or (1,), options.batches or (BATCH,)))


def _group(options: Options, wanted: Network, dtype: str, device: str) -> Group:
    width, depth, batch = wanted
    shape = Shape(hidden=(width,) * depth)
    name = f"{shape.name} batch {batch} {dtype} {device}"
    parameters = network(shape, batch, LEARNING_RATE)
    cases = tuple(
        training_case(options, ("throughput", name), "training_step", chosen, parameters, dtype, device)
        for chosen in options.implementations
    )
    return with_control(Group("throughput", name, cases, options.baseline or BASELINE))
