"""Where the operands of a product lie: their storage order, their leading dimension and their base address.

All three are the caller's choice in a BLAS, and each may cost something by itself. Rows of a matrix are stored one
after the other, ``leading`` elements from one to the next: as many as a row has, or more where the matrix is part of a
wider one. A transposed operand is stored column after column and handed over as a transposed view. The base address is
that of the first element; what matters of it is how far it lies beyond a boundary of vectors, cache lines and pages.

Allocators hand out large arrays at one offset into a page, always the same: a run would never see the others. So in a
case that is reseeded, what has no base address of its own gets one that is drawn anew in each launch, a, b and the
result apart, of those that the library's allocator may give (``ALIGNMENTS``): multiples of its alignment within a page.
A library without ``placed`` places its arrays as it likes, in every launch.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.case import Case

__all__ = ["LAYOUTS", "PAGE", "Operands", "place", "refused", "span", "start", "strides"]

PAGE = 4096  # bytes: the smallest page of x86-64, and of Arm in most systems
LAYOUTS = ("NN", "NT", "TN", "TT")


class Operands(NamedTuple):
    """What a product reads, a and b, and writes, placed by a library."""

    a: Any
    b: Any
    out: Any


def place(
    case: Case, provider: Any, a: NDArray[np.float64], b: NDArray[np.float64], shape: Sequence[int], dtype: str
) -> Operands:
    """Place operands, rounded to the case's dtype, and a result of that shape and dtype as the case says."""
    layout, leading, offset = _asked(case)
    offsets = _offsets(case, provider, offset)
    if leading is None and offsets == (None, None, None) and layout == LAYOUTS[0]:
        on_device = [provider.array(values, case.device, case.dtype) for values in (a, b)]
        return Operands(on_device[0], on_device[1], provider.empty(tuple(shape), case.device, dtype))

    def put(values: NDArray[Any], kind: str, offset: int | None, order: str) -> Any:
        return provider.placed(values, case.device, kind, leading=leading, offset=offset, transposed=order == "T")

    return Operands(
        put(a, case.dtype, offsets[0], layout[0]),
        put(b, case.dtype, offsets[1], layout[1]),
        put(np.broadcast_to(np.float32(0), shape), dtype, offsets[2], LAYOUTS[0][0]),
    )


def refused(case: Case, provider: Any, item_size: int, sizes: tuple[int, int, int]) -> str | None:
    """Return the reason why operands cannot be placed as the case asks, or None.

    Args:
        case: A product.
        provider: Its library.
        item_size: Bytes of the largest elements, the operands' or the result's.
        sizes: m, k and n.
    """
    layout, leading, offset = _asked(case)
    if layout not in LAYOUTS:
        return f"layout {layout}: expected one of {', '.join(LAYOUTS)}"
    if (layout, leading, offset) != (LAYOUTS[0], None, None) and not hasattr(provider, "placed"):
        chosen = "layout" if leading is None and offset is None else "leading dimension or base address"
        return f"{case.provider} places its arrays itself: no {chosen} can be chosen"
    m, k, n = sizes
    longest = max(m if layout[0] == "T" else k, k if layout[1] == "T" else n, n)
    if leading is not None and leading < longest:
        return f"leading dimension {leading}: the longest stored row has {longest} elements; choose no less"
    if offset is not None and (offset < 0 or offset % item_size):
        return f"base address {offset}: expected a multiple of the {item_size} bytes of an element"
    return None


def strides(shape: Sequence[int], leading: int | None) -> tuple[int, ...]:
    """Return the strides, in elements, of matrices stored row after row. Raises ValueError where rows would overlap.

    Args:
        shape: (rows, columns), or with the stack before them.
        leading: Elements from one row to the next; None for as many as a row has.
    """
    *stack, rows, columns = shape
    row = columns if leading is None else leading
    if row < columns:
        raise ValueError(f"leading dimension {row}: a stored row has {columns} elements; choose no less")
    found, step = [1, row], rows * row
    for count in reversed(stack):
        found.append(step)
        step *= count
    return tuple(reversed(found))


def span(shape: Sequence[int], leading: int | None) -> int:
    """Return how many elements lie from the first element of the first row to the end of the last row's gap."""
    return int(shape[0]) * strides(shape, leading)[0]


def start(address: int, offset: int | None, item_size: int) -> int:
    """Return where in a buffer at that address an array begins, in bytes; without an offset, at its beginning.

    Raises ValueError where its elements would not be aligned. A buffer needs ``PAGE`` bytes more than the array, and
    the offset.
    """
    if offset is None:
        return 0
    if offset < 0 or offset % item_size:
        raise ValueError(f"base address {offset}: expected a multiple of the {item_size} bytes of an element")
    return -address % PAGE + offset


def _asked(case: Case) -> tuple[str, int | None, int | None]:
    """Return a case's layout, leading dimension and base address."""
    parameters = case.parameters
    return parameters.get("layout", LAYOUTS[0]), parameters.get("leading"), parameters.get("offset")


def _offsets(case: Case, provider: Any, given: int | None) -> tuple[int | None, ...]:
    """Return the base addresses of a, b and the result beyond a page's beginning; None leaves one to the library."""
    if given is not None or not case.reseeded or not hasattr(provider, "placed"):
        return (given,) * 3
    alignment = provider.ALIGNMENTS[case.device]
    generator = np.random.default_rng([case.seed, zlib.crc32(case.id.encode())])
    return tuple((alignment * generator.integers(PAGE // alignment, size=3)).tolist())
