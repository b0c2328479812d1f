"""One matrix product: a matrix, or a stack of them, times a matrix.

Parameters: ``m``, ``k``, ``n`` and ``stack``: ``stack`` matrices of (m, k) times one of (k, n); with a stack of 1 both
operands are plain matrices. The provider is a file of ``bench/libraries``.

The check compares every element with a float64 product. It may be off by what ``bench/rounding.py`` has rounding
explain of a sum of k products; that is tight enough to tell float32 products from tf32's at any k.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.case import Case
from bench.equality import Equality
from bench.rounding import PRECISIONS
from bench.workloads import Prepared, Work

__all__ = ["ITEM_SIZES", "check", "operands", "prepare", "work"]

ITEM_SIZES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}
# An element is off by more with probability 2 exp(-c^2 / 2) at most: 4e-7 over all of a 4096 x 4096 result.
CONFIDENCE = 8.0


def work(case: Case) -> Work:
    """Return what one product needs: a multiplication and an addition per term; operands and result moved once."""
    stack, m, k, n = _sizes(case)
    elements = stack * m * k + k * n + stack * m * n
    return Work(flops=2 * stack * m * k * n, bytes=ITEM_SIZES[case.dtype] * elements, items=1, item="matmuls")


def prepare(case: Case, provider: Any, data_dir: Path) -> Prepared:
    """Place random operands and a result on the device; a step is one product into that result.

    Waking multiplies b with one row and a with one column: threads are up and both operands have been read, at a
    hundredth of a product's cost, which a whole discarded one would double.
    """
    host_a, host_b = operands(case)
    a, b, row, column = (
        provider.array(values, case.device, case.dtype)
        for values in (host_a, host_b, host_a.reshape(-1, host_a.shape[-1])[:1], host_b[:, :1])
    )
    shape = _result_shape(case)
    out, across, down = (
        provider.empty(size, case.device, case.dtype) for size in (shape, (1, shape[-1]), (*shape[:-1], 1))
    )
    matmul = provider.matmul

    def wake() -> None:
        matmul(row, b, across)
        matmul(a, column, down)

    return Prepared(
        lambda: matmul(a, b, out),
        lambda: provider.synchronize(case.device),
        wake,
        graph=getattr(provider, "GRAPH", "none"),
    )


def check(case: Case, provider: Any, data_dir: Path, cache: Path | None = None) -> Equality:
    """Compare one product with NumPy's in float64.

    Deviation and bound are those of the element nearest its bound, over the root of the sum of its squared products:
    over the element itself they would be large wherever a sum happens to be near zero.
    """
    values = operands(case)
    placed = [provider.array(entry, case.device, case.dtype) for entry in values]
    a, b = (provider.host(entry) for entry in placed)
    for name, wanted, got in zip("ab", values, (a, b), strict=True):
        off = _misplacement(wanted, got, case.dtype)
        if not off <= 1:
            note = "the operand is not what was given; in units of the dtype's rounding"
            return Equality(False, off, 1.0, f"operand {name}", note)
    out = provider.empty(_result_shape(case), case.device, case.dtype)
    provider.matmul(*placed, out)
    provider.synchronize(case.device)
    return _compared(provider.host(out), a, b, case.dtype)


def operands(case: Case) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a, (m, k) or (stack, m, k), and b, (k, n), from N(0, 1) by the case's seed, before rounding."""
    stack, m, k, n = _sizes(case)
    generator = np.random.default_rng(case.seed)
    a = generator.standard_normal((m, k) if stack == 1 else (stack, m, k))
    return a, generator.standard_normal((k, n))


def _compared(product: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64], dtype: str) -> Equality:
    exact, squares = a @ b, a**2 @ b**2
    precision = PRECISIONS[dtype]
    variance = precision.summed(len(b), exact**2, squares) + precision.stored(exact)
    variance += PRECISIONS["float64"].summed(len(b), exact**2, squares)  # the reference's own
    errors, bounds = np.abs(product - exact), CONFIDENCE * np.sqrt(variance)
    ratios = errors / bounds
    worst = np.unravel_index(int(np.argmax(ratios)), ratios.shape)  # argmax takes the first NaN, if there is one
    scale = float(np.sqrt(squares[worst]))
    deviation, bound = float(errors[worst]) / scale, float(bounds[worst]) / scale
    return Equality(deviation <= bound, deviation, bound, f"product[{', '.join(map(str, worst))}]", None)


def _misplacement(wanted: NDArray[np.float64], got: NDArray[np.float64], dtype: str) -> float:
    """Return how far values are from those wanted, over what rounding them, at most twice, explains."""
    if got.shape != wanted.shape:
        return math.inf
    precision = PRECISIONS[dtype]
    allowed = precision.unit * (1 + 2.0**-12) * np.abs(wanted) + precision.smallest
    return float(np.max(np.abs(got - wanted) / allowed))


def _sizes(case: Case) -> tuple[int, int, int, int]:
    stack, m, k, n = (int(case.parameters[name]) for name in ("stack", "m", "k", "n"))
    return stack, m, k, n


def _result_shape(case: Case) -> tuple[int, ...]:
    stack, m, _, n = _sizes(case)
    return (m, n) if stack == 1 else (stack, m, n)
