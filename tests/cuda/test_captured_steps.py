"""Steps in CUDA graphs: one launch each, no further memory, and all that implementations promise."""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench.implementations import refusal
from mlp_impls import Model, Shape, initial_weights
from tests.frameworks.inside import BEHAVIOURS, Subject, failures

SHAPE = Shape(784, (128, 128), 10)
HANDMADE = ["torch_cudagraph", "triton_fused"]
REPLAY = ("cudaGraphLaunch",)
HANDED_IN = ("cudaLaunchKernel", "cuLaunchKernel", "cudaMemcpyAsync")  # with what follows: Ex, ExC, a version
HANDMADE_VARIANTS = [("torch_cudagraph", {}), ("torch_cudagraph", {"forked": True}), ("triton_fused", {})]
COMPILED = ("torch_compile", {"mode": "reduce-overhead"})
# Of what is compiled, seconds for each network, dtype and batch size: what copies and replays could break.
OF_COMPILED = ["losses can be read after later steps", "placed batches can be used again in any order"]


def loaded(name: str, variant: dict[str, Any], dtype: str = "float32") -> Any:
    module = importlib.import_module(f"mlp_impls.{name}")
    if refused := refusal(module, "cuda", dtype, variant):
        pytest.skip(refused)
    return module


def calls_of(work: Callable[[], object]) -> Callable[..., int]:
    """Profile some work; return what counts the calls of CUDA whose names begin so."""
    from torch.profiler import ProfilerActivity, profile

    from bench.libraries.of_torch.cuda import WITH_GRAPHS

    os.environ.update(WITH_GRAPHS)
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiled:
        work()
    counts = {event.key: event.count for event in profiled.key_averages()}
    return lambda *names: sum(count for key, count in counts.items() if key.startswith(names))


def model_of(name: str, variant: dict[str, Any], batch: int = 256) -> tuple[Model, list[Any]]:
    """Return a model and a few batches for it."""
    settings = {"learning_rate": 0.1, "loss_divisor": None, "device": "cuda", "dtype": "float32"}
    model: Model = loaded(name, variant).build(SHAPE, initial_weights(SHAPE, 0), **settings, **variant)
    generator = np.random.default_rng(0)
    images = generator.random((4, batch, SHAPE.inputs), dtype=np.float32)
    return model, [model.place(part, generator.integers(SHAPE.outputs, size=batch)) for part in images]


def on_device(module: Any) -> Any:
    """Return an implementation that is built on the device wherever it is asked to be."""
    return SimpleNamespace(
        build=lambda *given, **settings: module.build(*given, **settings | {"device": "cuda"}),
        unsupported=lambda device, dtype: module.unsupported("cuda", dtype),
    )


@pytest.mark.parametrize(("name", "variant"), HANDMADE_VARIANTS, ids=str)
def test_it_behaves_as_on_a_cpu(name: str, variant: dict[str, Any]) -> None:
    wrong = failures(on_device(loaded(name, variant)), variant)
    assert set(wrong) == set(BEHAVIOURS)
    told = {behaviour: text for behaviour, text in wrong.items() if text and not behaviour.startswith("what it cannot")}
    assert not told, "\n".join(told.values())


@pytest.mark.parametrize("behaviour", OF_COMPILED)
def test_what_torch_captures_behaves_as_on_a_cpu(behaviour: str) -> None:
    name, variant = COMPILED
    BEHAVIOURS[behaviour](Subject(on_device(loaded(name, variant)), variant, "float32"))


@pytest.mark.parametrize("name", HANDMADE)
def test_a_step_on_a_resident_batch_is_one_launch(name: str) -> None:
    model, batches = model_of(name, {})

    def steps() -> None:
        for batch in batches:
            model.train_step(batch)
        model.synchronize()

    steps()
    steps()
    calls = calls_of(steps)
    assert calls(*REPLAY) == len(batches)
    assert calls(*HANDED_IN) == 0


@pytest.mark.parametrize("name", HANDMADE)
def test_a_capture_bears_a_thread_that_pins_memory(name: str) -> None:
    """As a loader's does, for batches to come."""
    import torch

    captured = threading.Event()
    pinned = []

    def pin() -> None:
        while not captured.is_set():
            pinned.append(torch.ones(len(pinned) + 1).pin_memory()[0].item())

    with ThreadPoolExecutor(1) as pool:
        pinning = pool.submit(pin)
        try:
            model, batches = model_of(name, {})
            losses = [model.read(model.train_step(batch)) for batch in batches * 2]
        finally:
            captured.set()
        pinning.result()
    assert set(pinned) == {1.0}
    assert np.isfinite(losses).all()


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
def test_steps_of_triton_fused_are_the_same_bit_for_bit_each_time(batch: int) -> None:
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
    model, batches = model_of(*COMPILED)
    for batch in batches * 2:
        model.train_step(batch)
    model.synchronize()
    assert counters["inductor"]["cudagraph_skips"] == 0
    # Images and labels, of the one graph that all batches share: parameters are read where they lie.
    assert counters["inductor"]["cudagraph_recorded_non_static_inputs"] == 2


@pytest.mark.parametrize(("name", "variant"), HANDMADE_VARIANTS, ids=str)
def test_training_on_whole_epochs_is_training_step_by_step(name: str, variant: dict[str, Any]) -> None:
    (whole, batches), (stepped, others) = model_of(name, variant), model_of(name, variant)
    short = [model.place(np.zeros((96, 784), np.float32), np.zeros(96, np.int64)) for model in (whole, stepped)]
    for order in ([0, 1, 2, 3], [3, 1, 0, 2], [2, 0]):
        losses = whole.train_epoch([*(batches[index] for index in order), short[0]])  # type: ignore[attr-defined]
        expected = [stepped.train_step(batch) for batch in (*(others[index] for index in order), short[1])]
        for loss, other in zip(losses, expected, strict=True):
            assert whole.read(loss) == pytest.approx(stepped.read(other), rel=1e-5)
    for value, other in zip(whole.weights(), stepped.weights(), strict=True):
        assert np.linalg.norm(value - other) <= 1e-5 * np.linalg.norm(other)


@pytest.mark.parametrize("name", HANDMADE)
def test_an_epoch_is_one_launch_and_two_copies_of_many_arrays(name: str) -> None:
    model, batches = model_of(name, {})

    def epoch() -> None:
        model.train_epoch(batches)  # type: ignore[attr-defined]
        model.synchronize()

    epoch()
    epoch()
    calls = calls_of(epoch)
    assert calls(*REPLAY) == 1
    assert calls(*HANDED_IN) <= 4
