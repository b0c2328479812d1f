"""Interpreters and environment variables per framework: where a worker runs and what steers it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import bench
import mlp_impls
from bench.folders import cache_folder

__all__ = ["Environment", "command", "for_framework", "variables"]

DEFAULT_FRAMEWORKS = ("numpy", "torch")
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NPROC",  # the size of XLA's pool on a CPU
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)

# A worker sees its own environment's packages and, by path, the light ones of ours: never the host's site-packages.
BOOTSTRAP = """
import importlib.util, sys
for name, folder in zip(("bench", "mlp_impls"), sys.argv[1:3]):
    spec = importlib.util.spec_from_file_location(
        name, folder + "/__init__.py", submodule_search_locations=[folder])
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
from bench.worker import main
main(*sys.argv[3:])
"""


@dataclass(frozen=True)
class Environment:
    """A Python interpreter with a framework in it; ``reason`` says why there is none."""

    framework: str
    interpreter: str
    reason: str | None = None


def for_framework(framework: str, environ: Mapping[str, str] = os.environ) -> Environment:
    """Return the environment in which the framework runs; torch and NumPy live in the default one."""
    if framework in DEFAULT_FRAMEWORKS:
        return Environment(framework, sys.executable)
    interpreter = cache_folder(environ) / "environments" / framework / "bin" / "python"
    if interpreter.is_file():
        return Environment(framework, str(interpreter))
    return Environment(framework, "", f"there is no environment for {framework}: mlpbench env create {framework}")


def command(environment: Environment, *arguments: str) -> list[str]:
    """Return the command line of a worker in this environment."""
    folders = [str(Path(package.__path__[0])) for package in (bench, mlp_impls)]
    return [environment.interpreter, "-P", "-c", BOOTSTRAP, *folders, *arguments]


def variables(
    threads: int,
    cache: Path,
    changes: Mapping[str, str | None],
    environ: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """Return a worker's environment variables.

    Thread counts are set before any library loads, because a loaded one does not look again.

    Args:
        threads: What every pool may use.
        cache: Where compilers keep what later launches may reuse.
        changes: Variables to set, or to remove where the value is None.
        environ: The user's own.
    """
    result = dict(environ) | dict.fromkeys(THREAD_VARIABLES, str(threads))
    result |= {
        "TORCHINDUCTOR_CACHE_DIR": str(cache / "inductor"),
        "TRITON_CACHE_DIR": str(cache / "triton"),
        "TORCHINDUCTOR_COMPILE_THREADS": "1",  # more would be processes of their own that outlive a killed worker
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    for name, value in changes.items():
        result.pop(name, None)
        if value is not None:
            result[name] = value
    return result
