"""One product of activations by weights, done in larger matrices: what padding costs is in the step.

Parameters: ``m``, ``k`` and ``n``, a of (m, k) times b of (k, n), with ``stack``, 1; ``pad_m``, ``pad_k`` and
``pad_n``, the sizes that it is done in, none of them smaller; and ``copied``. The provider is a file of
``bench/libraries``.

What is added holds zeros, so that the first m rows and n columns of the larger result are the product; they are handed
on as a view. b, the weights, is padded once, before anything is timed. a arrives anew at every step: where ``copied``,
a step first copies it into the larger matrix; else it lies there already, as it does where what made it wrote it there.

Work is that of the product asked for, whatever it is padded to: ratios of cases are ratios of their times.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench import libraries
from bench.case import Case
from bench.equality import Equality
from bench.product_equality import compared
from bench.workloads import Prepared, Work, matmul

__all__ = ["check", "prepare", "unsupported", "work"]

CHECKED_PRODUCTS = 1 << 30  # multiplications of the float64 product: about a tenth of a second
LEAST_ROWS = 16


class _Placed(NamedTuple):
    """The operands on the device: a as it arrives, the matrices multiplied, the result and the parts that matter."""

    arriving: Any
    a: Any
    b: Any
    out: Any
    inside: Any
    result: Any


def work(case: Case) -> Work:
    """Return what the product asked for needs."""
    return matmul.work(case)


def unsupported(case: Case) -> str | None:
    """Return why the case's library cannot do this, or None: it takes copies into part of an array."""
    if hasattr(libraries.load(case.provider), "copy"):
        return None
    return f"{case.provider} cannot copy into part of an array, so that what padding costs cannot be measured in it"


def prepare(case: Case, provider: Any, data_dir: Path) -> Prepared:
    """Place random operands; a step is the copy, if any, and one product.

    Waking copies as well and multiplies b with a row and a with a column, as ``matmul`` does.
    """
    placed = _place(case, provider, *matmul.operands(case))
    m, k, n = _sizes(case, "pad_")
    row, column = (provider.array(np.ones(shape), case.device, case.dtype) for shape in ((1, k), (k, 1)))
    across, down = (provider.empty(shape, case.device, case.dtype) for shape in ((1, n), (m, 1)))

    def wake() -> None:
        if case.parameters["copied"]:
            provider.copy(placed.arriving, placed.inside)
        provider.matmul(row, placed.b, across)
        provider.matmul(placed.a, column, down)

    return Prepared(
        _step(case, provider, placed),
        lambda: provider.synchronize(case.device),
        matmul.setting_products(case, provider, wake),
        graph=getattr(provider, "GRAPH", "none"),
    )


def check(case: Case, provider: Any, data_dir: Path, cache: Path | None = None) -> Equality:
    """Compare the part of the result that matters with NumPy's product in float64.

    Large ones are compared in some rows: the first and last, where padding begins and ends, and others at random.
    """
    values = matmul.operands(case)
    placed = _place(case, provider, *values)
    _, k, n = _sizes(case)
    a, b = provider.host(placed.arriving), provider.host(placed.b)[:k, :n]
    if (wrong := matmul.misplaced(values, (a, b), case.dtype)) is not None:
        return wrong
    _step(case, provider, placed)()
    provider.synchronize(case.device)
    rows = _rows(case)
    return compared(provider.host(placed.result)[rows], a[rows], b, case.dtype)


def _place(case: Case, provider: Any, a: NDArray[np.float64], b: NDArray[np.float64]) -> _Placed:
    m, k, n = _sizes(case, "pad_")

    def place(values: NDArray[np.float64]) -> Any:
        return provider.array(values, case.device, case.dtype)

    copied = case.parameters["copied"]
    larger = place(np.zeros((m, k)) if copied else _padded(a, m, k))
    inside = larger[: a.shape[0], : a.shape[1]]
    out = provider.empty((m, n), case.device, case.dtype)
    result = out[: a.shape[0], : b.shape[1]]
    return _Placed(place(a) if copied else inside, larger, place(_padded(b, k, n)), out, inside, result)


def _step(case: Case, provider: Any, placed: _Placed) -> Callable[[], object]:
    """Return what a step calls, with as little around it as there can be."""
    copy, product = provider.copy, provider.matmul
    arriving, a, b, out, inside, _ = placed
    if not case.parameters["copied"]:
        return partial(product, a, b, out)

    def step() -> None:
        copy(arriving, inside)
        product(a, b, out)

    return step


def _padded(values: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    """Return a matrix with zeros added below and to the right."""
    return np.pad(values, ((0, rows - values.shape[0]), (0, columns - values.shape[1])))


def _rows(case: Case) -> NDArray[np.int64]:
    """Return the rows that are compared: all of them, or as many as take a moment."""
    m, k, n = _sizes(case)
    count = max(LEAST_ROWS, CHECKED_PRODUCTS // (k * n))
    if count >= m:
        return np.arange(m)
    drawn = np.random.default_rng(case.seed).choice(m, count, replace=False)
    return np.unique([0, m - 1, *drawn])


def _sizes(case: Case, prefix: str = "") -> tuple[int, int, int]:
    m, k, n = (int(case.parameters[prefix + name]) for name in "mkn")
    return m, k, n
