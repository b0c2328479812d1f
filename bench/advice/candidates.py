"""Which sizes are worth measuring, by arithmetic alone.

A size is a candidate because something changes there: the rows of an operand start on a 16-, 64- or 128-byte boundary
(``bench/alignments.py``), the size is a whole number of the vectors and tiles that kernels work in, or rows leave a
stride that maps them all into few sets of a cache. What adds more than could be gained is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.advice.problems import Dimension, Problem, Sizes, own, replaced
from bench.alignments import BOUNDARIES, LINE, is_stride_trap
from bench.workloads.matmul import ITEM_SIZES

__all__ = ["FURTHEST", "MOST", "Candidate", "candidates"]

FURTHEST = 64  # elements that a size may grow by
MOST = 6  # candidates of a dimension
# Kernels multiply in vectors of 4 to 16 elements and in tiles of those; tiles beyond 64 are beyond FURTHEST. Of ten
# random products in float64 with MKL, powers of two alone missed the best of 20 sizes of a dimension by more than 3 %
# in 5 cases of 30; with multiples of 12 in 1.
TILES = (4, 8, 12, 16, 24, 32, 48, 64)
# The rate would have to rise by half. On that CPU no padding of fifty products saved more than 28 % of the time; where
# GPUs are reported to gain more, what is added is a hundredth.
MOST_EXTRA = 0.5


@dataclass(frozen=True)
class Candidate:
    """A size for one dimension, by index, all others as they are; ``why`` it could be faster, and what it adds."""

    index: int
    sizes: Sizes
    why: str
    extra: float

    @property
    def size(self) -> int:
        """What the dimension would be padded to."""
        return self.sizes[self.index]


def candidates(problem: Problem) -> list[Candidate]:
    """Return up to ``MOST`` candidates per dimension, smallest first, by dimension."""
    item_size = ITEM_SIZES[problem.place.dtype]
    found = []
    for index, dimension in enumerate(problem.dimensions):
        of_one = []
        for size, why in sorted(_steps(dimension, item_size).items()):
            sizes = replaced(own(problem), index, size)
            extra = _extra(problem, sizes)
            if size - dimension.size <= FURTHEST and extra <= MOST_EXTRA:
                of_one.append(Candidate(index, sizes, why, extra))
        found += of_one[:MOST]
    return found


def _steps(dimension: Dimension, item_size: int) -> dict[int, str]:
    """Return sizes above the dimension's own at which something changes, and what."""
    reasons: dict[int, list[str]] = {}
    for size, why in _reasons(dimension, item_size):
        reasons.setdefault(size, []).append(why)
    return {size: "; ".join(why) for size, why in reasons.items()}


def _reasons(dimension: Dimension, item_size: int) -> Iterator[tuple[int, str]]:
    for boundary in BOUNDARIES if dimension.is_row else ():
        step = max(1, boundary // item_size)
        if dimension.size % step:
            yield _next(dimension.size, step), f"rows start on {boundary} bytes"
    for step in TILES:
        if dimension.size % step:
            yield _next(dimension.size, step), f"a multiple of {step}"
    if dimension.is_row and is_stride_trap(dimension.size, item_size):
        yield dimension.size + LINE // item_size, "rows no longer a large power of two apart"


def _next(size: int, step: int) -> int:
    return -(-size // step) * step


def _extra(problem: Problem, sizes: Sizes) -> float:
    """Return what a candidate adds at least: to the FLOPs or to the bytes, as either may be what the step waits for."""
    before, after = problem.needed(own(problem)), problem.needed(sizes)
    return min(more / less - 1 for less, more in zip(before, after, strict=True))
