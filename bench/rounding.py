"""How far rounding alone may move the loss and the gradients of one step: what ``equality.py`` allows.

The model. A dtype of unit roundoff u computes ``x op y (1 + d) + e``, |d| <= u, |e| <= half its smallest number
(Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., 2002, eqs. 2.4 and 2.8). A sum of n products makes n
such errors, each of a partial sum s_k. Taken as independent and of mean zero they do not add up but diffuse: but with a
probability of 2 exp(-c^2 / 2) they stay within c u sqrt(sum of s_k^2) (Azuma-Hoeffding, as in Higham and Mary, "A new
approach to probabilistic rounding error analysis", SIAM J. Sci. Comput. 41(5), 2019, A2815). In which order a library
sums is unknown; over all orders the mean of the sum of s_k^2 is n (S^2 / 3 + Q / 6), S the whole sum and Q the sum of
the squared products (sampling without replacement, leading terms).

So each value carries a variance. A product of matrices adds u^2 n (S^2 / 3 + Q / 6) for its sums and u^2 S^2 + e^2 for
each time that a result is stored, and passes on the variances of its factors, to first order, weighted with the squares
of the other factor. Values that are the same in several examples round the same way there: in a sum over the batch
their errors do add up, and count as often. Float16 and bfloat16 products are summed in float32 and then rounded, as all
libraries do it. The softmax is bounded beyond first order, since logits may be large: where each log p is off by at
most d, p is off by at most min(p, 1 - p) (exp(d) - 1). The norm of a tensor's error is at most c times the root of its
summed variance. So u, the widths and the batch (as n) and the depth (as the products passed) enter. The one constant
that is chosen is c = 6, an error in 3e-8; nothing was fitted to what any implementation does.

ReLU's kink is another matter: where a pre-activation is within c times its root variance of zero, its gradient may
come out as all or nothing. Such units count as switched, and the examples without any can be told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CONFIDENCE", "PRECISIONS", "Allowed", "Forward", "Precision", "allowed", "forward"]

CONFIDENCE = 6.0
ELEMENTARY_ULPS = 4  # of exp and log: Intel's and SLEEF's vector versions, which NumPy and torch use, promise 4 ulp

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Precision:
    """A dtype's unit roundoff, that of its sums of products, its smallest positive number and its largest.

    ``factors`` is what a product's factors are off by where it rounds them first, at most and relative to them.
    """

    unit: float
    sums: float
    smallest: float
    largest: float
    factors: float = 0.0

    def stored(self, values: Array) -> Array:
        """Return the variance that rounding each value once brings; zeros are exact."""
        variance: Array = self.unit**2 * values**2 + (self.smallest / 2) ** 2 * (values != 0)
        return variance

    def summed(self, length: int, total: Any, squares: Any) -> Any:
        """Return the variance of sums of so many terms, from the squares of the sums and the sums of the squares.

        Where factors are rounded first, and possibly towards zero, both of a term's shrink it: in part that is as
        independent between terms as they are, in part it shrinks the sum as a whole.
        """
        variance = self.sums**2 * length * (total / 3 + squares / 6)
        return variance + (2 * self.factors) ** 2 * (total + squares) if self.factors else variance

    def round(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return float32 values that are also values of this dtype, to nearest, ties to even."""
        single = np.ascontiguousarray(values, dtype=np.float32)
        if self.unit == 2.0**-11:
            return single.astype(np.float16).astype(np.float32)
        if self.unit == 2.0**-8:  # the upper half of a float32
            bits = single.view(np.uint32)
            return ((bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32)
        return single


PRECISIONS = {
    "float64": Precision(2.0**-53, 2.0**-53, 2.0**-1074, float(np.finfo(np.float64).max)),
    "float32": Precision(2.0**-24, 2.0**-24, 2.0**-149, float(np.finfo(np.float32).max)),
    "bfloat16": Precision(2.0**-8, 2.0**-24, 2.0**-133, (2 - 2.0**-7) * 2.0**127),
    "float16": Precision(2.0**-11, 2.0**-24, 2.0**-24, 65504.0),
    # float32 numbers, of whose 24 significant bits a product takes 11, rounded or cut off (NVIDIA A100 white paper)
    "tf32": Precision(2.0**-24, 2.0**-24, 2.0**-149, float(np.finfo(np.float32).max), factors=2.0**-10),
}


@dataclass(frozen=True)
class Allowed:
    """Norms that the errors of one step's loss and of its gradients of W1, b1, W2, b2, ... may have."""

    loss: float
    gradients: list[float]


@dataclass(frozen=True)
class _Layer:
    """What enters a layer, (batch, rows), and which units are active and which may switch, (batch, columns)."""

    values: Array
    variance: Array
    active: NDArray[np.bool_]
    unsure: NDArray[np.bool_]


@dataclass(frozen=True)
class Forward:
    """The layers' values, and the logits, (batch, outputs), each with its variance."""

    layers: list[_Layer]
    logits: Array
    variance: Array

    @property
    def clear(self) -> NDArray[np.bool_]:
        """For each example, (batch,), whether no pre-activation of it is within rounding of zero."""
        near: NDArray[np.bool_] = np.any([layer.unsure.any(axis=1) for layer in self.layers], axis=0)
        return ~near

    @property
    def allowed(self) -> float:
        """The norm that the logits' error may have, all examples together."""
        return CONFIDENCE * float(np.sqrt(self.variance.sum()))


def forward(
    weights: Sequence[NDArray[Any]],
    images: NDArray[Any],
    precision: Precision,
    drift: Sequence[float] | None = None,
) -> Forward:
    """Return how far rounding may move the logits of images, (batch, inputs).

    ``drift`` has a norm per weight tensor by which the weights themselves may be off already.
    """
    layers: list[_Layer] = []
    values = np.asarray(images, dtype=np.float64)
    variance = np.zeros_like(values)
    for index in range(0, len(weights), 2):
        matrix, bias = (np.asarray(weights[i], dtype=np.float64) for i in (index, index + 1))
        product = values @ matrix
        # One product serves both: what the factor brings along, and the sums' own Q / 6.
        spread = _product_of_squares(variance + precision.summed(len(matrix), 0.0, values**2), matrix)
        spread += precision.summed(len(matrix), product**2, 0.0) + precision.stored(product)
        if drift is not None:  # seen as spread evenly; c is divided out, to be multiplied again at the end
            share, offset = (drift[i] ** 2 / weights[i].size / CONFIDENCE**2 for i in (index, index + 1))
            spread += (values**2).sum(axis=1, keepdims=True) * share + offset
        product += bias
        spread += precision.stored(product)
        hidden = index < len(weights) - 2
        active = product > 0
        unsure = (product**2 <= CONFIDENCE**2 * spread) & (spread > 0) & hidden
        layers.append(_Layer(values, variance, active, unsure))
        if hidden:
            values, variance = np.maximum(product, 0), spread * (active | unsure)
    return Forward(layers, product, spread)


def allowed(
    weights: Sequence[NDArray[Any]],
    passed: Forward,
    labels: NDArray[np.int64],
    gradients: Sequence[float],
    precision: Precision,
) -> Allowed:
    """Return what rounding allows one step, given its forward pass, labels, (batch,), and the gradients' own norms."""
    loss, delta, variance, repeats = _softmax(passed.logits, passed.variance, labels, precision)
    result: list[float] = []
    for index in range(len(passed.layers) - 1, -1, -1):
        norms = gradients[2 * index : 2 * index + 2]
        result[:0] = _gradients(passed.layers[index], delta, variance, repeats, norms, precision)
        if index:
            matrix = np.asarray(weights[2 * index], dtype=np.float64)
            delta, variance = _backward(passed.layers[index - 1], matrix, delta, variance, repeats, precision)
    return Allowed(loss, result)


def _product_of_squares(variance: Array, matrix: Array) -> Array:
    """Return ``variance @ matrix**2``, in float32 for speed, scaled so that nothing of weight underflows."""
    scales = float(variance.max()) or 1.0, float(np.abs(matrix).max()) or 1.0
    left, right = (variance / scales[0]).astype(np.float32), (matrix / scales[1]).astype(np.float32)
    return (left @ right**2).astype(np.float64) * scales[0] * scales[1] ** 2


def _repeats(values: Array, precision: Precision) -> Array:
    """Return in how many examples, itself included, each value of (batch, columns) is the same once rounded."""
    rounded = values if precision.unit == 2.0**-53 else precision.round(values)
    counts = np.empty(values.shape)
    for column in range(values.shape[1]):
        _, inverse, count = np.unique(rounded[:, column], return_inverse=True, return_counts=True)
        counts[:, column] = count[inverse]
    return counts


def _softmax(
    logits: Array, variance: Array, labels: NDArray[np.int64], precision: Precision
) -> tuple[float, Array, Array, Array]:
    """Return what the mean loss may be off by, its gradient by the logits, (batch, outputs), and that one's variance.

    The last is how often each example's row repeats, (batch, 1); the variance counts repeats already.
    """
    batch, outputs = logits.shape
    rows = np.arange(batch)
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # log p
    p = np.exp(logs)
    # Of log p: the logits' own, two subtractions as long as the logits are apart, a sum over the outputs, exp and log.
    steps = 2 * (np.log(outputs) - logs) ** 2 + outputs + 2 * ELEMENTARY_ULPS**2
    spread = variance + (p * variance).sum(axis=1, keepdims=True) + precision.unit**2 * steps
    loss = _mean_loss(-logs[rows, labels], spread[rows, labels], precision)
    # Cut off, as an error cannot exceed 1: exp overflows at 710.
    change = np.minimum(p, -np.expm1(logs)) * np.expm1(np.minimum(CONFIDENCE * np.sqrt(spread), 700))
    delta = p.copy()
    delta[rows, labels] -= 1
    delta /= batch
    repeats = _repeats(p, precision)
    own = ((np.minimum(change, 1) / CONFIDENCE) ** 2 + precision.stored(p)) / batch**2 + 2 * precision.stored(delta)
    return loss, delta, own * repeats, repeats.min(axis=1, keepdims=True)


def _mean_loss(losses: Array, variance: Array, precision: Precision) -> float:
    """Return what the mean of the losses, (batch,), may be off by."""
    batch, mean = len(losses), losses.mean()
    repeats = _repeats(losses[:, np.newaxis], precision)[:, 0]
    passed_on = np.sum((variance + precision.stored(losses)) * repeats) / batch**2
    own = repeats.mean() * precision.summed(batch, mean**2, np.sum(losses**2) / batch**2) + 2 * precision.stored(mean)
    return CONFIDENCE * float(np.sqrt(passed_on + own))


def _backward(
    below: _Layer, matrix: Array, delta: Array, variance: Array, repeats: Array, precision: Precision
) -> tuple[Array, Array]:
    """Return the loss's gradient by the pre-activations below, (batch, rows), and its variance."""
    upstream = delta @ matrix.T
    spread = _product_of_squares(variance + repeats * precision.summed(matrix.shape[1], 0.0, delta**2), matrix.T)
    spread += repeats * (precision.summed(matrix.shape[1], upstream**2, 0.0) + precision.stored(upstream))
    # A switched unit is off by all of its gradient: c is divided out, to be multiplied again at the end.
    switched = below.unsure * (upstream / CONFIDENCE) ** 2
    return upstream * below.active, spread * (below.active | below.unsure) + switched


def _gradients(
    layer: _Layer, delta: Array, variance: Array, repeats: Array, norms: Sequence[float], precision: Precision
) -> list[float]:
    """Return what the gradients of W and b, which have these norms, may be off by."""
    batch = len(delta)
    value, value_variance = (layer.values**2).sum(axis=1), layer.variance.sum(axis=1)  # per example: (batch,)
    error, error_variance = (delta**2).sum(axis=1), variance.sum(axis=1)
    of_matrix = np.sum((value + value_variance) * error_variance + repeats[:, 0] * value_variance * error)
    of_matrix += precision.summed(batch, norms[0] ** 2, np.sum(value * error))
    of_bias = np.sum(error_variance) + repeats.mean() * precision.summed(batch, norms[1] ** 2, np.sum(error))
    # Each element is stored twice, as a sum and divided or multiplied; the smallest number bounds those that vanish.
    vanished = (precision.smallest / 2) ** 2 * delta.shape[1]
    of_matrix += 2 * (precision.unit**2 * norms[0] ** 2 + vanished * layer.values.shape[1] * bool(norms[0]))
    of_bias += 2 * (precision.unit**2 * norms[1] ** 2 + vanished * bool(norms[1]))
    return [CONFIDENCE * float(np.sqrt(variance)) for variance in (of_matrix, of_bias)]
