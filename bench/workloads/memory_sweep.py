"""One pass over memory: copy, read, write or triad.

Parameters: ``kernel`` and ``working_set``, the bytes of all its arrays together. The provider is a file of
``bench/libraries``. Copy and triad, and how bytes are counted, are those of STREAM (McCalpin 1995,
https://www.cs.virginia.edu/stream/ref.html): each operand is read once and each result written once.

============ ==================== ============== =============== ===================
kernel       step                 arrays         bytes counted   if stores allocate
============ ==================== ============== =============== ===================
``copy``     target = source      2              2 n             3 n
``read``     sum of source        1              n               n
``write``    target = scalar      1              n               2 n
``triad``    out = b + scalar c   3              3 n             4 n
============ ==================== ============== =============== ===================

n is the bytes of one array. A store to a line that is not in the cache makes most processors read that line first
(write-allocate), unless the store is non-temporal or the processor sees that the line is written whole; what the bus
carries is then the last column. The libraries do not say which stores they use, so bandwidth is by bytes counted.

A step is one call into the library. On an array that fits the first cache the call itself takes longer than the memory
does: ``tell`` gives the seconds of a call on arrays of 16 elements, measured once per launch.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench import timing, values
from bench.case import Case
from bench.equality import Equality
from bench.rounding import PRECISIONS
from bench.workloads import ITEM_SIZES, Prepared, Work
from bench.workloads.matmul import UNTOUCHED, usual_operands

__all__ = ["KERNELS", "check", "elements", "prepare", "traffic", "work"]

SCALAR = 3.0  # STREAM's
FEW_ELEMENTS = 16
CALL_SAMPLE_S = 0.001
DRAWN = 1 << 20  # elements of an array, which repeat: to draw all of a large one would take longer than the passes
LARGEST = 2  # of the whole numbers that a check works on


class Kernel(NamedTuple):
    """How many arrays a kernel reads and writes, its FLOPs per element, its call, and what it comes to.

    ``call`` takes the library, then the arrays, the one written to last; ``result`` takes what is read, in float64.
    """

    read: int
    written: int
    flops: int
    call: Callable[..., Callable[[], Any]]
    result: Callable[..., Any]


KERNELS = {
    "copy": Kernel(1, 1, 0, lambda library, source, out: partial(library.copy, source, out), lambda source: source),
    "read": Kernel(1, 0, 1, lambda library, source: partial(library.total, source), np.sum),
    "write": Kernel(0, 1, 0, lambda library, out: partial(library.fill, out, SCALAR), lambda: SCALAR),
    "triad": Kernel(
        2, 1, 2, lambda library, b, c, out: partial(library.triad, b, c, SCALAR, out), lambda b, c: b + SCALAR * c
    ),
}


def work(case: Case) -> Work:
    """Return what one pass needs, in STREAM's bytes."""
    kernel, count = _kernel(case), elements(case)
    moved = (kernel.read + kernel.written) * count * ITEM_SIZES[case.dtype]
    return Work(flops=kernel.flops * count, bytes=moved, items=moved, item="bytes")


def traffic(case: Case) -> int:
    """Return the bytes that one pass moves where every store makes its line be read first."""
    kernel = _kernel(case)
    return (kernel.read + 2 * kernel.written) * elements(case) * ITEM_SIZES[case.dtype]


def elements(case: Case) -> int:
    """Return the elements of each array."""
    kernel = _kernel(case)
    return max(1, int(case.parameters["working_set"]) // ((kernel.read + kernel.written) * ITEM_SIZES[case.dtype]))


def prepare(case: Case, provider: Any, data_dir: Path) -> Prepared:
    """Fill arrays on the device, which gives them pages of their own; a step is one pass over them.

    What is read is random, drawn by the case's seed: what a GPU draws in power depends on the bits that change.
    """
    synchronize = partial(provider.synchronize, case.device)
    call = timing.calibrate(_step(case, provider, FEW_ELEMENTS), synchronize, target_s=CALL_SAMPLE_S)
    told = iter([{"call_s": call.step_s}])
    step = _step(case, provider, elements(case))
    return Prepared(step, synchronize, tell=lambda: next(told, {}), graph="none")


def check(case: Case, provider: Any, data_dir: Path, cache: Path | None = None) -> Equality:
    """Compare one pass with NumPy's in float64: exactly, for operands and results are small whole numbers."""
    kernel, count = _kernel(case), elements(case)
    generator = np.random.default_rng(case.seed)
    sources = [
        generator.integers(-LARGEST, LARGEST + 1, count, dtype=np.int8).astype(np.float64) for _ in range(kernel.read)
    ]
    arrays = [provider.array(source, case.device, case.dtype) for source in sources]
    arrays += [_filled(case, provider, count, UNTOUCHED) for _ in range(kernel.written)]
    answer = kernel.call(provider, *arrays)()
    provider.synchronize(case.device)
    expected, result = kernel.result(*sources), provider.host(arrays[-1] if kernel.written else answer)
    deviation = 0.0 if np.all(result == expected) else float(np.max(np.abs(result - expected)))
    bound = 0.0 if kernel.written else _rounding(case, sources[0])
    equal, name = deviation <= bound, case.parameters["kernel"]
    return Equality(equal, deviation, bound, name, None if equal else f"{name} is off by {deviation:.3g}")


def _rounding(case: Case, source: NDArray[np.float64]) -> float:
    """Return by how much a sum may be off, accumulated in float32 at least.

    Each thread may round the sum of its part to the dtype, and again on adding it to the others'. That changes nothing
    while no part's sum is beyond the whole numbers that the dtype holds.
    """
    unit = PRECISIONS[case.dtype].unit
    largest = float(np.ptp(np.cumsum(source))) + LARGEST  # of any part's sum
    return 0.0 if largest * unit <= 1 else 2 * case.threads * unit * largest


def _kernel(case: Case) -> Kernel:
    return KERNELS[case.parameters["kernel"]]


def _step(case: Case, provider: Any, count: int) -> Callable[[], Any]:
    kernel, generator = _kernel(case), np.random.default_rng(case.seed)
    drawn = (values.drawn(usual_operands(case.dtype), generator, (min(count, DRAWN),)) for _ in range(kernel.read))
    arrays = [provider.array(np.resize(one, count), case.device, case.dtype) for one in drawn]
    return kernel.call(provider, *arrays, *(_filled(case, provider, count, UNTOUCHED) for _ in range(kernel.written)))


def _filled(case: Case, provider: Any, count: int, value: float) -> Any:
    array = provider.empty((count,), case.device, case.dtype)
    provider.fill(array, value)
    return array
