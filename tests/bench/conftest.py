"""Small networks in NumPy, measured for real: launches of a fraction of a second; places for environments."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from bench import implementations, pinned, runner, store
from bench.case import Case, Group
from bench.hardware import fact
from bench.launch import Limits
from bench.plan import Plan, Planned
from bench.studies import with_control
from tests.bench.loaded import load

BROKEN = Path(__file__).parents[1] / "broken"
LIMITS = Limits(start_s=8.0, sample_s=2.0, memory_bytes=600_000_000, case_s=2.5)


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """A data folder of 4,096 random images of 4 x 4."""
    folder = tmp_path_factory.mktemp("data")
    generator = np.random.default_rng(0)
    for split in ("train", "test"):
        np.save(folder / f"{split}-images.npy", generator.integers(0, 256, (4096, 4, 4), dtype=np.uint8))
        np.save(folder / f"{split}-labels.npy", generator.integers(0, 10, 4096, dtype=np.uint8))
    return folder


@pytest.fixture
def run_of(tmp_path, images):
    """Make a function that measures small groups into a run folder, or resumes it, and returns its records."""

    def measure(
        *groups, launches=2, rounds=4, resume=False, on_progress=lambda progress: None, budget_s=None, precision=None
    ):
        path = tmp_path / "run"
        plan = Plan(0, {"throughput": launches}, [Planned(group, rounds) for group in groups], [], budget_s, precision)
        if resume:
            plan = Plan.from_json(store.read(path).run["plan"], 0)
        earlier = store.read(path) if resume else None
        folder = store.RunFolder.reopen(path) if resume else store.RunFolder.create(path, record(plan))
        try:
            runner.measure(plan, folder, images, LIMITS, earlier=earlier, on_progress=on_progress)
        finally:
            folder.close()
        return store.read(path)

    return measure


@pytest.fixture
def small_group():
    """Make a function that returns one group of tiny networks in NumPy, the named broken ones among them."""

    def make(*files, width=8):
        entries = [implementations.built_in()["numpy_scratch"]]
        for name in files:
            entries += [entry for entry, _ in implementations.resolve([str(BROKEN / f"{name}.py")])]
        parameters = {"inputs": 16, "hidden": [width], "outputs": 10, "batch": 32, "learning_rate": 0.1}
        cases = tuple(
            Case(
                study="throughput",
                group=f"16-{width}-10",
                name=entry.name,
                workload="training_step",
                provider=entry.name,
                framework=entry.framework,
                parameters=parameters,
                source=entry.source,
            )
            for entry in entries
        )
        return with_control(Group("throughput", f"16-{width}-10", cases, "numpy_scratch"))

    return make


@pytest.fixture
def torch_library():
    return load("torch")


@pytest.fixture
def environ(tmp_path):
    """Make a function that returns environment variables under which the user's file says this."""

    def make(text=None):
        if text is not None:
            (tmp_path / "environments.toml").write_text(text)
        named = {"MLPBENCH_ENVIRONMENTS": str(tmp_path / "environments.toml")} if text is not None else {}
        return {"HOME": str(tmp_path), "MLPBENCH_CACHE": str(tmp_path / "cache"), "PATH": os.environ["PATH"]} | named

    return make


@pytest.fixture
def ready(environ, monkeypatch, tmp_path):
    """Environment variables, and requirements of one framework that any machine can have."""
    (tmp_path / "requirements").mkdir()
    version = "{}.{}".format(*sys.version_info)
    here = f"{os.uname().sysname} {os.uname().machine}"
    (tmp_path / "requirements" / "jax.txt").write_text(
        f"# python: {version}\n# platforms: {here}\n# imports: jax\njax==1.0\n"
    )
    monkeypatch.setattr(pinned, "FOLDER", tmp_path / "requirements")
    return environ()


def facts(**values):
    """Facts of these values, as a probe returns them."""
    return {name: fact(value, "planted") for name, value in values.items()}


def record(plan):
    return {
        "command": ["mlpbench", "run"],
        "label": "here",
        "seed": 0,
        "margin": 0.02,
        "data": {"kind": "synthetic", "note": ""},
        "plan": plan.to_json(),
        "machine": {"fingerprint": "", "facts": {}},
    }
