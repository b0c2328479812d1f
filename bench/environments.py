"""Interpreters and environment variables per framework: where a worker runs and what steers it.

Torch and NumPy live in the interpreter that mlpbench runs in; other frameworks in environments that it makes (see
``venvs``), else in that interpreter as well if it happens to have them, or where the user says (see ``declared``), who
may name several for one framework.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import bench
import mlp_impls
from bench import declared, pinned, venvs
from bench.declared import Declared
from bench.folders import environments_file

__all__ = [
    "DEFAULT_FRAMEWORKS",
    "MADE",
    "Environment",
    "changes",
    "command",
    "find",
    "names",
    "variables",
]

DEFAULT_FRAMEWORKS = ("numpy", "torch")
THIS = "this interpreter"
MADE = "made by mlpbench env create"
NAMED = "environments.toml"
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
# What leads one interpreter to packages must not lead another there.
ELSEWHERE: Mapping[str, str | None] = {
    "PYTHONPATH": None,
    "PYTHONHOME": None,
    "PYTHONNOUSERSITE": "1",
    "__PYVENV_LAUNCHER__": None,
}

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
    """A Python interpreter with a framework in it.

    Attributes:
        name: The framework's, where it is the one in which that framework runs unless another is asked for.
        framework: What it holds.
        interpreter: Its path, or "" where there is none.
        kind: Where it comes from: THIS, MADE or NAMED.
        variables: What is set for its workers, or, where None, removed.
        reason: Why it cannot be used, with the remedy; None where nothing is known against it.
        remedy: What to do where a worker in it does not start, or "".
    """

    name: str
    framework: str
    interpreter: str
    kind: str = THIS
    variables: Mapping[str, str | None] = field(default_factory=dict)
    reason: str | None = None
    remedy: str = ""


def names(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return what environments there are or could be: one per framework, then the user's other ones.

    Raises BadInput where the user's file says what cannot be.
    """
    return list(dict.fromkeys([*DEFAULT_FRAMEWORKS, *pinned.names(), *_declared(environ)]))


def find(name: str, environ: Mapping[str, str] = os.environ) -> Environment:
    """Return an environment by name, which is that of a framework or one that the user gave; one that is not there has
    a reason.
    """
    entry = _declared(environ).get(name)
    return _provided(name, environ) if entry is None else _of_the_user(entry, environ)


def command(environment: Environment, *arguments: str) -> list[str]:
    """Return the command line of a worker in this environment."""
    folders = [str(Path(package.__path__[0])) for package in (bench, mlp_impls)]
    return [environment.interpreter, "-P", "-c", BOOTSTRAP, *folders, *arguments]


def changes(environment: Environment, of_case: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return what differs from the user's own variables in an environment: its own, and above them a case's."""
    apart = {} if environment.interpreter == sys.executable else ELSEWHERE
    return {**apart, **environment.variables, **of_case}


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
        "MXNET_CPU_WORKER_NTHREADS": "1",  # each further worker of its engine would have as many threads again
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # or each TensorFlow worker takes nearly all of a GPU's memory at once
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # likewise JAX, three quarters
    }
    for name, value in changes.items():
        result.pop(name, None)
        if value is not None:
            result[name] = value
    return result


def _declared(environ: Mapping[str, str]) -> Mapping[str, Declared]:
    return declared.read(environ, (*DEFAULT_FRAMEWORKS, *pinned.names()))


def _provided(name: str, environ: Mapping[str, str]) -> Environment:
    """Return the environment of a framework where the user names none: the default one, one that we make, or, where
    none was made, this interpreter if it has the framework.
    """
    if name in DEFAULT_FRAMEWORKS:
        remedy = 'install it with: python3 -m pip install "mlpbench[torch]"' if name == "torch" else ""
        return Environment(name, name, sys.executable, remedy=remedy)
    if name in pinned.names():
        if not os.path.lexists(venvs.folder(name, environ)) and find_spec(name) is not None:
            return Environment(name, name, sys.executable, remedy=f"give it one of its own: mlpbench env create {name}")
        if reason := venvs.trouble(name, environ):
            return Environment(name, name, "", MADE, reason=reason)
        python = str(venvs.folder(name, environ) / "bin" / "python")
        return Environment(name, name, python, MADE, remedy=f"mend it with: mlpbench env create {name}")
    file = environments_file(environ) or "a file and set MLPBENCH_ENVIRONMENTS to its path"
    return Environment(name, name, "", NAMED, reason=f"no environment for {name}; name its interpreter in {file}")


def _of_the_user(entry: Declared, environ: Mapping[str, str]) -> Environment:
    name, framework, given = entry.name, entry.framework, entry.variables
    if entry.python is None:
        own = _provided(framework, environ) if name == framework else find(framework, environ)
        return Environment(name, framework, own.interpreter, NAMED, given, own.reason, own.remedy)
    remedy = f"see [{name}] in {environments_file(environ)}"
    if wrong := _unusable(entry.python):
        return Environment(name, framework, "", NAMED, given, f"{entry.python} {wrong}; {remedy}")
    return Environment(name, framework, entry.python, NAMED, given, remedy=remedy)


def _unusable(python: str) -> str | None:
    if os.path.isdir(python):
        return "is a folder, not a Python interpreter"
    if not os.path.isfile(python):
        return "is not there"
    return None if os.access(python, os.X_OK) else "cannot be executed"
