"""One matrix product: a matrix, or a stack of them, times a matrix or a stack.

Parameters: ``m``, ``k``, ``n`` and ``stack``: ``stack`` matrices of (m, k) times one of (k, n); with a stack of 1 both
operands are plain matrices. The provider is a file of ``bench/libraries``. Where they are given:

``batched``
    Whether b is a stack as well: each matrix of a times its own of b.
``layout``
    NN, NT, TN or TT: T where that operand is stored transposed.
``leading``, ``offset``
    Elements from one row of each stored operand and of the result to the next, and bytes that their base addresses lie
    beyond a page's beginning. What is not given is as the library has it; see ``bench/placing.py``.
``levels``
    Which level of each factor this cell of a factorial design has; says nothing about the product.
``operands``
    What they are drawn from, a name in ``bench/values.py``; else N(0, 1), and in int8 whole numbers from -127 to 127.
``clock``, ``sample_s``
    ``"device"``: several products are captured into a graph (``bench/replays.py``); seconds that a sample should last.

In tf32, operands and result are float32. In int8, the result is int32.

The check compares every element with a float64 product (``bench/product_equality.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import libraries, placing, replays, values
from bench.case import Case
from bench.equality import Equality
from bench.placing import Operands
from bench.product_equality import RESULTS, compared, misplacement
from bench.workloads import ITEM_SIZES, Prepared, Work

__all__ = [
    "ITEM_SIZES",
    "UNTOUCHED",
    "check",
    "misplaced",
    "operands",
    "prepare",
    "setting_products",
    "too_slow",
    "unsupported",
    "usual_operands",
    "work",
]

RESULT_SIZES = ITEM_SIZES | {"int8": 4}  # none is smaller than an operand's
INT8_OPERANDS = "bytes"
UNTOUCHED = 99.0  # what results hold before they are checked

# Rows and columns of what wakes: one would do, but int8 kernels of CUDA want more than 16 rows, and 8 columns.
THIN = {"int8": (32, 8)}

# What is slower than this has no BLAS behind it: one core multiplies float64 matrices at twice that with 256-bit
# vectors. That alone is no harm where all rounds of a launch take a moment.
LOOP_RATE = 15e9
LOOP_S = 4.0


def work(case: Case) -> Work:
    """Return what one product needs: a multiplication and an addition per term; operands and result moved once."""
    stack, m, k, n = _sizes(case)
    b = (stack if case.parameters.get("batched") else 1) * k * n
    moved = ITEM_SIZES[case.dtype] * (stack * m * k + b) + RESULT_SIZES[case.dtype] * stack * m * n
    return Work(flops=2 * stack * m * k * n, bytes=moved, items=1, item="matmuls")


def unsupported(case: Case) -> str | None:
    """Return the reason why the case's library cannot multiply operands of these sizes, placed so, or None."""
    if not case.parameters:  # it stands for its library (bench/survey.py)
        return None
    provider = libraries.load(case.provider)
    stack, m, k, n = _sizes(case)
    reason = placing.refused(case, provider, RESULT_SIZES[case.dtype], (m, k, n))
    if reason is None and case.dtype == "int8" and (stack > 1 or case.parameters.get("leading") is not None):
        return f"{case.provider} multiplies plain int8 matrices only, into a contiguous result"
    if reason is None and hasattr(provider, "refuses"):
        reason = provider.refuses(case.device, case.dtype, m, k, n)
    return replays.unsupported(case) if reason is None else reason


def too_slow(case: Case, step_s: float, rounds: int) -> bool:
    """Return whether a product that takes so many seconds is a plain loop, and its rounds would take long."""
    return step_s * rounds > LOOP_S and work(case).flops / step_s < LOOP_RATE


def prepare(case: Case, provider: Any, data_dir: Path) -> Prepared:
    """Place random operands and a result on the device; a step is one product into that result.

    Waking multiplies b with one row and a with one column: threads are up and both operands have been read, at a
    hundredth of a product's cost, which a whole discarded one would double.
    """
    host_a, host_b = operands(case)
    placed, multiply = _placed(case, provider, host_a, host_b), _multiplying(case, provider)
    wake = _waking(case, provider, host_a, host_b, placed)
    prepared = Prepared(
        lambda: multiply(*placed),
        lambda: provider.synchronize(case.device),
        wake,
        graph=getattr(provider, "GRAPH", "none"),
        sample_s=case.parameters.get("sample_s"),
    )
    if not replays.asked(case):
        return prepared
    turns = replays.rotation(work(case).bytes, provider.last_cache(case.device))
    others = (_placed(case, provider, host_a, host_b) for _ in range(turns.copies - 1))
    following = cycle([placed, *others]).__next__
    return replays.captured(replace(prepared, step=lambda: multiply(*following())), provider, case.device, turns)


def check(case: Case, provider: Any, data_dir: Path, cache: Path | None = None) -> Equality:
    """Compare one product with NumPy's in float64, of the operands as the library has them, which come first."""
    given = operands(case)
    placed = _placed(case, provider, *given)
    a, b = provider.host(placed.a), provider.host(placed.b)
    if (wrong := misplaced(given, (a, b), case.dtype)) is not None:
        return wrong
    multiply = _multiplying(case, provider)
    multiply(*placed)
    if replays.asked(case):  # what a replay leaves out would stay as it is
        replay = provider.captured(lambda: multiply(*placed), case.device, 1)
        provider.fill(placed.out, UNTOUCHED)
        replay()
    provider.synchronize(case.device)
    return compared(provider.host(placed.out), a, b, case.dtype)


def misplaced(given: Sequence[NDArray[np.float64]], got: Sequence[NDArray[np.float64]], dtype: str) -> Equality | None:
    """Return what tells the first operand, a or b, that a library does not have as it was given; None where none is."""
    for name, wanted, found in zip("ab", given, got, strict=True):
        off = misplacement(wanted, found, dtype)
        if not off <= 1:
            note = "the operand is not what was given; in units of the dtype's rounding"
            return Equality(False, off, 1.0, f"operand {name}", note)
    return None


def operands(case: Case) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a, (m, k) or (stack, m, k), and b, (k, n) or (stack, k, n), by the case's seed, before rounding."""
    stack, m, k, n = _sizes(case)
    generator = np.random.default_rng(case.seed)
    batch = (stack,) * (stack > 1)
    shapes = (*batch, m, k), (*(batch if case.parameters.get("batched") else ()), k, n)
    kind = case.parameters.get("operands", usual_operands(case.dtype))
    return values.drawn(kind, generator, shapes[0]), values.drawn(kind, generator, shapes[1])


def usual_operands(dtype: str) -> str:
    """Return what operands are drawn from where a case asks for nothing else."""
    return INT8_OPERANDS if dtype == "int8" else values.DEFAULT


def setting_products(case: Case, provider: Any, wake: Callable[[], None]) -> Callable[[], None]:
    """Return what wakes and, before that, sets products to the case's dtype, as cases of others share its process."""
    if not hasattr(provider, "set_products"):
        return wake

    def set_and_wake() -> None:
        provider.set_products(case.device, case.dtype)
        wake()

    return set_and_wake


def _placed(case: Case, provider: Any, a: NDArray[np.float64], b: NDArray[np.float64]) -> Operands:
    stack, m, _, n = _sizes(case)
    shape = (m, n) if stack == 1 else (stack, m, n)
    return placing.place(case, provider, a, b, shape, RESULTS.get(case.dtype, case.dtype))


def _multiplying(case: Case, provider: Any) -> Callable[[Any, Any, Any], object]:
    if not hasattr(provider, "multiplying"):
        multiply: Callable[[Any, Any, Any], object] = provider.matmul
        return multiply
    chosen: Callable[[Any, Any, Any], object] = provider.multiplying(case.dtype)
    return chosen


def _waking(
    case: Case, provider: Any, a: NDArray[np.float64], b: NDArray[np.float64], placed: Operands
) -> Callable[[], None]:
    """Return what reads both operands."""
    rows, columns = THIN.get(case.dtype, (1, 1))
    row, column = (a[..., :rows, :] if b.ndim == 3 else a.reshape(-1, a.shape[-1])[:rows]), b[..., :columns]
    result, multiply = RESULTS.get(case.dtype, case.dtype), _multiplying(case, provider)
    thin_a, thin_b = (provider.array(values, case.device, case.dtype) for values in (row, column))
    across, down = (
        provider.empty(shape, case.device, result)
        for shape in ((*row.shape[:-1], b.shape[-1]), (*a.shape[:-1], column.shape[-1]))
    )

    def read() -> None:
        multiply(thin_a, placed.b, across)
        multiply(placed.a, thin_b, down)

    return setting_products(case, provider, read)


def _sizes(case: Case) -> tuple[int, int, int, int]:
    stack, m, k, n = (int(case.parameters[name]) for name in ("stack", "m", "k", "n"))
    return stack, m, k, n
