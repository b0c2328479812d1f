"""Equal before fast, of matrix products: every element against a product in float64 by NumPy.

An element may be off by what ``bench/rounding.py`` has rounding explain of a sum of k products; that is tight enough to
tell float32 products from tf32's at any k. Products of int8 are exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.equality import Equality
from bench.rounding import PRECISIONS

__all__ = ["RESULTS", "compared", "misplacement"]

RESULTS = {"int8": "int32"}  # dtypes of results where they are not the operands' own
# An element is off by more with probability 2 exp(-c^2 / 2) at most: 4e-7 over all of a 4096 x 4096 result.
CONFIDENCE = 8.0
AT_ONCE = 1 << 20  # elements of the result, so that comparing large ones takes no more memory than they do


def compared(product: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64], dtype: str) -> Equality:
    """Compare every element of a product of a, (m, k) or (stack, m, k), and b, (k, n) or (stack, k, n).

    Deviation and bound are those of the element nearest its bound, over the root of the sum of its squared products:
    over the element itself they would be large wherever a sum happens to be near zero.
    """
    found = [
        _nearest(product[part], a[part], b[part[0]] if b.ndim == 3 else b, dtype, part)
        for part in _parts(product.shape)
    ]
    worst = max(found, key=lambda one: math.inf if math.isnan(one.share) else one.share)
    name = f"product[{', '.join(map(str, worst.place))}]"
    return Equality(worst.deviation <= worst.bound, worst.deviation, worst.bound, name, None)


def misplacement(wanted: NDArray[np.float64], got: NDArray[np.float64], dtype: str) -> float:
    """Return how far values are from those wanted, over what rounding them, at most twice, explains."""
    if got.shape != wanted.shape:
        return math.inf
    if dtype in RESULTS:
        return 0.0 if np.array_equal(got, wanted) else math.inf
    precision = PRECISIONS[dtype]
    allowed = precision.unit * (1 + 2.0**-12) * np.abs(wanted) + precision.smallest
    return float(np.max(np.abs(got - wanted) / allowed))


class _Nearest(NamedTuple):
    """The element of a result that is nearest its bound, or furthest beyond."""

    share: float
    deviation: float
    bound: float
    place: tuple[int, ...]


def _parts(shape: tuple[int, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield the indices of blocks of rows, each in one matrix."""
    *stack, rows, columns = shape
    height = max(1, AT_ONCE // columns)
    blocks = [slice(first, min(first + height, rows)) for first in range(0, rows, height)]
    yield from (
        ((index, block) for index in range(stack[0]) for block in blocks) if stack else ((one,) for one in blocks)
    )


def _nearest(
    product: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64], dtype: str, part: tuple[Any, ...]
) -> _Nearest:
    exact, squares = a @ b, a**2 @ b**2
    errors, bounds = np.abs(product - exact), CONFIDENCE * np.sqrt(_variance(exact, squares, len(b), dtype))
    with np.errstate(divide="ignore", invalid="ignore"):  # what is exact has a bound of 0
        shares = np.where(errors == 0, 0.0, errors / bounds)
    worst = np.unravel_index(int(np.argmax(shares)), shares.shape)  # argmax takes the first NaN, if there is one
    scale = float(np.sqrt(squares[worst])) or 1.0
    *stack, block = part
    place = (*stack, block.start + int(worst[0]), int(worst[1]))
    return _Nearest(float(shares[worst]), float(errors[worst]) / scale, float(bounds[worst]) / scale, place)


def _variance(exact: NDArray[np.float64], squares: NDArray[np.float64], length: int, dtype: str) -> NDArray[np.float64]:
    """Return what rounding makes of sums of so many products; sums of whole numbers in int32 are exact."""
    if dtype in RESULTS:
        return np.zeros_like(exact)
    precision = PRECISIONS[dtype]
    variance = precision.summed(length, exact**2, squares) + precision.stored(exact)
    # the reference's own
    result: NDArray[np.float64] = variance + PRECISIONS["float64"].summed(length, exact**2, squares)
    return result
