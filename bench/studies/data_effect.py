"""Does what the operands hold change how long their product takes?

A group is one square product in torch, per dtype and device: operands from N(0, 1), which all other studies use, are
the baseline; the others are uniform in [0, 1), whole numbers from -4 to 4, ones, and zeros. int8 has whole numbers from
-127 to 127 for its baseline and neither N(0, 1) nor the uniform ones. Nothing else differs.

On a CPU, nothing is expected. On a GPU bits that do not change draw less power, and one that is at its power limit
clocks higher for it: of the same product, 326 TFLOP/s against 305 by the bits alone have been seen (NVIDIA/cutlass
issue 2004). What a sample leaves the GPU with, the next one inherits; hence they are long here, and what goes on after
a tenth of a second is not seen. Products are replayed from a graph, operands rotated: what is left to differ is data.

Quick takes float32 alone on a CPU, and on CUDA 8192 in bfloat16 alone: drawing such operands takes the host longer than
multiplying them takes the GPU.
"""

from __future__ import annotations

from bench.case import Case, Group
from bench.replays import DEVICE
from bench.studies import Options, product_case, with_control
from bench.values import DEFAULT

__all__ = ["QUESTION", "groups"]

QUESTION = "Does what the operands hold change how long their product takes?"
STUDY = "data_effect"
LIBRARY = "torch"
SIZES = {"cpu": (1024,), "cuda": (4096, 8192)}
DTYPES = {
    "cpu": ("float32", "float64", "bfloat16"),
    "cuda": ("float32", "tf32", "bfloat16", "float16", "float64", "int8"),
}
QUICK = {("cpu", 1024): ("float32",), ("cuda", 8192): ("bfloat16",)}  # the sizes that are not taken in every dtype
KINDS = (DEFAULT, "uniform", "integers", "ones", "zeros")
WHOLE = {"int8": ("bytes", "integers", "ones", "zeros")}
SAMPLE_S = 0.1  # on CUDA


def groups(options: Options) -> list[Group]:
    """Return a group per size, dtype and device."""
    return [
        _group(options, size, dtype, device)
        for device in options.devices
        for size in options.sizes or SIZES[device]
        for dtype in options.dtypes or _dtypes(options, size, device)
    ]


def _dtypes(options: Options, size: int, device: str) -> tuple[str, ...]:
    quick = options.preset == "quick" and not options.sizes
    return QUICK.get((device, size), DTYPES[device]) if quick else DTYPES[device]


def _group(options: Options, size: int, dtype: str, device: str) -> Group:
    name = f"{LIBRARY} {size} {dtype} {device}"
    kinds = WHOLE.get(dtype, KINDS)
    cases = tuple(_case(options, name, kind, size, dtype, device) for kind in kinds)
    return with_control(Group(STUDY, name, cases, kinds[0]))


def _case(options: Options, group: str, kind: str, size: int, dtype: str, device: str) -> Case:
    on_gpu = {"clock": DEVICE, "sample_s": SAMPLE_S} if device == "cuda" else {}
    parameters = {"m": size, "k": size, "n": size, "stack": 1, "operands": kind, **on_gpu}
    return product_case(options, (STUDY, group, kind), LIBRARY, parameters, dtype, device, reseeded=False)
