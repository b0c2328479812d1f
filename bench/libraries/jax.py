"""JAX: matmul is what XLA makes of ``jax.numpy.matmul``: on a CPU YNNPACK's, Eigen's or its own code, on CUDA cuBLAS's.

JAX's arrays cannot be written to. So ``out`` is a holder, whose array is donated to the product, which is compiled once
per shape: XLA puts the result where that array was, as ``out=`` does elsewhere, and the holder takes it over. Placing
an operand has JAX permit float64, multiply float32 in float32 and compute on the calling thread of a CPU, which JAX
does only if it has computed nothing before; importing this file changes nothing.
"""

from __future__ import annotations

import functools
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from bench import kernel_probes
from bench.hardware import Facts, ask, fact

__all__ = ["Out", "array", "conditions", "empty", "facts", "host", "matmul", "synchronize", "unsupported"]

GRAPH = "jax.jit of the product, result donated"
DTYPES = ("float16", "bfloat16", "float32", "float64")
BFLOAT16_CAPABILITY = 8.0  # the first with bfloat16 arithmetic; below it is emulated (CUDA C++ Programming Guide)
TASKS = Path("/proc/self/task")
POOL = "tf_XLAEigen"  # what XLA calls the threads that compute on a CPU
LIBRARIES = {"__ynn": "YNNPACK", "__xnn": "XNNPACK", "__onednn": "oneDNN"}  # as compiled code marks calls of them


class Out:
    """An array to write to: another takes its place."""

    __slots__ = ("array", "device")

    def __init__(self, array: jax.Array, device: str) -> None:
        self.array = array
        self.device = device


_last: dict[str, Out] = {}  # where the last product on each device went


def unsupported(device: str, dtype: str) -> str | None:
    """Return the reason why JAX cannot multiply so here, or None."""
    if dtype not in DTYPES:
        return f"JAX has no {dtype} here; expected one of {', '.join(DTYPES)}"
    if device not in ("cpu", "cuda"):
        return f"unknown device {device}; expected cpu or cuda"
    try:
        found = _device(device)
    except RuntimeError:  # JAX's answer where there is none
        return f"JAX sees no {device.upper()} device"
    if device == "cuda" and dtype == "bfloat16" and float(found.compute_capability) < BFLOAT16_CAPABILITY:
        return f"{found.device_kind} has no bfloat16 arithmetic"
    return None


def array(values: NDArray[np.float64], device: str, dtype: str) -> jax.Array:
    """Return a copy of host values, rounded to the dtype, on the device."""
    return jax.device_put(np.array(values, dtype=jnp.dtype(dtype)), _device(device))


def empty(shape: tuple[int, ...], device: str, dtype: str) -> Out:
    """Return a holder of an array that NumPy left uninitialised: JAX would compile code that makes zeros."""
    return Out(jax.device_put(np.empty(shape, dtype=jnp.dtype(dtype)), _device(device)), device)


def matmul(a: jax.Array, b: jax.Array, out: Out) -> None:
    """Write the product of a, (..., m, k), and b, (k, n), to out, (..., m, n); it may not be computed yet."""
    out.array = _product(a, b, out.array)
    _last[out.device] = out


@functools.partial(jax.jit, donate_argnums=2, keep_unused=True)
def _product(a: jax.Array, b: jax.Array, out: jax.Array) -> jax.Array:
    # Asked for bfloat16, XLA on a CPU would first make float32 matrices of the factors.
    sums = jnp.promote_types(out.dtype, jnp.float32)
    return jnp.matmul(a, b, preferred_element_type=sums).astype(out.dtype)


def host(array: jax.Array | Out) -> NDArray[np.float64]:
    """Return a float64 copy on the host."""
    return np.array(array.array if isinstance(array, Out) else array, dtype=np.float64)


def synchronize(device: str) -> None:
    """Return when the last product on the device is there: it computes one after the other."""
    last = _last.get(device)
    (jax.device_put(0.0, _device(device)) if last is None else last.array).block_until_ready()


def conditions(device: str) -> dict[str, Any]:
    """Return what steers JAX's speed here; the precision of float32 products is tried out on the device."""
    return {
        "threads": _threads() or None,
        "float32_products": _float32_products(device),
        "onednn": "__onednn" in _compiled("float32"),
        "xla": True,
    }


def facts() -> Facts:
    """Return JAX's and XLA's versions, their devices, the kernels XLA chose on the CPU, threads, and switches set."""
    return (
        {
            "version": fact(jax.__version__, "jax.__version__"),
            "jaxlib_version": ask("importlib.metadata", lambda: metadata.version("jaxlib")),
        }
        | _devices()
        | {f"{dtype}_kernel": ask("XLA's code of a matmul", functools.partial(_kernel, dtype)) for dtype in DTYPES}
        | {
            "threads": ask(f"threads called {POOL}", lambda: _threads() or None),
        }
    )


def _device(device: str) -> jax.Device:
    """Return the device, with JAX set up as this file computes. Raises RuntimeError where there is none."""
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_default_matmul_precision", "highest")
    jax.config.update("jax_cpu_enable_async_dispatch", False)  # read when JAX first looks for devices
    return jax.devices(device)[0]


def _threads() -> int:
    """Return how many threads of this process compute for XLA on the CPU; JAX has no answer of its own."""
    jax.devices("cpu")  # starts them
    return sum(path.read_text().strip() == POOL for path in TASKS.glob("*/comm"))


def _float32_products(device: str) -> str | None:
    """Return what float32 products are computed in, by the digits of a number that one with ones and zeros leaves."""
    numbers = np.full((kernel_probes.PROBE_SIZE, kernel_probes.PROBE_SIZE), max(kernel_probes.DIGITS), dtype=np.float32)
    placed = jax.device_put((numbers, np.eye(kernel_probes.PROBE_SIZE, dtype=np.float32)), jax.devices(device)[0])
    return kernel_probes.DIGITS.get(float(jnp.matmul(*placed)[0, 0]))


@functools.cache
def _compiled(dtype: str) -> str:
    """Return what XLA compiles a CPU's product to."""
    cpu = jax.sharding.SingleDeviceSharding(jax.devices("cpu")[0])
    operand = jax.ShapeDtypeStruct((kernel_probes.PROBE_SIZE, kernel_probes.PROBE_SIZE), dtype, sharding=cpu)
    return str(_product.lower(operand, operand, operand).compile().as_text())


def _kernel(dtype: str) -> str:
    with jax.enable_x64(True):
        code = _compiled(dtype)
    return next((name for mark, name in LIBRARIES.items() if mark in code), "Eigen or XLA's own")


def _devices() -> Facts:
    return {
        "devices": ask("jax.devices", lambda: ", ".join(device.device_kind for device in jax.devices())),
        "platform_version": ask("jax.devices", lambda: jax.devices()[0].client.platform_version),
    }
