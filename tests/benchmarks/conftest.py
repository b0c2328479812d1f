"""What the benchmarks share: a case of a study, run in this process, its columns stored beside its times."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from threadpoolctl import threadpool_limits

from bench import data, workloads
from bench.case import Case
from bench.equality import Equality
from bench.hardware.cpu import usable_cores
from mlp_impls import Shape

WARM_UP_STEPS = 3  # the first compiles, the second may allocate

Measure = Callable[[Case, Any], Equality]


@pytest.fixture(scope="session")
def source() -> data.DataSource:
    return data.find(None, os.environ)


@pytest.fixture(scope="session")
def threads() -> Iterator[int]:
    """Have NumPy and torch use the cores this process may use; return how many those are."""
    import torch

    count = usable_cores()
    torch.set_num_threads(count)
    with threadpool_limits(count):
        yield count


@pytest.fixture(scope="session")
def expectations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where checks keep what others can use."""
    return tmp_path_factory.mktemp("expectations")


@pytest.fixture
def measure(benchmark: BenchmarkFixture, source: data.DataSource, threads: int, expectations: Path) -> Measure:
    """Return what runs a case, once or as often as pytest-benchmark likes, and returns whether it is equal."""

    def run(case: Case, provider: Any) -> Equality:
        if reason := provider.unsupported(case.device, case.dtype):
            pytest.skip(reason)
        equality: Equality = workloads.load(case.workload).check(case, provider, source.directory, expectations)
        prepared = workloads.load(case.workload).prepare(case, provider, source.directory)

        def step() -> None:
            prepared.step()
            prepared.synchronize()

        if prepared.lasts_s is not None and prepared.wake is not None:
            prepared.wake()  # places what every step then works on
        elif benchmark.enabled:
            for _ in range(WARM_UP_STEPS):
                step()
        benchmark.group = case.group
        benchmark(step)
        benchmark.extra_info |= columns(case) | {"threads": threads}
        if trains(case):
            benchmark.extra_info["data"] = {"kind": source.kind, "note": source.note}
        if benchmark.stats is not None:
            benchmark.extra_info |= rates(case, benchmark.stats.stats.median)
        return equality

    return run


def trains(case: Case) -> bool:
    """Return whether a case trains."""
    return case.workload not in workloads.OF_LIBRARIES


def columns(case: Case) -> dict[str, Any]:
    """Return what identifies a case, and the work of one step, under the names that a run's summary has for them."""
    work = workloads.work(case)
    hidden = case.parameters.get("hidden")
    return {
        **{name: getattr(case, name) for name in ("study", "group", "implementation", "provider", "device", "dtype")},
        **{name: case.parameters.get(name) for name in ("batch", "m", "k", "n", "stack")},
        "case": case.name,
        "width": hidden[0] if hidden else None,
        "depth": len(hidden) if hidden else None,
        "shape": Shape(hidden=tuple(hidden)).name if hidden else None,
        "flops": work.flops,
        "bytes": work.bytes,
        "data": None,
    }


def rates(case: Case, time_s: float) -> dict[str, float]:
    """Return FLOP/s of a step that takes so many seconds, and examples/s of one that takes a batch."""
    work = workloads.work(case)
    rates = {"flop_per_s": work.flops / time_s}
    return rates | ({"examples_per_s": work.items / time_s} if work.item == "examples" else {})
