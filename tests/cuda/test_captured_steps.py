"""Steps in CUDA graphs: one launch each, no further memory, and all that implementations promise."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench.implementations import refusal
from mlp_impls import Model, Shape, initial_weights
from tests.frameworks.inside import BEHAVIOURS, failures

SHAPE = Shape(784, (128, 128), 10)
HANDMADE = ["torch_cudagraph", "triton_fused"]
CAPTURED = [
    ("torch_cudagraph", {}),
    ("torch_cudagraph", {"forked": True}),
    ("triton_fused", {}),
    ("torch_compile", {"mode": "reduce-overhead"}),
]


def loaded(name: str, variant: dict[str, Any], dtype: str = "float32") -> Any:
    module = importlib.import_module(f"mlp_impls.{name}")
    if refused := refusal(module, "cuda", dtype, variant):
        pytest.skip(refused)
    return module


def model_of(name: str, variant: dict[str, Any], batch: int = 256) -> tuple[Model, list[Any]]:
    """Return a model and a few batches for it."""
    settings = {"learning_rate": 0.1, "loss_divisor": None, "device": "cuda", "dtype": "float32"}
    model: Model = loaded(name, variant).build(SHAPE, initial_weights(SHAPE, 0), **settings, **variant)
    generator = np.random.default_rng(0)
    images = generator.random((4, batch, SHAPE.inputs), dtype=np.float32)
    return model, [model.place(part, generator.integers(SHAPE.outputs, size=batch)) for part in images]


@pytest.mark.parametrize(("name", "variant"), CAPTURED, ids=str)
def test_it_behaves_as_on_a_cpu(name: str, variant: dict[str, Any]) -> None:
    module = loaded(name, variant)
    on_device = SimpleNamespace(
        build=lambda *given, **settings: module.build(*given, **settings | {"device": "cuda"}),
        unsupported=lambda device, dtype: module.unsupported("cuda", dtype),
    )
    wrong = failures(on_device, variant)
    assert set(wrong) == set(BEHAVIOURS)
    told = {behaviour: text for behaviour, text in wrong.items() if text and not behaviour.startswith("what it cannot")}
    assert not told, "\n".join(told.values())


@pytest.mark.parametrize("name", HANDMADE)
def test_a_step_on_a_resident_batch_is_one_launch(name: str) -> None:
    from torch.profiler import ProfilerActivity, profile

    model, batches = model_of(name, {})
    for batch in batches * 2:
        model.train_step(batch)
    model.synchronize()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiled:
        for batch in batches:
            model.train_step(batch)
        model.synchronize()
    counts = {event.key: event.count for event in profiled.key_averages()}
    assert counts["cudaGraphLaunch"] == len(batches)
    assert not {"cudaLaunchKernel", "cuLaunchKernel", "cudaMemcpyAsync"} & counts.keys()


@pytest.mark.parametrize("name", HANDMADE)
def test_steps_take_no_further_memory(name: str) -> None:
    import torch

    model, batches = model_of(name, {})
    for batch in batches * 2:
        model.train_step(batch)
    before = torch.cuda.memory_stats()["allocation.all.allocated"]
    for batch in batches * 5:
        model.train_step(batch)
    assert torch.cuda.memory_stats()["allocation.all.allocated"] == before


@pytest.mark.parametrize("batch", [256, 4096])
def test_fused_steps_are_the_same_bit_for_bit_each_time(batch: int) -> None:
    runs = []
    for _ in range(2):
        model, batches = model_of("triton_fused", {}, batch)
        for one in batches * 3:
            model.train_step(one)
        runs.append(model.weights())
    for value, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(value, other)


def test_torch_captures_what_it_compiles_to_reduce_overhead() -> None:
    from torch._dynamo.utils import counters

    counters.clear()
    model, batches = model_of("torch_compile", {"mode": "reduce-overhead"})
    for batch in batches * 2:
        model.train_step(batch)
    model.synchronize()
    assert counters["inductor"]["cudagraph_skips"] == 0


@pytest.mark.parametrize(("name", "variant"), CAPTURED[:3], ids=str)
def test_training_on_whole_epochs_is_training_step_by_step(name: str, variant: dict[str, Any]) -> None:
    (whole, batches), (stepped, others) = model_of(name, variant), model_of(name, variant)
    short = [model.place(np.zeros((96, 784), np.float32), np.zeros(96, np.int64)) for model in (whole, stepped)]
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
        losses = whole.train_epoch([*(batches[index] for index in order), short[0]])  # type: ignore[attr-defined]
        expected = [stepped.train_step(batch) for batch in (*(others[index] for index in order), short[1])]
        for loss, other in zip(losses, expected, strict=True):
            assert whole.read(loss) == pytest.approx(stepped.read(other), rel=1e-5)
    for value, other in zip(whole.weights(), stepped.weights(), strict=True):
        assert np.linalg.norm(value - other) <= 1e-5 * np.linalg.norm(other)


@pytest.mark.parametrize("name", HANDMADE)
def test_an_epoch_is_one_launch_and_two_copies_of_many_arrays(name: str) -> None:
    from torch.profiler import ProfilerActivity, profile

    model, batches = model_of(name, {})
    for _ in range(2):
        model.train_epoch(batches)  # type: ignore[attr-defined]
    model.synchronize()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiled:
        model.train_epoch(batches)  # type: ignore[attr-defined]
        model.synchronize()
    counts = {event.key: event.count for event in profiled.key_averages()}
    assert counts["cudaGraphLaunch"] == 1
    assert sum(counts.get(name, 0) for name in ("cudaLaunchKernel", "cuLaunchKernel", "cudaMemcpyAsync")) <= 4
