"""What torch's profiler saw, as its library file reads it: the events are made up."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from bench import implementations, libraries, profiling, workloads
from bench.case import Case
from bench.profiling import Activity
from tests.bench.test_profiling import ADD, GEMM


def event(name: str, start_us: float, end_us: float, device: str = "CUDA", annotation: bool = False) -> SimpleNamespace:
    from torch.autograd import DeviceType

    return SimpleNamespace(
        name=name, time_range=SimpleNamespace(start=start_us, end=end_us), is_user_annotation=annotation,
        device_type=getattr(DeviceType, device),
    )  # fmt: skip


EVENTS: tuple[tuple[Any, ...], ...] = (
    ("cudaLaunchKernel", 0.0, 3.0, "CPU"),
    (ADD, 20.0, 24.0),
    ("Memcpy HtoD (Pageable -> Device)", 1.0, 2.5),
    (GEMM, 10.0, 20.5),
    ("Memset (Device)", 30.0, 31.0),
    ("## Call CompiledFxGraph ##", 9.0, 31.0, "CUDA", True),
)


@pytest.fixture
def torch_profiler(monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, list[str]]:
    torch = pytest.importorskip("torch")
    from bench.libraries.of_torch import cuda

    done: list[str] = []

    class Profile:
        def __init__(self, activities: list[Any]) -> None:
            assert activities == [torch.profiler.ProfilerActivity.CUDA]

        def __enter__(self) -> Profile:
            done.append("begin")
            return self

        def __exit__(self, *_: object) -> None:
            done.append("end")

        def events(self) -> list[SimpleNamespace]:
            return [event(*one) for one in EVENTS]

    monkeypatch.setattr(cuda, "profile", Profile)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: done.append("synchronize"))
    for name in cuda.WITH_GRAPHS:
        monkeypatch.setenv(name, "not set yet")
    return cuda, done


def test_of_torchs_events_those_of_the_device_count_in_the_order_of_their_beginning(
    torch_profiler: tuple[ModuleType, list[str]],
) -> None:
    cuda, done = torch_profiler
    found = cuda.profiled(lambda: done.append("work"), "cuda")
    assert done == ["begin", "work", "synchronize", "end"]
    assert [(one.name, one.is_kernel) for one in found] == [
        ("Memcpy HtoD (Pageable -> Device)", False), (GEMM, True), (ADD, True), ("Memset (Device)", False),
    ]  # fmt: skip
    assert [one.seconds for one in found] == pytest.approx([1.5e-6, 10.5e-6, 4e-6, 1e-6])


def test_graphs_outlive_torchs_profiler(torch_profiler: tuple[ModuleType, list[str]]) -> None:
    cuda, _ = torch_profiler
    cuda.profiled(lambda: None, "cuda")
    assert os.environ["TEARDOWN_CUPTI"] == "0"


def test_torchs_own_events_have_what_is_read_off_them() -> None:
    """On a CPU, where it sees no kernel; the names are torch's all the same."""
    torch = pytest.importorskip("torch")
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as found:
        torch.ones(8, 8) @ torch.ones(8, 8)
    (product, *_) = [one for one in found.events() if one.name == "aten::mm"]
    assert product.time_range.end > product.time_range.start
    assert product.is_user_annotation is False
    assert product.device_type == torch.autograd.DeviceType.CPU


@pytest.mark.parametrize("name", ["matmul", "padded_product", "memory_sweep", "training_step", "padded_step"])
def test_every_workload_whose_steps_repeat_is_profiled(
    name: str, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    of_library = name in workloads.OF_LIBRARIES
    sizes: dict[str, Any] = dict.fromkeys("mkn", 8) | {"stack": 1, "kernel": "copy", "working_set": 1 << 10}
    sizes |= {"pad_m": 8, "pad_k": 8, "pad_n": 8, "copied": False}
    network = {"inputs": 16, "hidden": [4], "outputs": 10, "batch": 32, "learning_rate": 0.1}
    network |= {"pad_inputs": 16, "pad_hidden": [4]}
    provider = "torch" if of_library else "torch_scratch"
    asked = Case("s", "g", "c", name, provider, "torch", sizes if of_library else network)
    module = libraries.load("torch") if of_library else implementations.load(provider, None)
    prepared = workloads.load(name).prepare(asked, module, images)

    def profile(work: Callable[[], None]) -> list[Activity]:
        work()
        return [Activity(GEMM, 1e-6, is_kernel=True)] * profiling.LEAST_CALLS

    monkeypatch.setattr(profiling, "SETTLING_CALLS", 1)
    seconds = count()
    assert profiling._ask(prepared, profile, lambda: float(next(seconds)))["kernels"] == [GEMM]
