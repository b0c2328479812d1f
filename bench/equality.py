"""Equal before fast: an implementation against ``numpy_scratch`` in float64, before anything is timed.

Both start from the same weights and batches, rounded to the case's dtype. Compared are, normwise:

- the weights as built, and the logits and the loss of a first batch;
- every gradient, read off one step with a large power of two as learning rate. At 0.1 the update drowns in the weights'
  rounding; 2^20 times the gradient does not, and a power of two rounds nothing. Examples with a pre-activation within
  rounding of ReLU's kink are left out, their places taken by others, so that the batch stays as long as it was;
- loss and gradients again with the last weights scaled so that logits reach 1e4 (less where the dtype would overflow),
  where a softmax that is not shifted by each row's maximum overflows or vanishes;
- each loss and, at the end, the weights of ten steps at the case's learning rate; of fewer where weights are so many
  that the reference would take too long.

What is expected, and by what norm it may be missed, comes from ``expectation.py``. A deviation is the norm of the
difference over that of the reference's value; where that is smaller than what rounding allows, as for a gradient of
zeros, over the latter: a bound of 1 is one that says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.expectation import Expectation, Expected, Inputs, expectation, norm, read_gradients
from mlp_impls import Model, Shape

__all__ = ["Equality", "check"]


@dataclass(frozen=True)
class Equality:
    """Whether results match the reference, and the one that comes closest to its bound or exceeds it most.

    Attributes:
        equal: Whether every result is finite and within its bound.
        deviation: Of ``worst``: the norm of the difference over the norm of the reference's value.
        bound: What rounding explains of ``deviation``.
        worst: Which result it is.
        note: What else should be known, or None.
        failed: All results of a training step that are beyond their bounds, in the order above: the first one is
            nearest to what is wrong, as errors pass on from each to those after it.
    """

    equal: bool
    deviation: float
    bound: float
    worst: str
    note: str | None
    failed: tuple[str, ...] = ()

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
    loss_divisor: float | None = None,
    images: NDArray[np.float32] | None = None,
    labels: NDArray[np.int64] | None = None,
    cache: Path | None = None,
) -> Equality:
    """Compare an implementation with the reference.

    ``images``, (count, inputs) in [0, 1], and ``labels``, (count,), are drawn from, with replacement where they are too
    few for ten batches; where none are given, random ones are. In the folder ``cache`` the reference's results are kept
    for other implementations. A ``loss_divisor`` must be the batch, so that the loss is the mean all the same. Raises
    whatever the implementation raises.
    """
    if loss_divisor not in (None, batch):
        raise ValueError(f"a loss divided by {loss_divisor} is no mean over {batch}: nothing to compare it with")
    build = partial(
        provider_module.build, shape, loss_divisor=loss_divisor, device=device, dtype=dtype, **variant_kwargs
    )
    examples = None if images is None or labels is None else (images, labels)
    inputs = Inputs.drawn(shape, dtype, learning_rate, batch, seed, examples)
    expected = expectation(inputs, cache)
    pairs = zip(expected.results, _found(build, inputs, expected), strict=True)
    return _judge([_compare(result, value) for result, value in pairs], expected.note)


def _found(build: Callable[..., Model], inputs: Inputs, expected: Expectation) -> Iterator[Any]:
    """Yield what the implementation comes to, in the order of the expected results."""
    weights, (images, labels) = inputs.weights, inputs.batches[0]
    model = build(weights, learning_rate=1.0)
    yield from model.weights()
    yield model.predict(images)
    batch = images[expected.rows], labels[expected.rows]
    extreme = [*weights[:-2], expected.matrix, weights[-1]]
    for start, exponent in zip((weights, extreme), expected.exponents, strict=True):
        loss, gradients = read_gradients(build(start, learning_rate=2.0**exponent), start, batch, 2.0**exponent)
        yield loss
        yield from gradients
    model = build(weights, learning_rate=inputs.learning_rate)
    for batch in inputs.batches:
        yield model.read(model.train_step(model.place(*batch)))
    yield from model.weights()


def _judge(results: Sequence[_Result], note: str | None) -> Equality:
    worst = max(results, key=lambda result: result.share)
    failed = tuple(result.name for result in results if not result.share <= 1)
    if failed:
        finite = math.isfinite(worst.deviation)
        found = f"deviates by {worst.deviation:.3g}, allowed {worst.bound:.3g}" if finite else "is not finite"
        note = "; ".join(filter(None, (f"{worst.name} {found}", note)))
    return Equality(not failed, worst.deviation, worst.bound, worst.name, note, failed)


def _compare(expected: Expected, value: Any) -> _Result:
    """Return the deviation of an array, whose error's norm may reach the tolerance."""
    found = np.asarray(value)
    shape = expected.value.shape
    if found.shape != shape:
        return _Result(f"{expected.name} of shape {found.shape}, not {shape},", math.inf, 0.0)
    scale = max(norm(expected.value), expected.tolerance) or 1.0
    error = norm(found.astype(np.float64) - expected.value)
    return _Result(expected.name, error / scale if math.isfinite(error) else math.inf, expected.tolerance / scale)
