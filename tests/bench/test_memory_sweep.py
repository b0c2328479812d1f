"""The memory workload: what it counts, what a step does, and what its check finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench import libraries
from bench.case import Case
from bench.workloads import Prepared, memory_sweep

numpy_library = libraries.load("numpy")
N = 1 << 16


def case(kernel: str, working_set: int = 3 << 16, dtype: str = "float32", seed: int = 0) -> Case:
    parameters = {"kernel": kernel, "working_set": working_set}
    return Case("memory", "g", "c", "memory_sweep", "numpy", "numpy", parameters, dtype=dtype, seed=seed)


def with_triad(**changes: Any) -> SimpleNamespace:
    def triad(b: Any, c: Any, scale: float, out: Any) -> None:
        out[...] = b + scale * c

    own = {name: getattr(numpy_library, name) for name in numpy_library.__all__}
    return SimpleNamespace(**own | {"triad": triad} | changes)


@pytest.mark.parametrize(
    ("kernel", "arrays", "flops", "allocating"),
    [("copy", 2, 0, 3), ("read", 1, 1, 1), ("write", 1, 0, 2), ("triad", 3, 2, 4)],
)
def test_bytes_and_flops_are_streams(kernel: str, arrays: int, flops: int, allocating: int) -> None:
    chosen = case(kernel, arrays * 4 * N)
    counted = memory_sweep.work(chosen)
    assert memory_sweep.elements(chosen) == N
    assert (counted.bytes, counted.flops) == (arrays * 4 * N, flops * N)
    assert (counted.items, counted.item) == (counted.bytes, "bytes")
    assert memory_sweep.traffic(chosen) == allocating * 4 * N


def test_a_wider_dtype_has_fewer_elements_in_the_same_working_set() -> None:
    narrow, wide = case("copy", 8 * N), case("copy", 8 * N, "float64")
    assert memory_sweep.elements(narrow) == 2 * memory_sweep.elements(wide)
    assert memory_sweep.work(narrow).bytes == memory_sweep.work(wide).bytes == 8 * N


@pytest.mark.parametrize(
    ("kernel", "function"), [("copy", "copy"), ("read", "total"), ("write", "fill"), ("triad", "triad")]
)
def test_a_step_is_one_call_on_the_whole_working_set(kernel: str, function: str) -> None:
    seen: list[tuple[Any, ...]] = []
    provider = with_triad()
    inner = getattr(provider, function)

    def record(*arguments: Any) -> Any:
        seen.append(arguments)
        return inner(*arguments)

    setattr(provider, function, record)
    prepared: Prepared = memory_sweep.prepare(case(kernel), provider, Path())
    seen.clear()
    prepared.step()
    prepared.step()
    assert len(seen) == 2
    arrays = [argument for argument in seen[0] if isinstance(argument, np.ndarray)]
    assert sum(array.nbytes for array in arrays) == 3 << 16
    assert all(first is second for first, second in zip(*seen, strict=True))
    assert len({array.ctypes.data for array in arrays}) == len(arrays)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("kernel", "function"), [("copy", "copy"), ("read", "total"), ("triad", "triad")])
def test_what_is_read_is_random_by_the_seed_of_the_case(kernel: str, function: str, dtype: str) -> None:
    seen: list[Any] = []

    def look(*arguments: Any) -> None:
        seen.append([one for one in arguments if isinstance(one, np.ndarray)][: memory_sweep.KERNELS[kernel].read])

    for seed in (1, 1, 2):
        chosen = case(kernel, dtype=dtype, seed=seed)
        memory_sweep.prepare(chosen, with_triad(**{function: look}), Path()).step()
        seen[:] = [one for one in seen if one[0].size > memory_sweep.FEW_ELEMENTS]
    first, same, other = seen
    for read in first:
        assert read.dtype == dtype
        assert len(np.unique(read)) > 0.9 * read.size
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first[0], other[0])
    assert kernel != "triad" or not np.array_equal(*first)


def test_what_a_call_takes_is_told_once() -> None:
    prepared = memory_sweep.prepare(case("copy"), numpy_library, Path())
    assert prepared.tell is not None
    told = prepared.tell()
    assert set(told) == {"call_s"}
    assert 0 < told["call_s"] < 0.001
    assert prepared.tell() == {}


def test_a_call_is_measured_on_few_elements() -> None:
    sizes: set[int] = set()

    def copy(source: Any, target: Any) -> None:
        sizes.add(source.size)
        np.copyto(target, source)

    memory_sweep.prepare(case("copy"), with_triad(copy=copy), Path())
    assert sizes == {16}


def test_synchronise_is_that_of_the_device() -> None:
    asked: list[str] = []
    prepared = memory_sweep.prepare(case("read"), with_triad(synchronize=asked.append), Path())
    asked.clear()
    prepared.synchronize()
    assert asked == ["cpu"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", ["copy", "read", "write"])
@pytest.mark.parametrize("working_set", [1, 3 << 16])
def test_numpys_kernels_are_exact(kernel: str, working_set: int, dtype: str) -> None:
    answer = memory_sweep.check(case(kernel, working_set, dtype), numpy_library, Path())
    assert (answer.equal, answer.deviation, answer.bound) == (True, 0.0, 0.0)


def test_numpy_has_no_triad() -> None:
    assert not hasattr(numpy_library, "triad")


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("kernel", list(memory_sweep.KERNELS))
def test_torchs_kernels_are_as_exact_as_their_dtype(kernel: str, dtype: str, threads: int) -> None:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        chosen = replace(case(kernel, 3 << 20, dtype), threads=threads)
        answer = memory_sweep.check(chosen, libraries.load("torch"), Path())
    finally:
        torch.set_num_threads(before)
    assert answer.equal
    exact = kernel != "read" or (dtype.startswith("float") and dtype != "float16")
    assert (answer.bound == 0) == exact


def off_by_one_place(source: Any, target: Any) -> None:
    target[1:] = source[:-1]


@pytest.mark.parametrize(
    ("kernel", "broken"),
    [
        ("copy", {"copy": lambda source, target: None}),
        ("copy", {"copy": off_by_one_place}),
        ("read", {"total": lambda source: np.add.reduce(source[: len(source) // 2])}),
        ("write", {"fill": lambda target, value: target[:-1].fill(value)}),
        ("triad", {"triad": lambda b, c, scale, out: np.add(b, c, out=out)}),
        ("triad", {"triad": lambda b, c, scale, out: np.add(b, np.float32(1.0001) * scale * c, out=out)}),
    ],
)
def test_a_kernel_that_is_off_is_not_equal(kernel: str, broken: dict[str, Any]) -> None:
    answer = memory_sweep.check(case(kernel), with_triad(**broken), Path())
    assert not answer.equal
    assert answer.note is not None
    assert kernel in answer.note
