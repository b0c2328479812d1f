"""TensorFlow: matmul is oneDNN's or Eigen's gemm on the CPU, cuBLAS's on CUDA.

TensorFlow's tensors cannot be written to, and its variables only by one operation more, which takes longer than a small
product. So ``out`` is a holder, which lets the last product go before it takes the next: TensorFlow then finds that
memory free, as ``out=`` does elsewhere. The product is that of ``tf.linalg.matmul`` called eagerly: nothing can be left
out of it, as could be of a graph. Placing an operand switches tf32 off; importing this file changes nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.util import _pywrap_util_port

from bench import kernel_probes
from bench.hardware import Facts, ask, fact, unknown

__all__ = ["Out", "array", "conditions", "empty", "facts", "host", "matmul", "synchronize", "unsupported"]

DTYPES = ("float16", "bfloat16", "float32", "float64")
DEVICES = {"cpu": "/CPU:0", "cuda": "/GPU:0"}
BFLOAT16_CAPABILITY = (8, 0)  # the first with bfloat16 arithmetic; below it is emulated (CUDA C++ Programming Guide)
THREADS_SOURCE = "tf.config.threading, else TensorFlow's environment variables"

MULTIPLY = """
import tensorflow as tf
for name in dtypes:
    print("dtype", name, flush=True)
    with tf.device("/CPU:0"):
        a = tf.ones((64, 64), name)
        tf.linalg.matmul(a, a)
"""


class Out:
    """What a product is written to: another tensor takes the place of the last."""

    __slots__ = ("scope", "tensor")

    def __init__(self, scope: str | None) -> None:
        self.scope = scope  # where to compute, or None where TensorFlow does so by itself
        self.tensor: tf.Tensor | None = None


def unsupported(device: str, dtype: str) -> str | None:
    """Return the reason why TensorFlow cannot multiply so here, or None."""
    if dtype not in DTYPES:
        return f"TensorFlow has no {dtype} here; expected one of {', '.join(DTYPES)}"
    if device == "cpu":
        return None
    if device != "cuda":
        return f"unknown device {device}; expected cpu or cuda"
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        cuda = tf.test.is_built_with_cuda()
        return "TensorFlow sees no CUDA device" if cuda else "this TensorFlow was built without CUDA"
    details = tf.config.experimental.get_device_details(gpus[0])
    if dtype == "bfloat16" and details.get("compute_capability", BFLOAT16_CAPABILITY) < BFLOAT16_CAPABILITY:
        return f"{details.get('device_name')} has no bfloat16 arithmetic"
    return None


def array(values: NDArray[np.float64], device: str, dtype: str) -> tf.Tensor:
    """Return a copy of host values, rounded to the dtype, on the device; float32 products are float32 from now on."""
    tf.config.experimental.enable_tensor_float_32_execution(False)
    with tf.device(DEVICES[device]):
        return tf.cast(tf.constant(values), dtype)


def empty(shape: tuple[int, ...], device: str, dtype: str) -> Out:
    """Return a holder of nothing yet."""
    # TensorFlow takes even what is on the CPU to a GPU, if there is one; saying where costs a fifth of a small product.
    default = device == "cuda" or not tf.config.list_physical_devices("GPU")
    return Out(None if default else DEVICES[device])


def matmul(a: tf.Tensor, b: tf.Tensor, out: Out) -> None:
    """Put the product of a, (..., m, k), and b, (k, n), in out, (..., m, n)."""
    out.tensor = None
    if out.scope is None:
        out.tensor = tf.linalg.matmul(a, b)
    else:
        with tf.device(out.scope):
            out.tensor = tf.linalg.matmul(a, b)


def host(array: tf.Tensor | Out) -> NDArray[np.float64]:
    """Return a float64 copy on the host."""
    tensor = array.tensor if isinstance(array, Out) else array
    with tf.device(DEVICES["cpu"]):
        return tf.cast(tensor, tf.float64).numpy()


def synchronize(device: str) -> None:
    """Return when all work handed to the device is done; the CPU's is when an operation returns."""
    if device == "cuda":
        tf.test.experimental.sync_devices()


def conditions(device: str) -> dict[str, Any]:
    """Return what steers TensorFlow's speed here; the precision of float32 products is tried out on the device.

    XLA is that of all graphs: an implementation's own use of it is told by its model.
    """
    return {
        "threads": _threads("intra"),
        "float32_products": _float32_products(device),
        "onednn": _pywrap_util_port.IsMklEnabled(),
        "xla": bool(tf.config.optimizer.get_jit()),
    }


def facts() -> Facts:
    """Return TensorFlow's version and build, the kernels oneDNN chose, threads, precision of products and GPUs."""
    return (
        {"version": fact(tf.__version__, "tf.__version__")}
        | _build()
        | _kernels(_kernel_log)
        | {
            "threads": ask(THREADS_SOURCE, lambda: _threads("intra")),
            "interop_threads": ask(THREADS_SOURCE, lambda: _threads("inter")),
            "tf32": ask("tf.config", tf.config.experimental.tensor_float_32_execution_enabled),
        }
        | _gpus()
    )


def _threads(pool: str) -> int | None:
    """Return the size of a pool, ``intra`` or ``inter``, as TensorFlow decides it: none told, it is the processors'."""
    told: int = getattr(tf.config.threading, f"get_{pool}_op_parallelism_threads")()
    given = os.environ.get(f"TF_NUM_{pool.upper()}OP_THREADS", "")
    return told or (int(given) if given.isdecimal() else 0) or None


def _float32_products(device: str) -> str | None:
    """Return what float32 products are computed in, by the digits of a number that one with ones and zeros leaves."""
    with tf.device(DEVICES[device]):
        numbers = tf.fill((kernel_probes.PROBE_SIZE, kernel_probes.PROBE_SIZE), max(kernel_probes.DIGITS))
        return kernel_probes.DIGITS.get(float(tf.linalg.matmul(numbers, tf.eye(kernel_probes.PROBE_SIZE))[0, 0]))


def _build() -> Facts:
    """Return what the build says of its compiler, oneDNN, XLA and CUDA."""
    built = tf.sysconfig.get_build_info()
    return {
        "compiler": ask("tf.version", lambda: tf.version.COMPILER_VERSION),
        "onednn_enabled": ask("IsMklEnabled", _pywrap_util_port.IsMklEnabled),
        "xla_built": ask("IsBuiltWithXLA", _pywrap_util_port.IsBuiltWithXLA),
        "cuda_version": ask("tf.sysconfig.get_build_info", lambda: built.get("cuda_version")),
        "cudnn_version": ask("tf.sysconfig.get_build_info", lambda: built.get("cudnn_version")),
    }


def _kernel_log() -> str:
    """Return what oneDNN logs of one small CPU matmul per dtype."""
    return kernel_probes.read_log(MULTIPLY, DTYPES, {"ONEDNN_VERBOSE": "1"})


def _kernels(read_log: Callable[[], str]) -> Facts:
    """Return oneDNN's version, the instruction set it chose, and its kernel for each dtype on the CPU."""
    source = "log of a 64 x 64 matmul (ONEDNN_VERBOSE)"
    asked = ask(source, read_log)
    names = [f"{dtype}_kernel" for dtype in DTYPES]
    if asked["value"] is None:
        return {name: unknown(asked["source"]) for name in ("onednn_version", "onednn_architecture", *names)}
    log: str = asked["value"]
    sections = kernel_probes.sections(log)
    return {
        "onednn_version": ask(source, lambda: kernel_probes.first(r"info,oneDNN v([\d.]+)", log)),
        "onednn_architecture": ask(source, lambda: kernel_probes.first(r"info,cpu,isa:(.+)", log)),
    } | {f"{dtype}_kernel": ask(source, partial(_kernel, sections.get(dtype, ""))) for dtype in DTYPES}


def _kernel(section: str) -> str:
    # TensorFlow may multiply in another dtype and round: the first operand's is told too.
    found = re.search(r"primitive,exec,cpu,(?:matmul,([^,]+)|(gemm_api)),.*?\bsrc\w*?[:_](\w+?):", section)
    if found is None:
        raise LookupError("oneDNN logged none: Eigen's own kernel")
    return f"oneDNN {found[1] or found[2]} of {found[3]}"


def _gpus() -> Facts:
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return {"gpus": unknown(unsupported("cuda", "float32") or "no CUDA device")}
    found: Facts = {"gpus": fact(len(gpus), "tf.config.list_physical_devices")}
    for index, gpu in enumerate(gpus):
        details = tf.config.experimental.get_device_details(gpu)
        for name in ("device_name", "compute_capability"):
            found[f"gpu{index}_{name}"] = ask("tf.config.experimental.get_device_details", partial(details.get, name))
    return found
