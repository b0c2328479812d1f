"""What an implementation must do beside being equal; runs in its framework's interpreter, where there is no pytest.

Each function that is marked is a test: it raises where the implementation does not do what the function's name says.
Numbers are compared with the reference in the same dtype: float64, or float32 where the framework has no float64.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from bench import implementations
from mlp_impls import Model, Shape, initial_weights, numpy_scratch

SHAPE = Shape(9, (8, 6), 4)
READING_RATE = 2.0**20
# A step of these networks rounds fewer times on the way to any value, none of which exceeds 2: sums over 9 inputs, 8
# and 6 units, 4 outputs and 8 examples, forth and back, and what is between them.
ROUNDINGS = 64


@dataclass(frozen=True)
class Subject:
    """An implementation with one variant, and the dtype in which it is looked at."""

    module: ModuleType
    variant: dict[str, Any]
    dtype: str

    def model(self, shape: Shape = SHAPE, weights: Any = None, rate: float = 0.1, **settings: Any) -> Model:
        settings = {"loss_divisor": None, "device": "cpu", "dtype": self.dtype} | settings
        given = initial_weights(shape, 0) if weights is None else weights
        return self.module.build(shape, given, learning_rate=rate, **settings, **self.variant)


BEHAVIOURS: dict[str, Callable[[Subject], None]] = {}


def behaviour(function: Callable[[Subject], None]) -> Callable[[Subject], None]:
    BEHAVIOURS[function.__name__.replace("_", " ")] = function
    return function


def examples(batch: int = 8, shape: Shape = SHAPE, seed: int = 3) -> tuple[Any, Any]:
    generator = np.random.default_rng(seed)
    images = generator.random((batch, shape.inputs), dtype=np.float32)
    return images, generator.integers(shape.outputs, size=batch)


def reference(dtype: str) -> Subject:
    return Subject(numpy_scratch, {}, dtype)


def alike(found: Any, expected: Any, dtype: str, steps: int) -> None:
    """Raise unless values that so many steps led to are the same but for rounding."""
    tolerance = steps * ROUNDINGS * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def same(found: Any, expected: Any) -> None:
    for value, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(value, other)


def step(model: Model, examples: Any) -> float:
    return model.read(model.train_step(model.place(*examples)))


def trained_alike(model: Model, other: Model, dtype: str, batches: list[Any]) -> None:
    for number, batch in enumerate(batches, start=1):
        alike(step(model, batch), step(other, batch), dtype, number)
    for value, expected in zip(model.weights(), other.weights(), strict=True):
        alike(value, expected, dtype, len(batches))


@behaviour
def batches_of_other_sizes_give_what_the_reference_gives(subject: Subject) -> None:
    batches = [examples(size, seed=size) for size in (8, 5, 8)]
    trained_alike(subject.model(), reference(subject.dtype).model(), subject.dtype, batches)


@behaviour
def the_summed_loss_is_divided_by_the_divisor(subject: Subject) -> None:
    models = (each.model(loss_divisor=3.0) for each in (subject, reference(subject.dtype)))
    trained_alike(*models, subject.dtype, [examples(5), examples(5, seed=4)])


@behaviour
def models_alive_at_once_keep_rate_shape_and_dtype_apart(subject: Subject) -> None:
    """What is compiled or switched for one of them must not reach the others."""
    kinds = [
        {"rate": 0.5, "dtype": subject.dtype},
        {"rate": 0.25, "dtype": subject.dtype},
        {"rate": 0.25, "dtype": "float32"},
        {"rate": 0.5, "dtype": subject.dtype, "shape": Shape(9, (), 4)},
    ]
    pairs = [(subject.model(**kind), reference(subject.dtype).model(**kind), kind["dtype"]) for kind in kinds]
    for number in (1, 2):
        for model, other, dtype in pairs:
            alike(step(model, examples()), step(other, examples()), dtype, number)
    for model, other, dtype in pairs:
        for value, expected in zip(model.weights(), other.weights(), strict=True):
            assert value.dtype == dtype, f"a {dtype} model has {value.dtype} weights"
            alike(value, expected, dtype, 2)


@behaviour
def logits_of_ten_thousand_give_the_right_loss_and_gradient(subject: Subject) -> None:
    shape = Shape(2, (), 3)
    weights = [np.array([[1e4, -1e4, 0], [-1e4, 1e4, 0]], np.float32), np.zeros(3, np.float32)]
    # The last image's logits are all zero, far below the others' maxima.
    batch = np.array([[1, 0], [0, 1], [1, 0], [0, 0]], np.float32), np.array([0, 0, 1, 0])
    model = subject.model(shape, weights, READING_RATE)
    alike(step(model, batch), (4e4 + np.log(3)) / 4, subject.dtype, 1)
    # Only the wrong ones pull: the second example from class 1 to 0, the third from class 0 to 1.
    gradient = (weights[0] - model.weights()[0]) / READING_RATE
    alike(gradient, [[0.25, -0.25, 0], [-0.25, 0.25, 0]], subject.dtype, 1)


@behaviour
def a_unit_that_is_exactly_zero_passes_no_gradient(subject: Subject) -> None:
    """With dark images and no biases every hidden unit lies on ReLU's kink."""
    model = subject.model(rate=READING_RATE)
    step(model, (np.zeros((8, SHAPE.inputs), np.float32), np.zeros(8, np.int64)))  # one class: nothing cancels
    same(model.weights()[:-1], [np.array(values) for values in initial_weights(SHAPE, 0)][:-1])


@behaviour
def a_learning_rate_of_zero_changes_nothing(subject: Subject) -> None:
    model = subject.model(rate=0.0)
    step(model, examples())
    same(model.weights(), initial_weights(SHAPE, 0))


@behaviour
def weights_are_copies_of_the_dtype(subject: Subject) -> None:
    model = subject.model()
    first = model.weights()
    for values in first:
        assert values.dtype == subject.dtype, f"{values.dtype}, not {subject.dtype}"
        values[:] = 7
    same(model.weights(), initial_weights(SHAPE, 0))
    step(model, examples())
    assert all((values == 7).all() for values in first), "a step changed them"


@behaviour
def given_weights_are_copied(subject: Subject) -> None:
    """So that models built from the same arrays start alike, whatever became of the model, or of the arrays."""
    given = initial_weights(SHAPE, 0)
    model = subject.model(weights=given, dtype="float32")  # in which they come
    step(model, examples())
    same(given, initial_weights(SHAPE, 0))
    after = model.weights()
    for values in given:
        values[:] = 7
    same(model.weights(), after)


@behaviour
def prediction_uses_the_weights_as_they_are_and_leaves_them(subject: Subject) -> None:
    model = subject.model()
    for size in (8, 5):
        step(model, examples(size))
        images, _ = examples(3, seed=size)
        before = model.weights()
        logits = model.predict(images)
        alike(logits, reference(subject.dtype).model(weights=before).predict(images), subject.dtype, 1)
        same(model.weights(), before)


@behaviour
def losses_can_be_read_after_later_steps(subject: Subject) -> None:
    batches = [examples(seed=seed) for seed in range(4)]
    model, other = subject.model(), subject.model()
    losses = [model.train_step(model.place(*batch)) for batch in batches]
    model.synchronize()
    read = [model.read(loss) for loss in reversed(losses)]
    assert all(type(loss) is float for loss in read), "not Python's floats"
    alike(read[::-1], [step(other, batch) for batch in batches], subject.dtype, len(batches))


@behaviour
def placed_batches_can_be_used_again_in_any_order(subject: Subject) -> None:
    model, other = (subject.model(dtype="float32") for _ in range(2))  # in which images come
    batches = [examples(seed=seed) for seed in (0, 1)]
    placed = [model.place(*batch) for batch in batches]
    for number, index in enumerate((0, 1, 1, 0), start=1):
        alike(model.read(model.train_step(placed[index])), step(other, batches[index]), "float32", number)
    same([part for batch in batches for part in batch], [part for seed in (0, 1) for part in examples(seed=seed)])


@behaviour
def images_may_lie_in_memory_as_they_like(subject: Subject) -> None:
    images, labels = examples()
    strided = np.asfortranarray(images), np.repeat(labels, 2)[::2]
    model, other = subject.model(), subject.model()
    alike(step(model, strided), step(other, (images, labels)), subject.dtype, 1)
    alike(model.predict(strided[0]), other.predict(images), subject.dtype, 2)


@behaviour
def what_it_cannot_do_has_a_reason(subject: Subject) -> None:
    """CUDA has been hidden from this process, wherever there is any."""
    assert subject.module.unsupported("cpu", subject.dtype) is None
    for device, dtype in (("cpu", "int8"), ("abacus", "float32"), ("cuda", "float32")):
        reason = subject.module.unsupported(device, dtype)
        assert isinstance(reason, str), f"{device} {dtype}: {reason!r}"
        assert reason, f"{device} {dtype}: an empty reason"


@behaviour
def it_says_what_of_a_step_is_compiled(subject: Subject) -> None:
    graph = subject.model().graph
    assert isinstance(graph, str)
    assert graph, "nothing is said"
    assert subject.variant.get("compiled", True) or graph == "none", f"{graph!r}, though nothing should be compiled"


@behaviour
def waiting_ends(subject: Subject) -> None:
    """On a new model, and after steps whose losses nobody reads."""
    model = subject.model()
    model.synchronize()
    model.train_step(model.place(*examples()))
    model.synchronize()
    model.synchronize()


def failures(module: ModuleType, variant: dict[str, Any]) -> dict[str, str | None]:
    """Return what went wrong in each behaviour, or None."""
    dtype = "float64" if module.unsupported("cpu", "float64") is None else "float32"
    return {name: _failure(function, Subject(module, variant, dtype)) for name, function in BEHAVIOURS.items()}


def _failure(function: Callable[[Subject], None], subject: Subject) -> str | None:
    try:
        function(subject)
    except Exception:  # an implementation may raise anything
        return traceback.format_exc()
    return None


def main(name: str) -> None:
    """Print a line of JSON: for each variant of an implementation, "" too, that runs on the CPU, its failures."""
    module = implementations.load(name, None)
    variants = {"": {}} | getattr(module, "VARIANTS", {})
    runs = {
        variant: keywords
        for variant, keywords in variants.items()
        if not implementations.refusal(module, "cpu", "float32", keywords)
    }
    print(json.dumps({variant: failures(module, keywords) for variant, keywords in runs.items()}))


if __name__ == "__main__":
    main(sys.argv[1])
