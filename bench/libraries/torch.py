"""PyTorch: matmul is MKL's, oneDNN's or another BLAS's gemm on the CPU, cuBLAS's on CUDA.

Placing an operand has float32 products computed in float32, or in tf32 where that is the dtype asked for, and those of
half types summed in float32 throughout; so does ``set_products`` before each sample. Importing this file changes
nothing.

A matrix is handed on as it lies, with its leading dimension and transposed or not, and the result is written in
place: torch's profiler (2.15) sees no allocation in a product of float64, float32 or bfloat16 matrices on the CPU.
Stacks times a matrix are one product of all rows. Stacks times stacks go to the gemm as they lie in float64 and
float32; those in bfloat16 that oneDNN takes are first copied where rows are further apart than they are long, and that
is then in the time (is_mkldnn_optimized_format in aten/src/ATen/native/mkldnn/Matmul.cpp). int8 matrices are multiplied
by ``torch._int_mm``, which takes no stacks and writes a contiguous int32 result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench import placing
from bench.libraries.of_torch.cuda import captured, device_clock, last_cache, profiled, unavailable
from bench.libraries.of_torch.facts import facts
from mlp_impls.cuda.products import multiply_exactly

__all__ = [
    "ALIGNMENTS",
    "array",
    "captured",
    "conditions",
    "copy",
    "device_clock",
    "empty",
    "facts",
    "fill",
    "host",
    "last_cache",
    "matmul",
    "multiplying",
    "placed",
    "profiled",
    "refuses",
    "set_products",
    "synchronize",
    "total",
    "triad",
    "unsupported",
]

DTYPES = {
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
    "float64": torch.float64,
}
BY_NAME = DTYPES | {"tf32": torch.float32, "int8": torch.int8, "int32": torch.int32}
# gAlignment in c10/core/alignment.h; kMinBlockSize in c10/cuda/CUDACachingAllocator.h
ALIGNMENTS = {"cpu": 64, "cuda": 512}
TRIED = 64  # a kernel's demands on sizes: how small they may be, and what they must be multiples of

# What fp32_precision is called: "none" leaves it at the default.
PRODUCTS = {
    "none": "float32",
    "ieee": "float32",
    "tf32": "tf32",
    "bf16": "bfloat16",
}


def unsupported(device: str, dtype: str) -> str | None:
    """Return the reason why torch cannot multiply so here, or None."""
    if dtype not in (*DTYPES, "tf32", "int8"):
        return f"torch has no {dtype} here; expected one of {', '.join(DTYPES)}, tf32, int8"
    if device not in ("cpu", "cuda"):
        return f"unknown device {device}; expected cpu or cuda"
    if device == "cpu" and dtype == "tf32":
        return "tf32 is what CUDA's tensor cores multiply float32 numbers in: the CPU has none"
    reason = unavailable(dtype) if device == "cuda" else None
    return reason or refuses(device, dtype, TRIED, TRIED, TRIED)


def refuses(device: str, dtype: str, m: int, k: int, n: int) -> str | None:
    """Return the reason why matrices of these sizes cannot be multiplied, or None: int8 ones are tried out.

    On CUDA, m must be above 16, k and n multiples of 8 (checks of _int_mm in aten/src/ATen/native/cuda/Blas.cpp). What
    is tried is no larger than it takes to break such rules: of long sides, what is left over 64 and 64 more.
    """
    if dtype != "int8":
        return None
    m, k, n = (size if size < TRIED else TRIED + size % TRIED for size in (m, k, n))
    try:
        a, b = (torch.ones(shape, dtype=torch.int8, device=device) for shape in ((m, k), (k, n)))
        torch._int_mm(a, b)
        synchronize(device)
    except (AttributeError, NotImplementedError, RuntimeError) as error:
        return f"torch._int_mm: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
    return None


def set_products(device: str, dtype: str) -> None:
    """Have products of float32 tensors computed in tf32 where that is the dtype, else in float32, until set anew.

    Those of half types are summed in float32 throughout, which a GPU need not do by torch's default.
    """
    multiply_exactly(tf32=dtype == "tf32")


def array(values: NDArray[np.float64], device: str, dtype: str) -> torch.Tensor:
    """Return a copy of host values, rounded to the dtype, on the device; products are set to that dtype from now on."""
    set_products(device, dtype)
    return torch.tensor(values, device=device, dtype=BY_NAME[dtype])


def placed(
    values: NDArray[Any], device: str, dtype: str, *,
    leading: int | None = None, offset: int | None = None, transposed: bool = False,
) -> torch.Tensor:  # fmt: skip
    """Return a copy of matrices, rounded to the dtype, as a view of a larger buffer; see the contract."""
    stored = np.swapaxes(values, -1, -2) if transposed else values
    if leading is None and offset is None:
        found = array(np.ascontiguousarray(stored), device, dtype)  # or torch would keep the strides that it finds
    else:
        set_products(device, dtype)
        kind = BY_NAME[dtype]
        length = placing.span(stored.shape, leading) * kind.itemsize
        buffer = torch.empty(length + placing.PAGE + (offset or 0), dtype=torch.uint8, device=device)
        begin = placing.start(buffer.data_ptr(), offset, kind.itemsize)
        flat = buffer[begin : begin + length].view(kind)
        found = flat.as_strided(stored.shape, placing.strides(stored.shape, leading))
        found.copy_(torch.tensor(stored, dtype=kind))
    return found.transpose(-1, -2) if transposed else found


def empty(shape: tuple[int, ...], device: str, dtype: str) -> torch.Tensor:
    """Return an uninitialised tensor on the device."""
    return torch.empty(shape, device=device, dtype=BY_NAME[dtype])


def matmul(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor) -> None:
    """Write the product of a, (..., m, k), and b, (k, n) or (..., k, n), to out, (..., m, n)."""
    torch.matmul(a, b, out=out)


def multiplying(dtype: str) -> Callable[[torch.Tensor, torch.Tensor, torch.Tensor], object]:
    """Return what multiplies tensors of a dtype: ``matmul``, or, of int8, what writes int32."""
    return _multiply_int8 if dtype == "int8" else matmul


def _multiply_int8(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor) -> None:
    """Write the product of int8 matrices, (m, k) and (k, n), to out, (m, n), contiguous and of int32."""
    torch._int_mm(a, b, out=out)


def copy(source: torch.Tensor, target: torch.Tensor) -> None:
    """Write source to target."""
    target.copy_(source)


def fill(target: torch.Tensor, value: float) -> None:
    """Write a value to every element."""
    target.fill_(value)


def total(source: torch.Tensor) -> torch.Tensor:
    """Return the sum, a tensor of no dimensions on the source's device."""
    return torch.sum(source)


def triad(b: torch.Tensor, c: torch.Tensor, scale: float, out: torch.Tensor) -> None:
    """Write b + scale * c to out, in one pass."""
    torch.add(b, c, alpha=scale, out=out)


def host(array: torch.Tensor) -> NDArray[np.float64]:
    """Return a float64 copy on the host."""
    result: NDArray[np.float64] = array.to(device="cpu", dtype=torch.float64, copy=True).numpy()
    return result


def synchronize(device: str) -> None:
    """Return when all work handed to the device is done."""
    if device == "cuda":
        torch.cuda.synchronize()


def conditions(device: str) -> dict[str, Any]:
    """Return what steers torch's speed here: threads, precision of products, oneDNN; XLA it has none."""
    mkldnn = torch.backends.mkldnn
    found = {
        "threads": torch.get_num_threads(),
        "float32_products": _float32_products(device),
        "onednn": bool(device == "cpu" and mkldnn.is_available() and mkldnn.enabled),
        "xla": False,
    }
    return found | ({"half_sums": _half_sums()} if device == "cuda" else {})


def _float32_products(device: str) -> str | None:
    """Return what float32 products are computed in; None for a setting that this file does not know."""
    switches: Any = torch.backends.cuda.matmul if device == "cuda" else getattr(torch.backends.mkldnn, "matmul", None)
    if hasattr(switches, "fp32_precision"):
        return PRODUCTS.get(switches.fp32_precision)
    if device == "cuda":
        return "tf32" if switches.allow_tf32 else "float32"
    # Before fp32_precision, oneDNN computed in bfloat16 at "medium" and in float32 otherwise.
    return "bfloat16" if torch.get_float32_matmul_precision() == "medium" else "float32"


def _half_sums() -> str:
    """Return what sums of products of half types are kept in; the parts of a long one may be rounded in between."""
    switches = torch.backends.cuda.matmul
    reduced = switches.allow_fp16_reduced_precision_reduction or switches.allow_bf16_reduced_precision_reduction
    return "less than float32" if reduced else "float32"
