"""What the software record says of torch: its version, its libraries, the kernels they chose, threads, its GPUs."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from bench import kernel_probes, threadpools
from bench.hardware import Fact, Facts, ask, fact, unknown
from bench.libraries.of_torch.cuda import unavailable

__all__ = ["facts"]

PROBED = ("float16", "bfloat16", "float32", "float64")  # dtypes whose kernels on the CPU are told

MULTIPLY = """
import torch
for name in dtypes:
    print("dtype", name, flush=True)
    a = torch.ones(64, 64, dtype=getattr(torch, name))
    a @ a
"""


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
    return kernel_probes.read_log(MULTIPLY, PROBED, {"MKL_VERBOSE": "1", "ONEDNN_VERBOSE": "1"})


def _kernels(read_log: Callable[[], str]) -> Facts:
    """Return the instruction sets MKL and oneDNN chose, and whose kernel serves each dtype on the CPU."""
    source = "log of a 64 x 64 matmul (MKL_VERBOSE, ONEDNN_VERBOSE)"
    asked = ask(source, read_log)
    names = [f"{dtype}_kernel" for dtype in PROBED]
    if asked["value"] is None:
        return {name: unknown(asked["source"]) for name in ("blas_architecture", "onednn_architecture", *names)}
    log: str = asked["value"]
    sections = kernel_probes.sections(log)
    return {
        "blas_architecture": _blas_architecture(log, source),
        "onednn_architecture": ask(source, lambda: kernel_probes.first(r"info,cpu,isa:(.+)", log)),
    } | {f"{dtype}_kernel": ask(source, partial(_kernel, sections.get(dtype, ""))) for dtype in PROBED}


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
        return versions | {"gpus": unknown(unavailable("float32") or "no CUDA device")}
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
