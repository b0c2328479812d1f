"""PyTorch: matmul is MKL's, oneDNN's or another BLAS's gemm on the CPU, cuBLAS's on CUDA.

Placing an operand has float32 products computed in float32, or in tf32 where that is the dtype asked for, and so does
``set_products`` before each sample; importing this file changes nothing.

A matrix is handed on as it lies, with its leading dimension and transposed or not, and the result is written in
place: torch's profiler (2.15) sees no allocation in a product of float64, float32 or bfloat16 matrices on the CPU.
Stacks times a matrix are one product of all rows. Stacks times stacks go to the gemm as they lie in float64 and
float32; those in bfloat16 that oneDNN takes are first copied where rows are further apart than they are long, and that
is then in the time (is_mkldnn_optimized_format in aten/src/ATen/native/mkldnn/Matmul.cpp). int8 matrices are multiplied
by ``torch._int_mm``, which takes no stacks and writes a contiguous int32 result.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench import kernel_probes, placing, threadpools
from bench.hardware import Fact, Facts, ask, fact, unknown

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
BFLOAT16_CAPABILITY = (8, 0)  # the first with bfloat16 arithmetic; below it is emulated (CUDA C++ Programming Guide)
TF32_CAPABILITY = (8, 0)  # likewise
# gAlignment in c10/core/alignment.h; kMinBlockSize in c10/cuda/CUDACachingAllocator.h
ALIGNMENTS = {"cpu": 64, "cuda": 512}
TRIED = 64  # a kernel's demands on sizes: how small they may be, and what they must be multiples of

MULTIPLY = """
import torch
for name in dtypes:
    print("dtype", name, flush=True)
    a = torch.ones(64, 64, dtype=getattr(torch, name))
    a @ a
"""

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
    if device == "cuda":
        reason = _no_cuda(dtype)
        if reason is not None:
            return reason
    return refuses(device, dtype, TRIED, TRIED, TRIED)


def _no_cuda(dtype: str) -> str | None:
    if not torch.cuda.is_available():
        return "torch finds no CUDA device" if torch.version.cuda else "this torch was built without CUDA"
    needed = {"bfloat16": BFLOAT16_CAPABILITY, "tf32": TF32_CAPABILITY}.get(dtype)
    if needed is not None and torch.cuda.get_device_capability() < needed:
        return f"{torch.cuda.get_device_name()} has no {dtype} arithmetic"
    return None


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
    """Have products of float32 tensors computed in tf32 where that is the dtype, else in float32, until set anew."""
    torch.set_float32_matmul_precision("high" if dtype == "tf32" else "highest")


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
    """Return what steers torch's speed here: threads, precision of float32 products, oneDNN; XLA it has none."""
    mkldnn = torch.backends.mkldnn
    return {
        "threads": torch.get_num_threads(),
        "float32_products": _float32_products(device),
        "onednn": bool(mkldnn.is_available() and mkldnn.enabled),
        "xla": False,
    }


def _float32_products(device: str) -> str | None:
    """Return what float32 products are computed in; None for a setting that this file does not know."""
    switches: Any = torch.backends.cuda.matmul if device == "cuda" else getattr(torch.backends.mkldnn, "matmul", None)
    if hasattr(switches, "fp32_precision"):
        return PRODUCTS.get(switches.fp32_precision)
    if device == "cuda":
        return "tf32" if switches.allow_tf32 else "float32"
    # Before fp32_precision, oneDNN computed in bfloat16 at "medium" and in float32 otherwise.
    return "bfloat16" if torch.get_float32_matmul_precision() == "medium" else "float32"


def facts() -> Facts:
    """Return torch's version, its libraries, the kernels they chose, threads, precision switches and GPUs."""
    return (
        {"version": fact(torch.__version__, "torch.__version__")}
        | _libraries(torch.__config__.show())
        | _kernels(_kernel_log)
        | _threads()
        | _precision()
        | _cuda()
    )


def _libraries(config: str) -> Facts:
    """Return what the build's description says of BLAS and oneDNN."""

    def found(pattern: str) -> Fact:
        return ask("torch.__config__", lambda: next(iter(re.findall(pattern, config)), None))

    blas = found(r"\bBLAS_INFO=(\w+)")
    from_mkl = found(r"Math Kernel Library Version (\S+(?: Build \d+)?)")
    from_pool = ask("threadpoolctl", lambda: threadpools.loaded("blas", "torch").get("version"))
    return {
        "blas": blas,
        "blas_version": from_mkl if blas["value"] == "mkl" else from_pool,
        "onednn_version": found(r"(?:MKL-DNN|oneDNN) v([\d.]+)"),
        "onednn_available": ask("torch.backends.mkldnn", torch.backends.mkldnn.is_available),
        "onednn_enabled": ask("torch.backends.mkldnn", lambda: bool(torch.backends.mkldnn.enabled)),
        "cpu_capability": ask("torch.backends.cpu", torch.backends.cpu.get_cpu_capability),
    }


def _kernel_log() -> str:
    """Return what MKL and oneDNN log of one small CPU matmul per dtype."""
    return kernel_probes.read_log(MULTIPLY, list(DTYPES), {"MKL_VERBOSE": "1", "ONEDNN_VERBOSE": "1"})


def _kernels(read_log: Callable[[], str]) -> Facts:
    """Return the instruction sets MKL and oneDNN chose, and whose kernel serves each dtype on the CPU."""
    source = "log of a 64 x 64 matmul (MKL_VERBOSE, ONEDNN_VERBOSE)"
    asked = ask(source, read_log)
    names = [f"{dtype}_kernel" for dtype in DTYPES]
    if asked["value"] is None:
        return {name: unknown(asked["source"]) for name in ("blas_architecture", "onednn_architecture", *names)}
    log: str = asked["value"]
    sections = kernel_probes.sections(log)
    return {
        "blas_architecture": _blas_architecture(log, source),
        "onednn_architecture": ask(source, lambda: kernel_probes.first(r"info,cpu,isa:(.+)", log)),
    } | {f"{dtype}_kernel": ask(source, partial(_kernel, sections.get(dtype, ""))) for dtype in DTYPES}


def _blas_architecture(log: str, source: str) -> Fact:
    mkl = ask(
        source, lambda: kernel_probes.first(r"MKL_VERBOSE .* for Intel\(R\) 64 architecture (.+?), \w+ [\d.]+GHz", log)
    )
    if mkl["value"] is not None:
        return mkl
    return ask("threadpoolctl", lambda: threadpools.loaded("blas", "torch").get("architecture"))


def _kernel(section: str) -> str:
    onednn = kernel_probes.first(r"primitive,exec,cpu,(?:matmul|inner_product),([^,]+)", section)
    mkl = kernel_probes.first(r"MKL_VERBOSE (\w*GEMM\w*)\(", section)
    if onednn or mkl:
        return f"oneDNN {onednn}" if onednn else f"MKL {mkl}"
    raise LookupError("neither of them logged it: torch's own kernel, or another library's")


def _threads() -> Facts:
    return {
        "threads": ask("torch.get_num_threads", torch.get_num_threads),
        "interop_threads": ask("torch.get_num_interop_threads", torch.get_num_interop_threads),
        "parallel_backend": ask(
            "torch.__config__",
            lambda: kernel_probes.first(r"ATen parallel backend: (.+)", torch.__config__.parallel_info()),
        ),
        "openmp": ask("threadpoolctl", lambda: threadpools.loaded("openmp", "torch")["prefix"]),
    }


def _precision() -> Facts:
    """Return the switches that make products of float32 and half types less precise than their dtype."""
    questions: dict[str, Callable[[], Any]] = {
        "float32_matmul_precision": torch.get_float32_matmul_precision,
        "tf32_matmul": lambda: torch.backends.cuda.matmul.allow_tf32,
        "tf32_cudnn": lambda: torch.backends.cudnn.allow_tf32,
        "float16_reduced_reduction": lambda: torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction,
        "bfloat16_reduced_reduction": lambda: torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction,
    }
    return {name: ask("torch", question) for name, question in questions.items()}


def _cuda() -> Facts:
    versions = {
        "cuda_version": ask("torch.version.cuda", lambda: torch.version.cuda),
        "cudnn_version": ask("torch.backends.cudnn.version", torch.backends.cudnn.version),
    }
    if not torch.cuda.is_available():
        return versions | {"gpus": unknown(unsupported("cuda", "float32") or "no CUDA device")}
    devices = range(torch.cuda.device_count())
    found: Facts = {"gpus": fact(len(devices), "torch.cuda.device_count")}
    for index in devices:
        found |= _device(f"gpu{index}", torch.cuda.get_device_properties(index))
    return versions | found


def _device(prefix: str, properties: Any) -> Facts:
    """Return one device's properties; a torch that does not know one leaves it unknown."""
    kilo = 1000  # clocks are given in kHz
    questions: dict[str, tuple[str | None, Callable[[], Any]]] = {
        "name": (None, lambda: properties.name),
        "compute_capability": (None, lambda: f"{properties.major}.{properties.minor}"),
        "multiprocessors": (None, lambda: properties.multi_processor_count),
        "memory": ("B", lambda: properties.total_memory),
        "l2_size": ("B", lambda: properties.L2_cache_size),
        "memory_bus_width": ("bit", lambda: properties.memory_bus_width),
        "memory_clock": ("Hz", lambda: kilo * properties.memory_clock_rate),
        "clock": ("Hz", lambda: kilo * properties.clock_rate),
    }
    source = "torch.cuda.get_device_properties"
    return {f"{prefix}_{name}": ask(source, question, unit) for name, (unit, question) in questions.items()}


def device_clock(device: str) -> _Events | None:
    """Return the GPU's own clock; None on a CPU."""
    return _Events() if device == "cuda" else None


def last_cache(device: str) -> int | None:
    """Return the bytes of the GPU's L2; None where this torch does not tell."""
    found: int | None = getattr(torch.cuda.get_device_properties(device), "L2_cache_size", None)
    return found or None


def captured(step: Callable[[], object], device: str, copies: int) -> Callable[[], None]:
    """Return what replays a CUDA graph of so many steps, warmed up on the stream that they are captured on."""
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        for _ in range(copies):
            step()
    torch.cuda.synchronize(device)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        for _ in range(copies):
            step()
    return _Replay(graph, step)


class _Events:
    """An event before and one after, on the current stream (resolution: about half a microsecond, CUDA Runtime API)."""

    def __init__(self) -> None:
        self._before, self._after = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def start(self) -> None:
        self._before.record()

    def stop(self) -> None:
        self._after.record()

    def seconds(self) -> float:
        if not self._after.query():
            raise RuntimeError("synchronize() returned before the device was done with the steps")
        return float(self._before.elapsed_time(self._after)) / 1000  # elapsed_time is in milliseconds


class _Replay:
    """A graph and the step in it, whose arrays must live as long as the addresses that the graph has of them."""

    def __init__(self, graph: torch.cuda.CUDAGraph, step: Callable[[], object]) -> None:
        self._graph, self._step = graph, step

    def __call__(self) -> None:
        self._graph.replay()
