"""A network made wider with zeros: it learns what it would have learnt, and the check would see if it did not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench import workloads
from bench.case import Case
from bench.workloads import padded_step, training_step
from mlp_impls import Shape, initial_weights, numpy_scratch

OWN = {"inputs": 20, "hidden": [13, 7], "outputs": 5, "batch": 32, "learning_rate": 0.1}
WIDER = {"pad_inputs": 24, "pad_hidden": [16, 8]}
SHAPE = Shape(20, (13, 7), 5)
WIDE = Shape(24, (16, 8), 5)


def case(**more: Any) -> Case:
    return Case("s", "g", "c", "padded_step", "numpy_scratch", "numpy", OWN | WIDER | more, dtype="float64", seed=3)


def built(provider: Any, shape: Shape, weights: list[NDArray[Any]], rate: float = 0.5) -> Any:
    return provider.build(shape, weights, learning_rate=rate, loss_divisor=None, device="cpu", dtype="float64")


def batches(steps: int) -> list[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    generator = np.random.default_rng(0)
    return [(generator.random((32, 20), dtype=np.float32), generator.integers(0, 5, 32)) for _ in range(steps)]


def large_weights() -> list[NDArray[np.float64]]:
    """Weights and biases at which training moves everything."""
    generator = np.random.default_rng(1)
    return [generator.standard_normal(values.shape) for values in initial_weights(SHAPE, 0)]


def test_training_a_wider_network_is_training_the_network_asked_for() -> None:
    weights = large_weights()
    model = built(numpy_scratch, SHAPE, weights)
    wider = built(padded_step.Padding(case(), numpy_scratch), SHAPE, weights)
    for images, labels in batches(200):
        loss, other = model.train_step(model.place(images, labels)), wider.train_step(wider.place(images, labels))
        assert wider.read(other) == pytest.approx(model.read(loss), rel=1e-9)
    for own, other, start in zip(model.weights(), wider.weights(), weights, strict=True):
        np.testing.assert_allclose(other, own, rtol=1e-8, atol=1e-10)
        assert not np.allclose(own, start, rtol=1e-2)  # it has learnt something


def test_zeros_stay_zeros_to_the_last_bit() -> None:
    seen = []

    def build(*arguments: Any, **keywords: Any) -> Any:
        seen.append(numpy_scratch.build(*arguments, **keywords))
        return seen[-1]

    wider = built(padded_step.Padding(case(), SimpleNamespace(build=build)), SHAPE, large_weights())
    for batch in batches(50):
        wider.train_step(wider.place(*batch))
    inner = seen[0].weights()
    assert [values.shape for values in inner] == [(24, 16), (16,), (16, 8), (8,), (8, 5), (5,)]
    for values, (rows, columns) in zip(inner[::2], ((20, 13), (13, 7), (7, 5)), strict=True):
        assert np.count_nonzero(values) == np.count_nonzero(values[:rows, :columns]) == rows * columns
    assert not inner[1][13:].any()
    assert not inner[3][7:].any()


def test_predictions_are_those_of_the_network_asked_for() -> None:
    weights, images = large_weights(), batches(1)[0][0]
    wider = built(padded_step.Padding(case(), numpy_scratch), SHAPE, weights)
    np.testing.assert_allclose(wider.predict(images), built(numpy_scratch, SHAPE, weights).predict(images), rtol=1e-10)


@pytest.mark.parametrize("hidden", [[16, 8], [13, 7], [13, 8]])
def test_implementations_are_equal_when_padded(hidden: list[int]) -> None:
    assert padded_step.check(case(pad_hidden=hidden), numpy_scratch, Path()).equal


@pytest.mark.parametrize("name", ["torch_concise", "torch_manual", "torch_scratch"])
def test_implementations_in_torch_are_too(name: str) -> None:
    pytest.importorskip("torch")
    from bench import implementations

    assert padded_step.check(case(), implementations.load(name, None), Path()).equal


class Spoiled:
    """An implementation that starts with something else than zeros where it is wider."""

    def __init__(self, value: float, everywhere: bool) -> None:
        self.value, self.everywhere = value, everywhere

    def build(self, shape: Shape, weights: list[NDArray[Any]], **keywords: Any) -> Any:
        spoiled = [values.copy() for values in weights]
        spoiled[2][-1, :7] = self.value  # what an added unit of the first layer hands on
        if self.everywhere:
            spoiled[1][-1] = 1.0  # its bias
        return numpy_scratch.build(shape, spoiled, **keywords)


@pytest.mark.parametrize("everywhere", [True, False])
def test_padding_that_is_not_zero_is_found(everywhere: bool) -> None:
    with pytest.raises(ValueError, match=r"(W2|b1) did not stay zero"):
        padded_step.check(case(), Spoiled(0.1, everywhere), Path())


def test_a_network_that_learns_something_else_is_not_equal() -> None:
    def build(shape: Shape, weights: Any, *, learning_rate: float, **keywords: Any) -> Any:
        return numpy_scratch.build(shape, weights, learning_rate=1.01 * learning_rate, **keywords)

    assert not padded_step.check(case(), SimpleNamespace(build=build), Path()).equal


def test_work_is_that_of_the_network_asked_for() -> None:
    asked = training_step.work(case())
    assert workloads.work(case()) == workloads.work(case(pad_hidden=[64, 64])) == asked
    assert asked.items == 32


def test_a_step_trains_the_wider_network_on_padded_images_that_take_turns() -> None:
    class Spy:
        def __init__(self) -> None:
            self.placed: list[Any] = []
            self.stepped: list[Any] = []

        def build(self, shape: Shape, weights: Any, **keywords: Any) -> Any:
            self.shape, self.weights, self.keywords = shape, weights, keywords
            return self

        def place(self, images: Any, labels: Any) -> int:
            self.placed.append((images, labels))
            return len(self.placed)

        def read(self, loss: Any) -> float:
            return 0.0

        def synchronize(self) -> None:
            self.stepped.append("synchronized")

        def train_step(self, batch: Any) -> None:
            self.stepped.append(batch)

    spy = Spy()
    prepared = padded_step.prepare(case(), spy, Path())
    for _ in range(17):
        prepared.step()
    prepared.synchronize()
    assert spy.shape == WIDE
    assert [values.shape for values in spy.weights] == [(24, 16), (16,), (16, 8), (8,), (8, 5), (5,)]
    assert spy.stepped == [*range(1, 17), 1, "synchronized"]
    assert {images.shape for images, _ in spy.placed} == {(32, 24)}
    assert all(images[:, :20].all() and not images[:, 20:].any() for images, _ in spy.placed)
    assert prepared.graph is None or prepared.graph == ""
    assert spy.keywords["dtype"] == "float64"
