"""The software: system, Python, versions of installed frameworks, and every variable that steers them.

Versions are read from package metadata, nothing is imported; what a framework says of itself (BLAS, kernels, threads)
is in the facts of ``bench/libraries``.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Mapping
from importlib import metadata

from bench.hardware import Fact, Facts, ask, fact, unknown
from bench.privacy import anonymous, identity

__all__ = ["PACKAGES", "probe", "steering_variables"]

PACKAGES = ("numpy", "scipy", "torch", "torchvision", "triton", "jax", "jaxlib", "tensorflow", "mxnet")

# Our own (MLPBENCH_DATA, MLPBENCH_CACHE) steer no library, and hold paths. Several programs share TF_ (Terraform's are
# TF_CLI_CONFIG_FILE, TF_LOG, TF_VAR_...), hence TensorFlow's one by one.
STEERING = re.compile(
    r"""
      (OMP|GOMP|KMP|MKL|OPENBLAS|BLIS|GOTO|FLEXIBLAS|ARMPL|NVPL|VECLIB|NUMEXPR|NPY|DNNL|ONEDNN)_  # BLAS and threads
    | (CUDA|CUBLAS|CUBLASLT|CUDNN|NVIDIA)_
    | (TORCH|TORCHINDUCTOR|TORCHDYNAMO|TRITON|PYTORCH|ATEN|XLA|JAX|MXNET)_
    | TF_(?!DISABLE_PLUGIN_TLS|FORCE_LOCAL_BACKEND)  # two more of Terraform's
      (CPP|CUDA|CUDNN|CUBLAS|DETERMINISTIC|DISABLE|ENABLE|FORCE|FP16|GPU|MKL|NUM|ONEDNN|SET|USE|XLA)_
    | (MALLOC|JEMALLOC|TCMALLOC|MIMALLOC)_
    | (GLIBC_TUNABLES|PYTHONMALLOC|LD_PRELOAD|LD_LIBRARY_PATH|DYLD_INSERT_LIBRARIES|DYLD_LIBRARY_PATH|FLEXIBLAS)$
    """,
    re.VERBOSE,
)
CREDENTIAL = re.compile("KEY|TOKEN|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)


def probe(environ: Mapping[str, str] = os.environ) -> Facts:
    """Return the facts about the software of this interpreter and the variables of ``environ``."""
    return (
        {
            "system": fact(f"{platform.system()} {platform.release()}", "platform"),
            "distribution": ask("os-release", _distribution),
            "c_library": ask("platform.libc_ver", lambda: " ".join(platform.libc_ver()).strip() or None),
            "python": fact(f"{platform.python_implementation()} {platform.python_version()}", "platform"),
        }
        | {name: _version(name) for name in PACKAGES}
        | {name: fact(value, "environment") for name, value in steering_variables(environ).items()}
    )


def steering_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that steer BLAS, OpenMP, MKL, CUDA, frameworks or allocators, by name.

    Home folders, user and host names in their values are replaced by ``~``; what looks like a credential is left out.
    """
    who = identity(environ)
    steering = {name: environ[name] for name in sorted(environ) if STEERING.match(name)}
    return {name: anonymous(value, who) for name, value in steering.items() if not CREDENTIAL.search(name)}


def _distribution() -> str | None:
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    return platform.freedesktop_os_release().get("PRETTY_NAME")


def _version(package: str) -> Fact:
    try:
        return fact(metadata.version(package), "package metadata")
    except metadata.PackageNotFoundError:
        return unknown("not installed in this environment")
