"""Equal before fast: an implementation against ``numpy_scratch`` in float64, before anything is timed.

Both start from the same weights and batches, rounded to the case's dtype. Compared are, normwise:

- the weights as built, and the logits and the loss of a first batch;
- every gradient, read off one step with a large power of two as learning rate. At 0.1 the update drowns in the weights'
  rounding; 2^20 times the gradient does not, and a power of two rounds nothing. Examples with a pre-activation within
  rounding of ReLU's kink are left out, their places taken by others, so that the batch stays as long as it was;
- loss and gradients again with the last weights scaled so that logits reach 1e4 (less where the dtype would overflow),
  where a softmax that is not shifted by each row's maximum overflows or vanishes;
- each loss and, at the end, the weights of ten steps at the case's learning rate.

Bounds come from ``rounding.py``. Over ten steps the errors of each step add up, and are then multiplied with the growth
that the reference itself shows when its start is moved along its first update, the direction in which gradients pull
errors apart. A deviation is the norm of the difference over that of the reference's value; where that is smaller than
what rounding allows, as for a gradient that is zero, over the latter: a bound of 1 is one that says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.rounding import PRECISIONS, Forward, Precision, allowed, forward
from mlp_impls import Model, Shape, initial_weights, numpy_scratch

__all__ = ["Equality", "check"]

STEPS = 10
READING_EXPONENT = 20  # gradients are read off a step with learning rate 2^20, less where the dtype would overflow
EXTREME_LOGIT = 1e4
NUDGE = 2.0**-4  # of the first update, to see how the reference's ten steps magnify it
HEADROOM = 16.0  # how far scaled values stay below the dtype's largest number

Build = Callable[..., Model]
Weights = list[NDArray[Any]]
Batch = tuple[NDArray[np.float32], NDArray[np.int64]]


@dataclass(frozen=True)
class Equality:
    """Whether results match the reference, and the one that comes closest to its bound or exceeds it most.

    Attributes:
        equal: Whether every result is finite and within its bound.
        deviation: Of ``worst``: the norm of the difference over the norm of the reference's value.
        bound: What rounding explains of ``deviation``.
        worst: Which result it is.
        note: What else should be known, or None.
    """

    equal: bool
    deviation: float
    bound: float
    worst: str
    note: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON holds them: a deviation that is not finite is null."""
        return asdict(self) | {"deviation": self.deviation if math.isfinite(self.deviation) else None}


@dataclass(frozen=True)
class _Result:
    name: str
    deviation: float
    bound: float

    @property
    def share(self) -> float:
        """The deviation over its bound; infinite for what is not finite."""
        if self.deviation == 0:
            return 0.0
        return self.deviation / self.bound if self.bound else math.inf


def check(
    provider_module: ModuleType,
    variant_kwargs: Mapping[str, Any],
    *,
    shape: Shape,
    dtype: str,
    device: str,
    batch: int,
    learning_rate: float,
    seed: int,
    images: NDArray[np.float32] | None = None,
    labels: NDArray[np.int64] | None = None,
) -> Equality:
    """Compare an implementation with the reference.

    ``images``, (count, inputs) in [0, 1], and ``labels``, (count,), are drawn from, with replacement where they are too
    few for ten batches; where none are given, random ones are. Raises whatever the implementation raises.
    """
    precision = PRECISIONS[dtype]
    build = partial(provider_module.build, shape, loss_divisor=None, device=device, dtype=dtype, **variant_kwargs)
    reference = partial(numpy_scratch.build, shape, loss_divisor=None, device="cpu", dtype="float64")
    weights: Weights = [precision.round(values) for values in initial_weights(shape, seed)]
    batches = _batches(shape, precision, batch, seed, images, labels)
    passed = forward(weights, batches[0][0], precision)
    first, note = _clear_of_kink(passed, batches[0])
    extreme = _extreme(reference, weights, first, precision)
    results = [
        *_start(build, reference, weights, batches[0], passed, precision),
        *_one_step(build, reference, weights, first, precision, ""),
        *_one_step(build, reference, extreme, first, precision, " (extreme logits)"),
        *_ten_steps(build, reference, shape, weights, batches, precision, learning_rate),
    ]
    return _judge(results, note)


def _judge(results: Sequence[_Result], note: str | None) -> Equality:
    worst = max(results, key=lambda result: result.share)
    equal = worst.share <= 1
    if not equal:
        finite = math.isfinite(worst.deviation)
        found = f"deviates by {worst.deviation:.3g}, allowed {worst.bound:.3g}" if finite else "is not finite"
        note = "; ".join(filter(None, (f"{worst.name} {found}", note)))
    return Equality(equal, worst.deviation, worst.bound, worst.name, note)


def _compare(name: str, value: Any, reference: Any, tolerance: float) -> _Result:
    """Return the deviation of an array, whose error's norm may reach ``tolerance``."""
    expected = np.asarray(reference, dtype=np.float64)
    found = np.asarray(value)
    if found.shape != expected.shape:
        return _Result(f"{name} of shape {found.shape}, not {expected.shape},", math.inf, 0.0)
    scale = max(_norm([expected]), tolerance) or 1.0
    error = _norm([found.astype(np.float64) - expected])
    return _Result(name, error / scale if math.isfinite(error) else math.inf, tolerance / scale)


def _norm(arrays: Sequence[NDArray[Any]]) -> float:
    return math.sqrt(sum(float(np.vdot(array, array)) for array in arrays))


def _names(count: int) -> list[str]:
    return [f"{'Wb'[index % 2]}{index // 2 + 1}" for index in range(count)]


def _batches(
    shape: Shape,
    precision: Precision,
    batch: int,
    seed: int,
    images: NDArray[np.float32] | None,
    labels: NDArray[np.int64] | None,
) -> list[Batch]:
    """Return ten batches whose images are values of the dtype."""
    generator = np.random.default_rng((seed, STEPS))
    if images is None or labels is None:
        # Half of the pixels dark, as in pictures of clothes.
        images = np.maximum(generator.uniform(-1, 1, (STEPS * batch, shape.inputs)), 0).astype(np.float32)
        labels = generator.integers(shape.outputs, size=STEPS * batch)
    order = np.resize(generator.permutation(len(images)), (STEPS, batch))
    return [(precision.round(images[rows]), np.asarray(labels[rows], dtype=np.int64)) for rows in order]


def _clear_of_kink(passed: Forward, batch: Batch) -> tuple[Batch, str | None]:
    """Return the batch with examples near ReLU's kink replaced by others of it, and what was done.

    Where fewer than half are clear (float16 and bfloat16, deep) all stay, and the bound allows for switched units.
    """
    images, labels = batch
    clear = np.flatnonzero(passed.clear)
    near = len(labels) - len(clear)
    if not near:
        return batch, None
    found = f"{near} of {len(labels)} examples lie within rounding of ReLU's kink"
    if 2 * len(clear) < len(labels):
        return batch, f"{found}: the bound on gradients allows for it"
    rows = np.concatenate([clear, np.resize(clear, near)])
    return (images[rows], labels[rows]), f"{found}: left out of the check of gradients"


def _start(
    build: Build, reference: Build, weights: Weights, batch: Batch, passed: Forward, precision: Precision
) -> Iterator[_Result]:
    """Compare the weights as built, which are values of the dtype already, and the logits."""
    model = build(weights, learning_rate=1.0)
    for name, value, expected in zip(_names(len(weights)), model.weights(), weights, strict=True):
        yield _compare(f"{name} as built", value, expected, precision.unit * _norm([expected]))
    expected = reference(weights, learning_rate=1.0).predict(batch[0])
    yield _compare("logits", model.predict(batch[0]), expected, passed.allowed)


def _one_step(
    build: Build, reference: Build, weights: Weights, batch: Batch, precision: Precision, where: str
) -> Iterator[_Result]:
    """Compare loss and gradients of one step."""
    expected_loss, gradients = _read_gradients(reference, weights, batch, 2.0**READING_EXPONENT)
    norms = [_norm([gradient]) for gradient in gradients]
    rounding = allowed(weights, forward(weights, batch[0], precision), batch[1], norms, precision)
    largest = max(1.0, *(float(np.abs(gradient).max()) for gradient in gradients))
    exponent = min(READING_EXPONENT, math.floor(math.log2(precision.largest / HEADROOM / largest)))
    loss, found = _read_gradients(build, weights, batch, 2.0**exponent)
    yield _compare(f"loss{where}", loss, expected_loss, rounding.loss)
    for name, value, gradient, norm, tolerance, start in zip(
        _names(len(weights)), found, gradients, norms, rounding.gradients, weights, strict=True
    ):
        # Stored twice, as the update and as the new weight, which holds the old one too; so does the reference.
        reading = (precision.unit + 2.0**-53) * (2 * norm + 2.0**-exponent * _norm([start]))
        yield _compare(f"gradient of {name}{where}", value, gradient, tolerance + reading)


def _read_gradients(build: Build, weights: Weights, batch: Batch, learning_rate: float) -> tuple[float, Weights]:
    model = build(weights, learning_rate=learning_rate)
    loss = model.read(model.train_step(model.place(*batch)))
    after = model.weights()
    return loss, [
        (np.asarray(old, dtype=np.float64) - new) / learning_rate if new.shape == old.shape else new
        for old, new in zip(weights, after, strict=True)
    ]


def _extreme(reference: Build, weights: Weights, batch: Batch, precision: Precision) -> Weights:
    """Return the weights with the last W scaled so that the largest logit is 1e4, or as near as the dtype allows."""
    logit = float(np.abs(reference(weights, learning_rate=1.0).predict(batch[0])).max())
    largest = float(np.abs(weights[-2]).max())
    if logit == 0 or largest == 0:
        return weights
    limit = min(precision.largest, PRECISIONS["float32"].largest) / HEADROOM / largest
    # The losses, each at most twice the largest logit, are summed in the dtype by some: the sum must not overflow.
    target = min(EXTREME_LOGIT, precision.largest / 4 / len(batch[1]))
    scale = target / logit if logit * limit > target else limit
    return [*weights[:-2], precision.round(weights[-2] * scale), weights[-1]]


def _ten_steps(
    build: Build,
    reference: Build,
    shape: Shape,
    weights: Weights,
    batches: Sequence[Batch],
    precision: Precision,
    learning_rate: float,
) -> Iterator[_Result]:
    """Compare the loss of each step, and the weights after the last."""
    expected = reference(weights, learning_rate=learning_rate)
    model = build(weights, learning_rate=learning_rate)
    path = [[np.asarray(values, dtype=np.float64) for values in weights]]
    losses = []
    for batch in batches:
        losses.append(expected.read(expected.train_step(expected.place(*batch))))
        path.append(expected.weights())
    growth = _growth(path, shape, batches, learning_rate)
    drift = [0.0] * len(weights)
    for step, (batch, loss, (before, after)) in enumerate(zip(batches, losses, pairwise(path), strict=True), start=1):
        moves = [_norm([new - old]) for old, new in zip(before, after, strict=True)]
        passed = forward(before, batch[0], precision, [growth * value for value in drift])
        rounding = allowed(before, passed, batch[1], [move / learning_rate for move in moves], precision)
        found = model.read(model.train_step(model.place(*batch)))
        yield _compare(f"loss of step {step}", found, loss, rounding.loss)
        for index, (error, move) in enumerate(zip(rounding.gradients, moves, strict=True)):
            # The gradient's error; the update rounded; the new weight rounded.
            drift[index] += learning_rate * error + precision.unit * (move + _norm([after[index]]))
    # An error in one tensor moves the gradients of all others: each may be off by what all are together.
    tolerance = growth * math.hypot(*drift)
    for name, value, target in zip(_names(len(weights)), model.weights(), path[-1], strict=True):
        yield _compare(f"{name} after step {STEPS}", value, target, tolerance)


def _growth(path: Sequence[Weights], shape: Shape, batches: Sequence[Batch], learning_rate: float) -> float:
    """Return by what factor, at least 1, a move of the start along the first update has grown at the end."""
    nudge = [NUDGE * (new - old) for old, new in zip(path[0], path[1], strict=True)]
    if not _norm(nudge):
        return 1.0
    moved = [old + step for old, step in zip(path[0], nudge, strict=True)]
    # Float32 will do: its rounding is small against the nudge.
    model = numpy_scratch.build(
        shape, moved, learning_rate=learning_rate, loss_divisor=None, device="cpu", dtype="float32"
    )
    for batch in batches:
        model.train_step(model.place(*batch))
    apart = _norm([other - last for other, last in zip(model.weights(), path[-1], strict=True)])
    return max(1.0, apart / _norm(nudge))
