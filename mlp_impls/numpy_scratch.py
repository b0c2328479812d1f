"""Backpropagation by hand in NumPy; in float64 it is the reference that every implementation is compared with.

Uses BLAS through ``np.matmul``, writes into buffers that are allocated once per batch size (``out=``), and shifts the
softmax by each row's maximum. Uses no automatic differentiation, computes no gradient of the images, and keeps no
state but the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_impls import Model, Shape

__all__ = ["FRAMEWORK", "NumpyModel", "build", "unsupported"]

FRAMEWORK = "numpy"

Array = NDArray[np.floating[Any]]
Batch = tuple[Array, NDArray[np.int64]]


def unsupported(device: str, dtype: str) -> str | None:
    """Return why it cannot run so, or None: NumPy has the CPU only, and BLAS for float32 and float64 only."""
    if device != "cpu":
        return f"NumPy has no {device.upper()}"
    if dtype == "float16":
        return "NumPy multiplies float16 matrices without BLAS"
    return None if dtype in ("float32", "float64") else f"NumPy has no {dtype}"


@dataclass(frozen=True)
class _Buffers:
    """What a step on ``batch`` examples writes to; the lists have one entry per layer, the last being the logits."""

    activations: list[Array]  # (batch, columns): after ReLU; the logits, which become their own gradient
    deltas: list[Array]  # (batch, columns): the loss's gradient at each hidden layer
    dead: list[NDArray[np.bool_]]  # (batch, columns): where ReLU is flat
    column: Array  # (batch, 1): row maxima, then row sums
    rows: NDArray[np.intp]  # (batch,): 0, 1, 2 ...

    @classmethod
    def allocate(cls, batch: int, columns: Sequence[int], dtype: str) -> _Buffers:
        """Return buffers for layers of so many columns each."""
        return cls(
            [np.empty((batch, width), dtype) for width in columns],
            [np.empty((batch, width), dtype) for width in columns[:-1]],
            [np.empty((batch, width), np.bool_) for width in columns[:-1]],
            np.empty((batch, 1), dtype),
            np.arange(batch),
        )


class NumpyModel:
    """The model; ``mlp_impls`` says what its methods promise."""

    graph = "none"

    def __init__(
        self, shape: Shape, weights: Sequence[Array], learning_rate: float, loss_divisor: float | None, dtype: str
    ) -> None:
        """Copy the weights, W1, b1, W2, b2, ...; ``loss_divisor`` None is the batch's mean."""
        self._shape = shape
        self._dtype = dtype
        self._parameters: list[Array] = [np.array(values, dtype=dtype, order="C") for values in weights]
        self._gradients: list[Array] = [np.empty_like(values) for values in self._parameters]
        self._learning_rate = learning_rate
        self._loss_divisor = loss_divisor
        self._buffers: dict[int, _Buffers] = {}

    def place(self, images: NDArray[np.float32], labels: NDArray[np.int64]) -> Batch:
        """Return both as contiguous arrays of the model's dtype and of int64."""
        return np.ascontiguousarray(images, dtype=self._dtype), np.ascontiguousarray(labels, dtype=np.int64)

    def train_step(self, batch: Batch) -> Any:
        """Do one SGD step; return the loss as a NumPy scalar."""
        images, labels = batch
        buffers = self._buffers_for(len(labels))
        self._forward(images, buffers.activations)
        loss = self._loss(labels, buffers)
        self._backward(images, buffers)
        for parameter, gradient in zip(self._parameters, self._gradients, strict=True):
            np.multiply(gradient, self._learning_rate, out=gradient)
            np.subtract(parameter, gradient, out=parameter)
        return loss

    def read(self, loss: Any) -> float:
        """Return the loss as a Python float."""
        return float(loss)

    def predict(self, images: NDArray[np.float32]) -> Array:
        """Return the logits, (batch, outputs)."""
        outputs: list[Array] = [np.empty((len(images), width), self._dtype) for width in self._shape.sizes[1:]]
        self._forward(np.asarray(images, dtype=self._dtype), outputs)
        return outputs[-1]

    def weights(self) -> list[Array]:
        """Return copies of W1, b1, W2, b2, ..."""
        return [parameter.copy() for parameter in self._parameters]

    def synchronize(self) -> None:
        """Return at once: NumPy computes before it returns."""

    def _buffers_for(self, batch: int) -> _Buffers:
        buffers = self._buffers.get(batch)
        if buffers is None:
            buffers = self._buffers[batch] = _Buffers.allocate(batch, self._shape.sizes[1:], self._dtype)
        return buffers

    def _forward(self, images: Array, outputs: Sequence[Array]) -> None:
        values = images  # (batch, inputs), then (batch, columns) of each layer
        for layer, output in enumerate(outputs):
            np.matmul(values, self._parameters[2 * layer], out=output)
            np.add(output, self._parameters[2 * layer + 1], out=output)
            if layer < len(outputs) - 1:
                np.maximum(output, 0, out=output)
            values = output

    def _loss(self, labels: NDArray[np.int64], buffers: _Buffers) -> Any:
        """Return the loss, and leave its gradient where the logits were."""
        logits, column = buffers.activations[-1], buffers.column
        np.max(logits, axis=1, keepdims=True, out=column)
        np.subtract(logits, column, out=logits)  # every row's maximum is 0 now: exp cannot overflow, no sum is below 1
        picked = logits[buffers.rows, labels]  # (batch,)
        np.exp(logits, out=logits)
        np.sum(logits, axis=1, keepdims=True, out=column)
        divisor = len(labels) if self._loss_divisor is None else self._loss_divisor
        np.divide(logits, column, out=logits)
        logits[buffers.rows, labels] -= 1
        np.divide(logits, divisor, out=logits)
        np.log(column, out=column)
        return np.sum(column[:, 0] - picked) / divisor

    def _backward(self, images: Array, buffers: _Buffers) -> None:
        """Write all gradients, last layer first; the first layer has no input gradient."""
        delta = buffers.activations[-1]  # (batch, outputs)
        for layer in range(len(buffers.activations) - 1, -1, -1):
            values = buffers.activations[layer - 1] if layer else images  # (batch, rows of W)
            np.matmul(values.T, delta, out=self._gradients[2 * layer])
            np.sum(delta, axis=0, out=self._gradients[2 * layer + 1])
            if layer:
                previous, dead = buffers.deltas[layer - 1], buffers.dead[layer - 1]
                np.matmul(delta, self._parameters[2 * layer].T, out=previous)
                np.less_equal(values, 0, out=dead)
                np.copyto(previous, 0, where=dead)
                delta = previous


def build(
    shape: Shape,
    weights: Sequence[Array],
    *,
    learning_rate: float,
    loss_divisor: float | None,
    device: str,
    dtype: str,
) -> Model:
    """Return a model that starts from these weights; ``loss_divisor`` None is the batch's mean."""
    return NumpyModel(shape, weights, learning_rate, loss_divisor, dtype)
