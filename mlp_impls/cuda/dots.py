"""What the Triton kernels of ``triton_fused`` multiply matrices with, and what makes kernels of functions."""

from __future__ import annotations

from typing import Any

try:
    import triton
    import triton.language as tl
    from triton.runtime.interpreter import InterpretedFunction
except ImportError:  # as with torch for the CPU alone
    triton = None

__all__ = ["INSTALLED", "INTERPRETED", "accumulator", "dot", "halves", "jit"]


def jit(function: Any) -> Any:
    """Return what Triton makes of a function: compiled when called, or interpreted if the environment says so."""
    return function if triton is None else triton.jit(function)


@jit
def halves(values: tl.tensor) -> tl.tensor:
    """Return the left half of the columns and the right one."""
    parts = tl.reshape(values, (values.shape[0], 2, values.shape[1] // 2))
    return tl.split(tl.permute(parts, (0, 2, 1)))


@jit
def dot(left: tl.tensor, right: tl.tensor, total: tl.tensor, exact: tl.constexpr) -> tl.tensor:
    """Return total + left @ right, float32 multiplied as IEEE has it, not as tf32.

    Less than 16 rows are too few for ``tl.dot`` to share out among threads, and less than 16 to sum over it does not
    take: both are halved until one is left. A sum over a product of three dimensions is tf32 in Triton 3.6.
    """
    rows: tl.constexpr = left.shape[0]
    inner: tl.constexpr = left.shape[1]
    if rows == 1:
        total += tl.sum(tl.trans(left).to(exact) * right.to(exact), axis=0)[None, :]
    elif inner == 1:
        total += left.to(exact) * right.to(exact)
    elif rows < 16:
        upper, lower = halves(tl.trans(left))
        upper_total, lower_total = halves(tl.trans(total))
        upper_total = dot(tl.trans(upper), right, tl.trans(upper_total), exact)
        lower_total = dot(tl.trans(lower), right, tl.trans(lower_total), exact)
        total = tl.reshape(tl.permute(tl.join(upper_total, lower_total), (2, 0, 1)), total.shape)
    elif inner < 16:
        first, second = halves(left)
        upper, lower = halves(tl.trans(right))
        total = dot(first, tl.trans(upper), total, exact)
        total = dot(second, tl.trans(lower), total, exact)
    else:
        total = tl.dot(left, right, total, input_precision="ieee", out_dtype=exact)
    return total


INSTALLED = triton is not None
INTERPRETED = INSTALLED and isinstance(dot, InterpretedFunction)


def accumulator(double: bool) -> Any:
    """Return the dtype that sums are to have, float64 or float32, as kernels take it."""
    return tl.float64 if double else tl.float32
