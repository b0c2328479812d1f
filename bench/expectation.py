"""What is expected of any implementation: the results of ``numpy_scratch`` in float64, each with what it may be off by.

None of it depends on the implementation, and it costs many times what comparing does. So the workers of a run share
it: the first derives and stores it, the others load it. A file is named after a hash over all that enters, values and
code, so none is ever out of date; one that cannot be read is derived anew, and one that cannot be written is not.

Tolerances are what ``rounding.py`` explains. Over ten steps, fewer in huge networks, the errors of each add up, and are
then multiplied with the growth that the reference itself shows when its start is moved along its first update, as
gradients pull errors apart.
"""

from __future__ import annotations

import hashlib
import inspect
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import expectation_files, rounding
from bench.rounding import PRECISIONS, Forward, Precision, allowed, forward
from mlp_impls import Model, Shape, initial_weights, numpy_scratch

__all__ = ["Expectation", "Expected", "Inputs", "expectation", "norm", "read_gradients"]

STEPS = 10
READING_EXPONENT = 20  # gradients are read off a step with learning rate 2^20, less where the dtype would overflow
EXTREME_LOGIT = 1e4
NUDGE = 2.0**-4  # of the first update, to see how the reference's steps magnify it
HEADROOM = 16.0  # how far scaled values stay below the dtype's largest number
MOST_WEIGHTS = 2**28  # that all steps together move: each takes the reference many passes over them
LEAST_STEPS = 2  # the second starts from what the first one left

Weights = list[NDArray[Any]]
Batch = tuple[NDArray[np.float32], NDArray[np.int64]]


@dataclass(frozen=True)
class Inputs:
    """Where every model starts and what it is given: weights and a batch a step, in float32 but values of the dtype."""

    shape: Shape
    dtype: str
    learning_rate: float
    weights: Weights
    batches: list[Batch]

    @classmethod
    def drawn(
        cls, shape: Shape, dtype: str, learning_rate: float, batch: int, seed: int, examples: Batch | None
    ) -> Inputs:
        """Draw them by the seed, from these examples, or from random ones where there are none."""
        precision = PRECISIONS[dtype]
        generator = np.random.default_rng((seed, STEPS))
        if examples is None:
            # Half of the pixels dark, as in pictures of clothes.
            pixels = np.maximum(generator.uniform(-1, 1, (STEPS * batch, shape.inputs)), 0).astype(np.float32)
            examples = pixels, generator.integers(shape.outputs, size=STEPS * batch)
        images, labels = examples
        order = np.resize(generator.permutation(len(images)), (STEPS, batch))
        chosen = order[: _steps(shape)]
        batches = [(precision.round(images[rows]), np.asarray(labels[rows], dtype=np.int64)) for rows in chosen]
        weights: Weights = [precision.round(values) for values in initial_weights(shape, seed)]
        return cls(shape, dtype, learning_rate, weights, batches)

    @property
    def key(self) -> str:
        """A hash over all of them and over the code that turns them into an expectation."""
        digest = hashlib.sha256(repr((self.shape, self.dtype, self.learning_rate)).encode())
        for module in (numpy_scratch, rounding, sys.modules[__name__]):
            digest.update(inspect.getsource(module).encode())
        for array in (*self.weights, *(part for batch in self.batches for part in batch)):
            digest.update(f"{array.dtype.str} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def model(self, weights: Weights, learning_rate: float, dtype: str = "float64") -> Model:
        """Return the reference, started from these weights."""
        return numpy_scratch.build(
            self.shape, weights, learning_rate=learning_rate, loss_divisor=None, device="cpu", dtype=dtype
        )


@dataclass(frozen=True)
class Expected:
    """A result of the reference, and the norm that an implementation's difference from it may have."""

    name: str
    value: NDArray[Any]
    tolerance: float


@dataclass(frozen=True)
class Expectation:
    """All results, in the order in which they are taken, and what an implementation must know to give them.

    Attributes:
        results: Weights as built, logits; loss and gradients; both again at extreme logits; losses of ten steps, or of
            fewer where weights are too many, and the last weights.
        rows: Those of the first batch, (batch,), that losses and gradients of one step are taken of.
        matrix: The last W that makes logits extreme, (rows, outputs).
        exponents: Powers of two to read gradients with, at ordinary logits and at extreme ones.
        note: What else should be known, or None.
    """

    results: list[Expected]
    rows: NDArray[np.int64]
    matrix: NDArray[np.float32]
    exponents: list[int]
    note: str | None

    def arrays(self) -> dict[str, Any]:
        """Return it as named arrays, none of objects."""
        return {
            "names": np.array([result.name for result in self.results]),
            "tolerances": np.array([result.tolerance for result in self.results]),
            "rows": self.rows,
            "matrix": self.matrix,
            "exponents": np.array(self.exponents),
            "note": np.array(self.note or ""),
            **{f"value {index}": result.value for index, result in enumerate(self.results)},
        }

    @classmethod
    def from_arrays(cls, file: Any) -> Expectation:
        """Return the one whose ``arrays`` these are."""
        pairs = zip(file["names"].tolist(), file["tolerances"].tolist(), strict=True)
        results = [Expected(name, file[f"value {index}"], bound) for index, (name, bound) in enumerate(pairs)]
        return cls(results, file["rows"], file["matrix"], file["exponents"].tolist(), file["note"].item() or None)


def expectation(inputs: Inputs, folder: Path | None) -> Expectation:
    """Return what these inputs should lead to, as stored in the folder; derived and stored where it is not there."""
    if folder is None:
        return _derive(inputs)
    path = folder / f"{inputs.key}.npz"
    found = expectation_files.load(path, Expectation.from_arrays)
    if found is None:
        found = _derive(inputs)
        expectation_files.store(found.arrays(), path)
    return found


def norm(*arrays: NDArray[Any]) -> float:
    """Return the root of the sum of all squares, summed in float64."""
    return math.sqrt(sum(float(np.vdot(exact, exact)) for exact in (np.asarray(a, dtype=np.float64) for a in arrays)))


def read_gradients(model: Model, weights: Weights, batch: Batch, learning_rate: float) -> tuple[float, Weights]:
    """Return loss and gradients of one step of a model built from these weights with this learning rate."""
    loss = model.read(model.train_step(model.place(*batch)))
    after = model.weights()
    return loss, [
        (np.asarray(old, dtype=np.float64) - new) / learning_rate if new.shape == old.shape else new
        for old, new in zip(weights, after, strict=True)
    ]


def _derive(inputs: Inputs) -> Expectation:
    weights, precision, (images, labels) = inputs.weights, PRECISIONS[inputs.dtype], inputs.batches[0]
    passed = forward(weights, images, precision)
    logits = inputs.model(weights, 1.0).predict(images)
    rows, note = _clear_of_kink(passed)
    batch = images[rows], labels[rows]
    matrix = _extreme(weights, logits[rows], precision)
    of_batch = forward(weights, batch[0], precision) if note else passed
    ordinary, exponent = _one_step(inputs, weights, batch, of_batch, "")
    scaled = [*weights[:-2], matrix, weights[-1]]
    extreme, lower = _one_step(inputs, scaled, batch, forward(scaled, batch[0], precision), " (extreme logits)")
    results = [
        # As built they are values of the dtype already.
        *(Expected(f"{name} as built", value, precision.unit * norm(value)) for name, value in _named(weights)),
        Expected("logits", logits, passed.allowed),
        *ordinary,
        *extreme,
        *_all_steps(inputs),
    ]
    return Expectation(results, rows, matrix, [exponent, lower], _with_steps(note, len(inputs.batches)))


def _steps(shape: Shape) -> int:
    """Return how many steps are compared: ten, or fewer where the reference would take too long for its weights."""
    return max(LEAST_STEPS, min(STEPS, MOST_WEIGHTS // shape.parameters))


def _with_steps(note: str | None, steps: int) -> str | None:
    if steps == STEPS:
        return note
    fewer = f"compared over {steps} steps in place of {STEPS}: the reference would take too long for so many weights"
    return "; ".join(filter(None, (note, fewer)))


def _named(values: Weights) -> list[tuple[str, NDArray[Any]]]:
    return [(f"{'Wb'[index % 2]}{index // 2 + 1}", value) for index, value in enumerate(values)]


def _clear_of_kink(passed: Forward) -> tuple[NDArray[np.int64], str | None]:
    """Return which examples to take, those near ReLU's kink replaced by others, and what was done.

    Where fewer than half are clear (float16 and bfloat16, deep) all stay, and the bound allows for switched units.
    """
    clear, count = np.flatnonzero(passed.clear), len(passed.clear)
    near = count - len(clear)
    if not near:
        return clear, None
    found = f"{near} of {count} examples lie within rounding of ReLU's kink"
    if 2 * len(clear) < count:
        return np.arange(count), f"{found}: the bound on gradients allows for it"
    return np.concatenate([clear, np.resize(clear, near)]), f"{found}: left out of the check of gradients"


def _extreme(weights: Weights, logits: NDArray[Any], precision: Precision) -> NDArray[np.float32]:
    """Return the last W scaled so that the largest of the logits is 1e4, or as near as the dtype allows."""
    last: NDArray[np.float32] = weights[-2]
    logit, largest = float(np.abs(logits).max()), float(np.abs(last).max())
    if logit == 0 or largest == 0:
        return last
    limit = min(precision.largest, PRECISIONS["float32"].largest) / HEADROOM / largest
    # The losses, each at most twice the largest logit, are summed in the dtype by some: the sum must not overflow.
    target = min(EXTREME_LOGIT, precision.largest / 4 / len(logits))
    scale = target / logit if logit * limit > target else limit
    return precision.round(last.astype(np.float64) * scale)  # the scale of a deep network overflows float32


def _one_step(
    inputs: Inputs, weights: Weights, batch: Batch, passed: Forward, where: str
) -> tuple[list[Expected], int]:
    """Return loss and gradients of one step, and the power of two that an implementation's are to be read with."""
    precision, rate = PRECISIONS[inputs.dtype], 2.0**READING_EXPONENT
    loss, gradients = read_gradients(inputs.model(weights, rate), weights, batch, rate)
    norms = [norm(gradient) for gradient in gradients]
    bounds = allowed(weights, passed, batch[1], norms, precision)
    largest = max(1.0, *(float(np.abs(gradient).max()) for gradient in gradients))
    exponent = min(READING_EXPONENT, math.floor(math.log2(precision.largest / HEADROOM / largest)))
    results = [Expected(f"loss{where}", np.array(loss), bounds.loss)]
    for (name, gradient), size, bound, start in zip(_named(gradients), norms, bounds.gradients, weights, strict=True):
        # Stored twice, as the update and as the new weight, which holds the old one too; so does the reference.
        reading = (precision.unit + 2.0**-53) * (2 * size + 2.0**-exponent * norm(start))
        results.append(Expected(f"gradient of {name}{where}", gradient, bound + reading))
    return results, exponent


def _all_steps(inputs: Inputs) -> list[Expected]:
    """Return the loss of each step, and the weights after the last."""
    precision, rate = PRECISIONS[inputs.dtype], inputs.learning_rate
    losses, path = _walk(inputs)
    growth = _growth(inputs, path)
    drift = [0.0] * len(inputs.weights)
    results = []
    steps = zip(inputs.batches, losses, pairwise(path), strict=True)
    for step, ((images, labels), loss, (before, after)) in enumerate(steps, start=1):
        moves = [norm(new - old) for old, new in zip(before, after, strict=True)]
        passed = forward(before, images, precision, [growth * value for value in drift])
        bounds = allowed(before, passed, labels, [move / rate for move in moves], precision)
        results.append(Expected(f"loss of step {step}", np.array(loss), bounds.loss))
        for index, (error, move) in enumerate(zip(bounds.gradients, moves, strict=True)):
            # The gradient's error; the update rounded; the new weight rounded.
            drift[index] += rate * error + precision.unit * (move + norm(after[index]))
    # An error in one tensor moves the gradients of all others: each may be off by what all are together.
    tolerance = growth * math.hypot(*drift)
    return results + [
        Expected(f"{name} after step {len(losses)}", value, tolerance) for name, value in _named(path[-1])
    ]


def _walk(inputs: Inputs) -> tuple[list[float], list[Weights]]:
    """Return the reference's losses, and its weights before the first step and after each."""
    model = inputs.model(inputs.weights, inputs.learning_rate)
    path, losses = [model.weights()], []
    for batch in inputs.batches:
        losses.append(model.read(model.train_step(model.place(*batch))))
        path.append(model.weights())
    return losses, path


def _growth(inputs: Inputs, path: Sequence[Weights]) -> float:
    """Return by what factor, at least 1, a move of the start along the first update has grown at the end."""
    nudge = [NUDGE * (new - old) for old, new in zip(path[0], path[1], strict=True)]
    size = norm(*nudge)
    if not size:
        return 1.0
    moved = [old + step for old, step in zip(path[0], nudge, strict=True)]
    # Float32 will do: its rounding is small against the nudge.
    model = inputs.model(moved, inputs.learning_rate, "float32")
    for batch in inputs.batches:
        model.train_step(model.place(*batch))
    return max(1.0, norm(*(other - last for other, last in zip(model.weights(), path[-1], strict=True))) / size)
