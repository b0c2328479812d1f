"""Products that are replayed from a graph: which operands take turns in it, and that the check sees what it does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench import libraries, replays
from bench.case import Case
from bench.workloads import matmul

numpy_library = libraries.load("numpy")
SIZE = 32
SET_BYTES = 3 * 4 * SIZE**2


def case(device: str = "cuda", **parameters: Any) -> Case:
    sizes = {"m": SIZE, "k": SIZE, "n": SIZE, "stack": 1} | parameters
    return Case("alignment", "g", "c", "matmul", "torch", "torch", sizes, device=device)


class Gpu:
    """NumPy behind a library's contract with graphs: while one is captured nothing is computed, a replay does it."""

    def __init__(self, cache: int = 5 * SET_BYTES) -> None:
        self.cache, self.recording = cache, False
        self.kernels: list[Callable[[], None]] = []
        self.done: list[tuple[int, int, int]] = []

    def matmul(self, a: NDArray[Any], b: NDArray[Any], out: NDArray[Any]) -> None:
        def kernel() -> None:
            np.matmul(a, b, out=out)
            self.done.append((id(a), id(b), id(out)))

        if self.recording:
            self.kernels.append(kernel)
        else:
            kernel()

    def captured(self, step: Callable[[], object], device: str, copies: int) -> Callable[[], None]:
        for _ in range(copies):
            step()
        self.recording = True
        for _ in range(copies):
            step()
        self.recording = False
        return self.replay

    def replay(self) -> None:
        for kernel in self.kernels:
            kernel()

    def library(self, **changes: Any) -> SimpleNamespace:
        own = {"matmul": self.matmul, "captured": self.captured, "last_cache": lambda device: self.cache}
        rest = {name: getattr(numpy_library, name) for name in numpy_library.__all__ if name not in ("placed",)}
        return SimpleNamespace(**rest | own | changes)


def test_a_replay_goes_once_over_as_many_sets_as_exceed_the_cache_twice() -> None:
    gpu = Gpu()
    prepared = matmul.prepare(case(clock="device"), gpu.library(), Path())
    assert prepared.copies == len(gpu.kernels) == 11
    gpu.done.clear()
    prepared.step()
    assert len({a for a, _, _ in gpu.done}) == len({b for _, b, _ in gpu.done}) == len({o for *_, o in gpu.done}) == 11
    assert prepared.copies * SET_BYTES > 2 * gpu.cache
    assert prepared.graph.startswith("graph of 11 steps")


def test_without_a_clock_of_its_own_a_step_is_one_product_called_anew() -> None:
    gpu = Gpu()
    prepared = matmul.prepare(case(), gpu.library(), Path())
    prepared.step()
    prepared.step()
    assert gpu.kernels == []
    assert (prepared.copies, len(gpu.done), len(set(gpu.done))) == (1, 2, 1)


def test_a_captured_product_is_equal() -> None:
    assert matmul.check(case(clock="device"), Gpu().library(), Path()).equal


def test_a_replay_that_does_nothing_is_not_equal() -> None:
    """As one would whose work went to a stream that was not captured."""
    library = Gpu().library(captured=lambda step, device, copies: lambda: None)
    assert not matmul.check(case(clock="device"), library, Path()).equal
    assert not matmul.check(case(clock="device", operands="zeros"), library, Path()).equal


def test_samples_last_as_long_as_is_asked_for() -> None:
    prepared = matmul.prepare(case(clock="device", sample_s=0.1), Gpu().library(), Path())
    assert prepared.sample_s == 0.1
    assert matmul.prepare(case(), Gpu().library(), Path()).sample_s is None


def test_what_cannot_be_captured_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Gpu().library()
    monkeypatch.setattr(libraries, "load", lambda name: library)
    assert matmul.unsupported(case(clock=replays.DEVICE)) is None
    assert "CPU" in str(matmul.unsupported(case(device="cpu", clock=replays.DEVICE)))
    del library.captured
    assert "captures no steps" in str(matmul.unsupported(case(clock=replays.DEVICE)))


@pytest.mark.parametrize("kind", ["normal", "uniform", "integers", "ones", "zeros"])
def test_whatever_operands_hold_numpys_product_is_equal(kind: str) -> None:
    one = case(device="cpu", operands=kind)
    assert matmul.check(one, numpy_library, Path()).equal
    a, _ = matmul.operands(one)
    assert (len(np.unique(a)) == 1) == (kind in ("ones", "zeros"))


def test_operands_are_normal_unless_something_else_is_asked_for() -> None:
    for usual, named in zip(matmul.operands(case()), matmul.operands(case(operands="normal")), strict=True):
        np.testing.assert_array_equal(usual, named)
