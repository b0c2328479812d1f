"""MXNet: matmul is ``mxnet.np.dot``, which is the gemm of the BLAS that it was built with.

oneDNN serves ``fully_connected`` only, which wants b transposed: that is no product of a and b, but what Gluon's layers
use. ``dot`` takes a stack of matrices as one tall matrix, where ``matmul`` goes matrix by matrix; for a plain matrix
the two are the same call to the BLAS.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from mxnet import __version__, base, context, npx, runtime
from mxnet import np as mnp
from numpy.typing import NDArray

from bench import kernel_probes, threadpools
from bench.hardware import Fact, Facts, ask, fact, unknown

__all__ = ["array", "conditions", "empty", "facts", "host", "matmul", "synchronize", "unsupported"]

DTYPES = ("float32", "float64")
BLAS = {"BLAS_OPEN": "openblas", "BLAS_MKL": "mkl", "BLAS_ATLAS": "atlas", "BLAS_APPLE": "accelerate"}

LAYER = """
import warnings
warnings.simplefilter("ignore")
from mxnet import np, npx
a = np.ones((64, 64))
npx.fully_connected(a, a, no_bias=True, num_hidden=64)
npx.waitall()
"""


def unsupported(device: str, dtype: str) -> str | None:
    """Return the reason why MXNet cannot multiply so here, or None."""
    if device not in ("cpu", "cuda"):
        return f"unknown device {device}; expected cpu or cuda"
    if device == "cuda" and not context.num_gpus():
        built = runtime.Features().is_enabled("CUDA")
        return "MXNet finds no CUDA device" if built else "this MXNet was built without CUDA"
    if dtype == "float16" and device == "cpu":
        return "MXNet multiplies float16 matrices on CUDA only"
    if dtype == "bfloat16":
        return "mxnet.np has no bfloat16 arrays"
    return None if dtype in DTYPES else f"MXNet multiplies no {dtype} here; expected one of {', '.join(DTYPES)}"


def array(values: NDArray[np.float64], device: str, dtype: str) -> mnp.ndarray:
    """Return a copy of host values, rounded to the dtype, on the device."""
    return mnp.array(values, dtype=dtype, ctx=_context(device))


def empty(shape: tuple[int, ...], device: str, dtype: str) -> mnp.ndarray:
    """Return an uninitialised array on the device."""
    return mnp.empty(shape, dtype=dtype, ctx=_context(device))


def matmul(a: mnp.ndarray, b: mnp.ndarray, out: mnp.ndarray) -> None:
    """Hand the product of a, (..., m, k), and b, (k, n), to the engine, to be written to out, (..., m, n)."""
    mnp.dot(a, b, out=out)


def host(array: mnp.ndarray) -> NDArray[np.float64]:
    """Return a float64 copy on the host; waits for the engine."""
    result: NDArray[np.float64] = array.asnumpy().astype(np.float64)
    return result


def synchronize(device: str) -> None:
    """Return when the engine, which computes while Python goes on, has done all work handed to it."""
    npx.waitall()


def conditions(device: str) -> dict[str, Any]:
    """Return what steers MXNet's speed here; oneDNN has the products of layers, and leaves ``dot`` to the BLAS."""
    return {
        "threads": _threads(),
        "float32_products": _float32_products(device),
        "onednn": _onednn_enabled(),
        "xla": False,
    }


def facts() -> Facts:
    """Return MXNet's version and features, its BLAS and oneDNN with the kernels they chose, and threads."""
    return (
        {
            "version": fact(__version__, "mxnet.__version__"),
            "features": ask("mxnet.runtime.Features", lambda: " ".join(_features())),
        }
        | _blas()
        | _onednn(_kernel_log)
        | _threading()
    )


def _context(device: str) -> context.Context:
    return context.cpu() if device == "cpu" else context.gpu()


def _threads() -> int | None:
    """Return OpenMP's threads, which BLAS, oneDNN and MXNet's own kernels share.

    Without ``OMP_NUM_THREADS`` the engine gives its workers a number of its own, which cannot be asked.
    """
    if not os.environ.get("OMP_NUM_THREADS") or not hasattr(base._LIB, "omp_get_max_threads"):
        return None
    return int(base._LIB.omp_get_max_threads())


def _float32_products(device: str) -> str | None:
    """Return what float32 products are computed in; None where MXNet cannot tell, or oneDNN was allowed to choose."""
    strict = os.environ.get("DNNL_DEFAULT_FPMATH_MODE", "STRICT").upper() == "STRICT"
    return "float32" if device == "cpu" and strict else None


def _onednn_enabled() -> bool:
    switched_off = os.environ.get("MXNET_MKLDNN_ENABLED", "1").lower() in ("0", "false")
    return bool(runtime.Features().is_enabled("MKLDNN")) and not switched_off


def _features() -> list[str]:
    features = runtime.Features()
    return [name for name in features if features.is_enabled(name)]


def _blas() -> Facts:
    """Return the BLAS that MXNet was built with, and the kernels it chose here."""

    def asked(key: str) -> Fact:
        return ask("threadpoolctl", lambda: threadpools.loaded("blas", "mxnet").get(key))

    return {
        "blas": ask("mxnet.runtime.Features", lambda: next((BLAS[name] for name in _features() if name in BLAS), None)),
        "blas_version": asked("version"),
        "blas_architecture": asked("architecture"),
        "blas_threading": asked("threading_layer"),
    }


def _onednn(read_log: Callable[[], str]) -> Facts:
    """Return whether oneDNN is used, its version, its instruction set, and its kernel for a layer's product."""
    source = "log of a 64 x 64 fully_connected (DNNL_VERBOSE)"
    patterns = {
        "onednn_version": r"info,oneDNN v([\d.]+)",
        "onednn_architecture": r"info,cpu,isa:(.+)",
        "float32_layer_kernel": r"exec,cpu,inner_product,([^,]+)",
    }
    enabled = {"onednn_enabled": ask("mxnet.runtime.Features, MXNET_MKLDNN_ENABLED", _onednn_enabled)}
    asked = ask(source, read_log)
    if asked["value"] is None:
        return enabled | {name: unknown(asked["source"]) for name in patterns}
    return enabled | {
        name: ask(source, partial(kernel_probes.first, one, asked["value"])) for name, one in patterns.items()
    }


def _kernel_log() -> str:
    """Return what oneDNN logs of one small layer."""
    return kernel_probes.read_log(LAYER, ["float32"], {"DNNL_VERBOSE": "1"})


def _threading() -> Facts:
    return {
        "threads": ask("omp_get_max_threads", _threads),
        "openmp": ask("threadpoolctl", lambda: threadpools.loaded("openmp", "mxnet")["prefix"]),
    }
