"""Do odd matrix sizes cost anything here? (d2l.ai, MLP exercise 7: 1024, 1025, 1026, 1028, 1032)"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from bench import libraries
from bench.case import Case, Group
from bench.studies import Options, with_control

__all__ = ["BASE", "QUESTION", "groups"]

QUESTION = "Do odd matrix sizes cost anything here, per FLOP, and what should one pad to?"
BASE = 1024
LIBRARIES_BASELINE = "torch"
SIZES = (1024, 1025, 1026, 1028, 1032)
# What gives way in the quick preset: sizes past the place where float64 rows are 16-byte aligned again, 1026, and most
# of the stacks, each of which costs four products.
QUICK_SIZES = {"float64": (1024, 1025, 1026)}
QUICK_TENSOR_LIBRARIES = ("torch",)
QUICK_TENSOR_SIZES = (1024, 1025)
STACK = 4  # the exercise's tensor: a stack of 4 matrices
MATRIX_DTYPES = ("float32", "float64", "bfloat16")

# Shells and containers set these to make results alike across hosts; they also decide which kernels are used.
KERNEL_VARIABLES = {
    "OPENBLAS_CORETYPE": "numpy",
    "MKL_ENABLE_INSTRUCTIONS": "torch",
    "ONEDNN_MAX_CPU_ISA": "torch",
}
AS_SET = "as set"


def groups(options: Options) -> list[Group]:
    """Return one group per library, dtype, device and kind of product; the libraries side by side; kernel variables."""
    quick = options.preset == "quick" and not options.sizes
    sizes = options.sizes or SIZES
    result = [
        _group(options, library, f"{library} matmul {dtype} {device}", chosen, dtype, device, 1)
        for device, library, dtype in product(options.devices, libraries.names(), options.dtypes or MATRIX_DTYPES)
        for chosen in [QUICK_SIZES.get(dtype, SIZES) if quick else sizes]
    ]
    result += [
        _group(options, library, f"{library} tensor-matrix float32 {device}", chosen, "float32", device, STACK)
        for device, library in product(options.devices, QUICK_TENSOR_LIBRARIES if quick else libraries.names())
        for chosen in [QUICK_TENSOR_SIZES if quick else sizes]
        if "float32" in (options.dtypes or ("float32",))
    ]
    return result + _libraries(options) + _steering(options)


def _group(
    options: Options, library: str, name: str, sizes: tuple[int, ...], dtype: str, device: str, stack: int
) -> Group:
    base = options.base_size or str(BASE if BASE in sizes else sizes[0])
    cases = tuple(_case(options, library, name, size, dtype, device, stack) for size in sizes)
    return with_control(Group("alignment", name, cases, base))


def _libraries(options: Options) -> list[Group]:
    """Return, per device, one product in every library, unless sizes of the user's own are asked for."""
    if options.sizes or "float32" not in (options.dtypes or MATRIX_DTYPES):
        return []
    result = []
    for device in options.devices:
        name = f"libraries matmul float32 {device}"
        cases = (_case(options, library, name, BASE, "float32", device, 1) for library in libraries.names())
        named = tuple(replace(case, name=case.provider) for case in cases)
        result.append(with_control(Group("alignment", name, named, LIBRARIES_BASELINE)))
    return result


def _case(options: Options, library: str, group: str, size: int, dtype: str, device: str, stack: int) -> Case:
    return Case(
        study="alignment",
        group=group,
        name=str(size),
        workload="matmul",
        provider=library,
        framework=library,
        parameters={"m": size, "k": size, "n": size, "stack": stack},
        device=device,
        dtype=dtype,
        threads=options.threads,
        seed=options.seed,
    )


def _steering(options: Options) -> list[Group]:
    """A matmul as the shell set the library up, against the same without each variable that picks its kernels."""
    found = [(name, library) for name, library in KERNEL_VARIABLES.items() if name in options.steering]
    if "cpu" not in options.devices:
        return []
    result = []
    for library in dict.fromkeys(library for _, library in found):
        name = f"{library} steering cpu"
        as_set = replace(_case(options, library, name, BASE, "float32", "cpu", 1), name=AS_SET)
        without = [
            replace(as_set, name=f"without {variable}", variables={variable: None})
            for variable, owner in found
            if owner == library
        ]
        result.append(with_control(Group("alignment", name, (as_set, *without), AS_SET)))
    return result
