"""NumPy: matmul is its BLAS's gemm.

It hands its BLAS any matrix as it lies, with its leading dimension and transposed or not, as long as the elements of a
stored row are next to one another and aligned to their own size; all that ``placed`` gives are. Others it copies first
(is_blasable2d in numpy/_core/src/umath/matmul.c.src). Stacks it multiplies matrix by matrix.

It has no triad: b + scale * c takes it two passes, over five arrays in place of three.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import placing, threadpools
from bench.hardware import Fact, Facts, ask, fact

__all__ = [
    "ALIGNMENTS",
    "array",
    "conditions",
    "copy",
    "empty",
    "facts",
    "fill",
    "host",
    "matmul",
    "placed",
    "synchronize",
    "total",
    "unsupported",
]

DTYPES = ("float32", "float64")
LOOPS = ("float16", "int8")
ALIGNMENTS = {"cpu": 16}  # that of malloc, which NumPy takes its memory from, on all 64-bit systems
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


def unsupported(device: str, dtype: str) -> str | None:
    """Return the reason why NumPy cannot multiply so, or None."""
    if device != "cpu":
        return f"NumPy computes on the CPU only, not on {device}"
    if dtype in LOOPS:
        return f"NumPy has no BLAS for {dtype}: its matmul is a plain loop"
    return None if dtype in DTYPES else f"NumPy has no {dtype}"


def array(values: NDArray[np.float64], device: str, dtype: str) -> NDArray[Any]:
    """Return a copy of host values rounded to the dtype."""
    return np.array(values, dtype=dtype, order="C")


def placed(
    values: NDArray[Any], device: str, dtype: str, *,
    leading: int | None = None, offset: int | None = None, transposed: bool = False,
) -> NDArray[Any]:  # fmt: skip
    """Return a copy of matrices, rounded to the dtype, as a view of a larger buffer; see the contract."""
    stored = np.swapaxes(values, -1, -2) if transposed else values
    if leading is None and offset is None:
        found = array(stored, device, dtype)
    else:
        kind = np.dtype(dtype)
        count = placing.span(stored.shape, leading)
        buffer = np.empty(count * kind.itemsize + placing.PAGE + (offset or 0), dtype=np.uint8)
        begin = placing.start(buffer.ctypes.data, offset, kind.itemsize)
        steps = [kind.itemsize * step for step in placing.strides(stored.shape, leading)]
        found = np.ndarray(stored.shape, kind, buffer, begin, steps)
        found[...] = stored
    return np.swapaxes(found, -1, -2) if transposed else found


def empty(shape: tuple[int, ...], device: str, dtype: str) -> NDArray[Any]:
    """Return an uninitialised array."""
    return np.empty(shape, dtype=dtype)


def matmul(a: NDArray[Any], b: NDArray[Any], out: NDArray[Any]) -> None:
    """Write the product of a, (..., m, k), and b, (k, n) or (..., k, n), to out, (..., m, n)."""
    np.matmul(a, b, out=out)


def copy(source: NDArray[Any], target: NDArray[Any]) -> None:
    """Write source to target."""
    np.copyto(target, source)


def fill(target: NDArray[Any], value: float) -> None:
    """Write a value to every element."""
    target.fill(value)


def total(source: NDArray[Any]) -> Any:
    """Return the sum, added pairwise in the array's dtype."""
    return np.add.reduce(source)


def host(array: NDArray[Any]) -> NDArray[np.float64]:
    """Return a float64 copy."""
    return array.astype(np.float64)


def synchronize(device: str) -> None:
    """Return at once: NumPy has finished when it returns."""


def facts() -> Facts:
    """Return NumPy's version, its BLAS, and the kernels and threads that the BLAS chose here."""
    return {"version": fact(np.__version__, "numpy.__version__")} | _built() | _chosen()


def conditions(device: str) -> dict[str, Any]:
    """Return what steers NumPy's speed here; its BLAS keeps to the precision of its operands."""
    return {"threads": _threads(), "float32_products": "float32", "onednn": False, "xla": False}


def _threads() -> int | None:
    """Return the BLAS's threads, or, where it cannot be asked, what the environment tells it."""
    try:
        return int(threadpools.loaded("blas", "numpy")["num_threads"])
    except (ImportError, LookupError):
        told = (os.environ.get(name, "") for name in THREAD_VARIABLES)
        return next((int(value) for value in told if value.isdecimal()), None)


def _built() -> Facts:
    def asked(question: Callable[[Mapping[str, Any]], Any]) -> Fact:
        return ask("numpy.show_config", lambda: question(np.show_config(mode="dicts")))

    return {
        "blas": asked(lambda config: config["Build Dependencies"]["blas"]["name"]),
        "blas_build": asked(lambda config: _words(config["Build Dependencies"]["blas"].get("openblas configuration"))),
        "simd": asked(lambda config: config["SIMD Extensions"]["baseline"] + config["SIMD Extensions"]["found"]),
    }


def _chosen() -> Facts:
    def asked(key: str) -> Fact:
        return ask("threadpoolctl", lambda: threadpools.loaded("blas", "numpy").get(key))

    return {
        "blas_loaded": asked("internal_api"),
        "blas_version": asked("version"),
        "blas_architecture": asked("architecture"),
        "blas_threading": asked("threading_layer"),
        "threads": asked("num_threads"),
    }


def _words(text: str | None) -> str | None:
    return None if text is None else " ".join(text.split())
