"""On which boundaries the rows of a matrix start: the arithmetic of leading dimensions, and where steps are expected.

Rows that are ``leading`` elements apart start ``leading * item_size`` bytes apart, the stride. If the first starts on a
boundary, every other one does where the stride is a multiple of it. Vector instructions load 16 to 64 bytes, a line of
a cache is 64 bytes and GPUs move 128, so a cost that jumps with the alignment is expected to jump at these.

Nothing here is measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

__all__ = ["BOUNDARIES", "LARGE_POWER", "LINE", "aligned_share", "alignment", "is_stride_trap", "steps"]

LINE = 64  # bytes of a line of the cache, on x86-64 and most of Arm
BOUNDARIES = (16, LINE, 128)
# oneMKL's Developer Guide (2024.2, "Coding Techniques", recommendation 2): leading dimensions must not be a multiple of
# a large power of 2, "for example, 4096 bytes"; 64 bytes more can help. With 64 sets of lines, as in a first cache of
# 32 KiB and 8 ways, rows 4096 bytes apart all start in one set, and rows 2048 bytes apart in two.
LARGE_POWER = 2048


def alignment(leading: int, item_size: int) -> int:
    """Return the largest power of two, in bytes, on a multiple of which every row starts if the first does."""
    stride = leading * item_size
    return stride & -stride


def aligned_share(leading: int, item_size: int, boundary: int) -> int:
    """Return k where one row in k starts on the boundary: 1 if all do. The boundary is in bytes."""
    return boundary // math.gcd(leading * item_size, boundary)


def steps(base: int, item_size: int, offsets: Iterable[int]) -> dict[int, int]:
    """Return, for each boundary in bytes, the least of the offsets above 0 at which all rows start on it.

    A boundary that none of them reaches is left out. At 1024 and 4 bytes: {16: 4, 64: 16, 128: 32}.
    """
    above = sorted(offset for offset in offsets if offset > 0)
    found = {}
    for boundary in BOUNDARIES:
        reached = next((offset for offset in above if alignment(base + offset, item_size) >= boundary), None)
        if reached is not None:
            found[boundary] = reached
    return found


def is_stride_trap(leading: int, item_size: int) -> bool:
    """Whether rows lie a multiple of a large power of two apart, so that few sets of a cache hold all their starts."""
    return leading * item_size % LARGE_POWER == 0
