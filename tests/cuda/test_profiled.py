"""A GPU's kernels as a profiler sees them: by name, and as long as the device's own clock says."""

from __future__ import annotations

import importlib
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest

from bench import libraries, replays, timing
from bench.case import Case
from bench.profiling import Activity
from bench.worker import Worker
from bench.workloads import Prepared, matmul
from mlp_impls import Shape, initial_weights
from mlpbench.holding import KERNELS_WITHIN, LARGE

STEPS, SAMPLES = 20, 9


def square(size: int, dtype: str, **parameters: Any) -> Case:
    sizes = {"m": size, "k": size, "n": size, "stack": 1} | parameters
    case = Case("alignment", "g", "c", "matmul", "torch", "torch", sizes, device="cuda", dtype=dtype)
    if refused := libraries.load("torch").unsupported("cuda", dtype):
        pytest.skip(refused)
    return case


def told(case: Case) -> tuple[Prepared, dict[str, Any]]:
    """Return a prepared product, and what a worker tells of it."""
    worker = Worker()
    worker.prepared[case.id] = prepared = matmul.prepare(case, libraries.load("torch"), Path())
    answer = worker.conditions({"case": case.to_json()})
    assert "kernel_s" not in answer["reasons"], answer["reasons"]
    return prepared, answer["conditions"]


# Kernels so long that what passes between two of them, a microsecond, is no share of them.
@pytest.mark.parametrize(("size", "dtype"), [(LARGE, "float32"), (2 * LARGE, "bfloat16")])
@pytest.mark.parametrize("parameters", [{}, {"clock": replays.DEVICE}], ids=["called", "replayed"])
def test_event_time_agrees_with_profiler_kernel_time(size: int, dtype: str, parameters: dict[str, str]) -> None:
    prepared, conditions = told(square(size, dtype, **parameters))
    clock, calls, seconds = libraries.load("torch").device_clock("cuda"), max(3, STEPS // prepared.copies), []
    for _ in range(SAMPLES):
        timing.sample(prepared.step, prepared.synchronize, calls, wake=prepared.wake, device_clock=clock)
        seconds.append(clock.seconds() / (calls * prepared.copies))
    assert median(seconds) == pytest.approx(conditions["kernel_s"], rel=KERNELS_WITHIN)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "tf32"])
def test_a_product_tells_its_kernels_and_that_half_types_are_summed_in_float32(dtype: str) -> None:
    _, conditions = told(square(256, dtype))
    assert 1 <= len(conditions["kernels"]) <= 3
    assert conditions["half_sums"] == "float32"


def test_a_replay_has_the_kernels_of_what_was_captured() -> None:
    _, replayed = told(square(256, "float32", clock=replays.DEVICE))
    _, called = told(square(256, "float32"))
    assert replayed["kernels"] == called["kernels"]


def test_what_the_device_copies_is_no_kernel() -> None:
    import torch

    library = libraries.load("torch")
    source, target = torch.ones(1 << 20), torch.empty(1 << 20, device="cuda")
    found: list[Activity] = library.profiled(lambda: target.copy_(source), "cuda")
    assert [one.is_kernel for one in found] == [False]
    assert found[0].seconds > 0


@pytest.mark.parametrize("name", ["torch_concise", "torch_cudagraph", "triton_fused"])
def test_a_training_step_tells_its_kernels(name: str) -> None:
    module = importlib.import_module(f"mlp_impls.{name}")
    if refused := module.unsupported("cuda", "float32"):
        pytest.skip(refused)
    shape = Shape(784, (128,), 10)
    settings = {"learning_rate": 0.1, "loss_divisor": None, "device": "cuda", "dtype": "float32"}
    model = module.build(shape, initial_weights(shape, 0), **settings)
    batch = model.place(np.zeros((256, 784), np.float32), np.zeros(256, np.int64))
    case = Case("throughput", "g", name, "training_step", name, "torch", {}, device="cuda")
    worker = Worker()
    worker.prepared[case.id] = Prepared(lambda: model.train_step(batch), model.synchronize, graph=model.graph)
    answer = worker.conditions({"case": case.to_json()})
    assert "kernel_s" not in answer["reasons"], answer["reasons"]
    assert answer["conditions"]["kernel_s"] > 0
    if name == "triton_fused":
        assert any("examples" in kernel for kernel in answer["conditions"]["kernels"])
