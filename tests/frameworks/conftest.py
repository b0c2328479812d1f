"""Every implementation with each of its variants, in the interpreter of its framework, one after the other."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import environments, implementations
from bench.case import Case
from bench.environments import Environment
from bench.implementations import Implementation
from bench.process import WorkerError, WorkerProcess, spawn

ROOT = Path(__file__).parents[2]
LIMIT_S = 300.0
BUILT_IN = implementations.built_in()
ROWS = {entry.spelled(variant): (entry, variant) for entry in BUILT_IN.values() for variant in ("", *entry.variants)}
# Inductor calls a C++ compiler, XLA compiles each model anew, and eager JAX each operation.
SLOW = {"torch_compile", "tensorflow_scratch:xla", "jax_scratch:eager", "flax_concise:eager"}
SCRIPT = "import runpy, sys; sys.path.append(sys.argv.pop(1)); runpy.run_path(sys.argv.pop(1), run_name='__main__')"


def interpreter_of(framework: str) -> Environment:
    """Return the environment of a framework; skip where there is none."""
    environment = environments.find(framework)
    if environment.reason is None and environment.interpreter == sys.executable and not find_spec(framework):
        pytest.skip(f"{framework} is not installed")
    if environment.reason:
        pytest.skip(environment.reason)
    return environment


class Workers:
    """One worker at a time, as ``mlpbench`` itself starts them: another one where another implementation is asked for,
    and where one has died.
    """

    def __init__(self, cache: Path, references: Path) -> None:
        self._cache = cache
        self._references = references
        self._serves = ""
        self._worker: WorkerProcess | None = None

    def check(self, case: Case, data: Path | str = "") -> dict[str, Any]:
        """Return how far a case is from the reference."""
        return self.ask(case, "check", data_dir=str(data), cache=str(self._references))

    def ask(self, case: Case, do: str, **rest: Any) -> dict[str, Any]:
        """Return a worker's reply; files that do not ship share one per framework."""
        serves = case.framework if case.source else case.provider
        if serves != self._serves:
            self.end()
        try:
            if self._worker is None:
                interpreter_of(case.framework)
                self._serves, self._worker = serves, spawn(case, self._cache)
                self._worker.receive(LIMIT_S)
            message = {"do": do, "case": case.to_json(), "case_id": case.id, **rest}
            return self._worker.request(message, LIMIT_S)
        except WorkerError as error:
            if not error.alive:
                self.end()
            raise

    def end(self) -> None:
        if self._worker is not None:
            self._worker.end()
        self._worker = None


@dataclass(frozen=True)
class Row:
    """An implementation with one variant, and who can be asked about it."""

    entry: Implementation
    variant: str
    workers: Workers

    @property
    def compiles_for_seconds(self) -> bool:
        """Whether each new shape takes so long that it gets few of them here; ``mlpbench verify`` goes through all."""
        return self.entry.spelled(self.variant) in SLOW

    def case(self, workload: str = "training_step", dtype: str = "float32", **parameters: Any) -> Case:
        """Return a case of it; skip where it cannot run here."""
        given = {"inputs": 784, "outputs": 10, "learning_rate": 0.1} | parameters
        names = self.entry.name, self.entry.framework
        case = Case("", "", "", workload, *names, given, dtype=dtype, variant=self.variant)
        if reason := self.workers.ask(case, "survey")["reason"]:
            pytest.skip(reason)
        return case


@pytest.fixture(scope="session")
def compilers(tmp_path_factory):
    """Where compilers keep what all processes may use."""
    return tmp_path_factory.mktemp("compilers")


@pytest.fixture(scope="session")
def workers(tmp_path_factory, compilers):
    found = Workers(compilers, tmp_path_factory.mktemp("references"))
    yield found
    found.end()


@pytest.fixture(scope="session", params=ROWS)
def row(request, workers):
    return Row(*ROWS[request.param], workers)


@pytest.fixture(scope="session")
def behaved(compilers):
    """Make a function that returns what went wrong in each behaviour of a row; each implementation runs once. It skips
    one that cannot run here.
    """
    found = {}

    def of(row):
        name = row.entry.name
        row.case()
        if name not in found:
            environment = interpreter_of(row.entry.framework)
            changes = environments.changes(environment, {"CUDA_VISIBLE_DEVICES": ""})
            variables = environments.variables(1, compilers, changes)
            script = [str(ROOT), str(Path(__file__).parent / "inside.py"), name]
            found[name] = subprocess.run(
                [environment.interpreter, "-P", "-c", SCRIPT, *script],
                env=variables, capture_output=True, text=True, timeout=LIMIT_S, check=False,
            )  # fmt: skip
        done = found[name]
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout.splitlines()[-1])[row.variant]

    return of


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory):
    """Make a function that lays images, (count, rows, columns), and labels down as workers look for them."""

    def lay(**splits):
        folder = tmp_path_factory.mktemp("data")
        for split, (images, labels) in splits.items():
            np.save(folder / f"{split}-images.npy", images)
            np.save(folder / f"{split}-labels.npy", labels)
        return folder

    return lay
