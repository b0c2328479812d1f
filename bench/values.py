"""What the elements of a product's operands are drawn from.

They are random unless a case asks for something else: what a multiplier draws in power depends on the bits that change
from one operand to the next, and with the power goes the clock of a GPU at its limit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mlp_impls import repeated

__all__ = ["DEFAULT", "KINDS", "drawn"]

DEFAULT = "normal"
SMALL = 4
LARGEST_INT8 = 127

Draw = Callable[[np.random.Generator, tuple[int, ...]], NDArray[np.floating] | NDArray[np.integer]]

KINDS: dict[str, Draw] = {
    "normal": lambda generator, shape: generator.standard_normal(shape),  # N(0, 1)
    "uniform": lambda generator, shape: generator.random(shape),  # from 0 up to 1
    "integers": lambda generator, shape: generator.integers(-SMALL, SMALL, shape, endpoint=True),
    "bytes": lambda generator, shape: generator.integers(-LARGEST_INT8, LARGEST_INT8, shape, endpoint=True),
    "ones": lambda generator, shape: np.ones(shape),
    "zeros": lambda generator, shape: np.zeros(shape),
}


def drawn(kind: str, generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return values of a kind, before they are rounded to any dtype; many are a few, repeated (``mlp_impls.repeated``).

    Raises ValueError for a kind there is none of.
    """
    if kind not in KINDS:
        raise ValueError(f"operands {kind!r}: expected one of {', '.join(KINDS)}")
    return repeated(lambda size: KINDS[kind](generator, size).astype(np.float64, copy=False), shape)
