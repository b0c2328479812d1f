"""Do odd matrix sizes cost anything here? (d2l.ai, MLP exercise 7: 1024, 1025, 1026, 1028, 1032)

Sizes around a base are compared with it, per FLOP, in each library and dtype: all three sizes together or one of them
alone; with operands stored transposed or not; libraries with one another; and, where a shell steers a library's
kernels, the library with itself without that. What is measured in which preset is in ``bench/sweeps.py``.

The causes are told apart by a factorial design (``levels`` of its cells): an odd size also has an odd leading
dimension, unless the matrix is part of a wider one, and rows that start anywhere. Cells are products of 1024 or 1025,
in rows that are a whole number of cache lines apart or one element more, from a page's beginning or some bytes beyond.
One more cell has rows a power of two apart, as 1024 has where nothing is done about it.

On a GPU products are replayed from a graph where the library can, over operands that its L2 does not hold: the question
is what kernels cost, not launches. Libraries side by side are called one by one, as some capture nothing.

Every launch draws operands of its own, and where nothing says where they lie, base addresses too, in the libraries that
place arrays at will. JAX, TensorFlow and MXNet place their own, at the same offset into a page in every launch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

from bench import libraries, omissions, placing, replays, sweeps
from bench.case import Case, Group
from bench.stats import LEAST_ROUNDS
from bench.studies import Options, product_case, with_control
from bench.sweeps import BASE, BATCHED, HERE, MATMUL, STACK, STACKED, Sweep
from bench.workloads.matmul import ITEM_SIZES

__all__ = ["BASE", "QUESTION", "SIZES", "groups", "left_out"]

QUESTION = "Do odd matrix sizes cost anything here, per FLOP, and what should one pad to?"
LIBRARIES_BASELINE = "torch"
SIZES = tuple(BASE + offset for offset in sweeps.QUICK_OFFSETS)
USERS_DTYPES = ("float32", "float64", "bfloat16")  # of sizes of the user's own, unless dtypes are given too

# Shells and containers set these to make results alike across hosts; they also decide which kernels are used.
KERNEL_VARIABLES = {
    "OPENBLAS_CORETYPE": "numpy",
    "MKL_ENABLE_INSTRUCTIONS": "torch",
    "ONEDNN_MAX_CPU_ISA": "torch",
}
AS_SET = "as set"


def groups(options: Options) -> list[Group]:
    """Return the sweeps, then layouts, causes, the libraries side by side, and kernel variables.

    Sizes of the user's own take the place of all but the last.
    """
    if options.sizes:
        return _users(options) + _steering(options)
    found = [group for device in options.devices for group in _of_sweeps(options, device)]
    for device, library in product(options.devices, HERE):
        found += [_layouts(options, library, dtype, device) for dtype in _among(options, sweeps.LAYOUTS)]
        found += [_causes(options, library, dtype, device) for dtype in _among(options, sweeps.CAUSES)]
    return found + _libraries(options) + _steering(options)


def left_out(options: Options) -> list[str]:
    """Return, in sentences, what thorough measures beyond the preset; nothing where sizes were chosen by hand."""
    if options.sizes:
        return []
    return omissions.told(groups(options), groups(replace(options, preset="thorough")))


def _of_sweeps(options: Options, device: str) -> Iterable[Group]:
    for sweep in sweeps.chosen(options.preset, options.dtypes):
        if device in sweep.devices:
            for library, dtype in product(sweep.libraries, sweep.dtypes):
                yield _sweep(options, sweep, library, dtype, device)


def _sweep(options: Options, sweep: Sweep, library: str, dtype: str, device: str) -> Group:
    name = f"{library} {sweep.kind} {dtype} {device}{sweep.suffix}"
    cases = []
    for size in (sweep.base + offset for offset in sweep.offsets):
        sizes = {letter: size if letter in sweep.varied else sweep.base for letter in "mkn"}
        cases.append(_case(options, library, (name, str(size)), dtype, device, sizes | _stacked(sweep.kind)))
    return with_control(Group("alignment", name, tuple(cases), str(sweep.base), rounds=sweep.rounds))


def _stacked(kind: str) -> dict[str, Any]:
    if kind == MATMUL:
        return {"stack": 1}
    return {"stack": STACK} | ({"batched": True} if kind == BATCHED else {})


def _users(options: Options) -> list[Group]:
    """Return one group per library, dtype and device, and one of stacks, all of the user's own sizes."""
    wanted = [
        (kind, device, library, dtype)
        for kind, dtypes in ((MATMUL, options.dtypes or USERS_DTYPES), (STACKED, ("float32",)))
        for device, library, dtype in product(options.devices, libraries.names(), dtypes)
        if dtype in (options.dtypes or USERS_DTYPES)
    ]
    base = options.base_size or str(BASE if BASE in options.sizes else options.sizes[0])
    found = []
    for kind, device, library, dtype in wanted:
        name = f"{library} {kind} {dtype} {device}"
        cases = tuple(
            _case(options, library, (name, str(size)), dtype, device, dict.fromkeys("mkn", size) | _stacked(kind))
            for size in options.sizes
        )
        found.append(with_control(Group("alignment", name, cases, base)))
    return found


def _layouts(options: Options, library: str, dtype: str, device: str) -> Group:
    """Return products of the base and of one more, with each operand as it is and stored transposed."""
    name = f"{library} {MATMUL} {dtype} {device}, layouts"
    cases = tuple(
        _case(options, library, (name, f"{size} {layout}"), dtype, device, _square(size) | {"layout": layout})
        for size, layout in product((BASE, BASE + 1), placing.LAYOUTS)
    )
    return with_control(Group("alignment", name, cases, cases[0].name))


def _causes(options: Options, library: str, dtype: str, device: str) -> Group:
    """Return the cells of a factorial design of size, leading dimension and base address."""
    name = f"{library} causes {dtype} {device}"
    item_size = ITEM_SIZES[dtype]
    cells = [
        (size, kind, leading, address)
        for size in (BASE, BASE + 1)
        for kind, leading in sweeps.leadings(item_size).items()
        for address in sweeps.addresses(options.preset, item_size)
    ]
    cells.append((BASE, "power of two", BASE, 0))
    cases = []
    for size, kind, leading, address in cells:
        levels = {"size": size, "leading dimension": kind, "base address": address}
        told = {"leading": leading, "offset": address, "levels": levels}
        named = (name, f"{size} in {leading} at {address}")
        cases.append(_case(options, library, named, dtype, device, _square(size) | told))
    return with_control(Group("alignment", name, tuple(cases), cases[0].name, rounds=LEAST_ROUNDS))


def _libraries(options: Options) -> list[Group]:
    """Return, per device, one product in every library."""
    if "float32" not in (options.dtypes or ("float32",)):
        return []
    result = []
    for device in options.devices:
        name = f"libraries {MATMUL} float32 {device}"
        cases = tuple(
            product_case(options, ("alignment", name, library), library, _square(BASE), "float32", device)
            for library in libraries.names()
        )
        result.append(with_control(Group("alignment", name, cases, LIBRARIES_BASELINE, rounds=LEAST_ROUNDS)))
    return result


def _among(options: Options, by_preset: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dtype for dtype in by_preset[options.preset] if dtype in (options.dtypes or by_preset[options.preset]))


def _square(size: int) -> dict[str, Any]:
    return dict.fromkeys("mkn", size) | {"stack": 1}


def _case(
    options: Options, library: str, named: tuple[str, str], dtype: str, device: str, parameters: Mapping[str, Any]
) -> Case:
    """Return a product, (group, name), that each launch draws anew; on a GPU it is replayed."""
    told = {**parameters, **replays.parameters(library, device)}
    return product_case(options, ("alignment", *named), library, told, dtype, device)


def _steering(options: Options) -> list[Group]:
    """A matmul as the shell set the library up, against the same without each variable that picks its kernels."""
    found = [(name, library) for name, library in KERNEL_VARIABLES.items() if name in options.steering]
    if "cpu" not in options.devices:
        return []
    result = []
    for library in dict.fromkeys(library for _, library in found):
        name = f"{library} steering cpu"
        as_set = _case(options, library, (name, AS_SET), "float32", "cpu", _square(BASE))
        without = [
            replace(as_set, name=f"without {variable}", variables={variable: None})
            for variable, owner in found
            if owner == library
        ]
        result.append(with_control(Group("alignment", name, (as_set, *without), AS_SET)))
    return result
