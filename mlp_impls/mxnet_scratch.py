"""The MLP from scratch on MXNet's NumPy arrays, as a course on deep learning writes it.

Uses ``mxnet.np`` arrays and ``mxnet.autograd``, and its own parameters, ReLU, softmax cross-entropy (shifted by each
row's maximum) and SGD. Uses nothing of ``mxnet.gluon``, no compiled graph and no preallocated buffers. Its products
are those of ``np.dot``, which is OpenBLAS's gemm: MXNet gives oneDNN the products of ``fully_connected`` only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mxnet import autograd, context, npx
from mxnet import np as mnp
from numpy.typing import NDArray

from mlp_impls import Model, Shape

__all__ = ["FRAMEWORK", "build", "unsupported"]

FRAMEWORK = "mxnet"

npx.set_np()  # for the whole process: shapes may be (), and arrays are those of mxnet.np


def unsupported(device: str, dtype: str) -> str | None:
    """Return why it cannot run so here, or None."""
    if device not in ("cpu", "cuda"):
        return f"mxnet_scratch has no device {device}"
    if device == "cuda" and not context.num_gpus():
        return "MXNet sees no CUDA device"
    if dtype == "float16" and device == "cpu":
        return "MXNet multiplies float16 matrices on CUDA only"
    if dtype == "bfloat16":
        return "mxnet.np has no bfloat16 arrays"
    return None if dtype in ("float32", "float64") else f"mxnet_scratch has no {dtype}"


def relu(values: mnp.ndarray) -> mnp.ndarray:
    """Return max(values, 0), with gradient 0 at 0: ``maximum`` gives that of a tie to its first argument.

    ``where`` is no way to say it in MXNet 1.9.1: with a number it sends the gradient to the wrong side, and with an
    array it is ten times slower.
    """
    return mnp.maximum(mnp.zeros_like(values), values)


def negative_log_likelihood(logits: mnp.ndarray, labels: mnp.ndarray) -> mnp.ndarray:
    """Return -log softmax of the labelled logits, (batch,), from (batch, outputs) and (batch,)."""
    shifted = logits - logits.detach().max(axis=1, keepdims=True)
    return mnp.log(mnp.exp(shifted).sum(axis=1)) - npx.pick(shifted, labels, axis=1)


class _ScratchModel:
    graph = "none"

    def __init__(self, parameters: list[mnp.ndarray], learning_rate: float, loss_divisor: float | None) -> None:
        self._parameters = parameters
        self._learning_rate = learning_rate
        self._loss_divisor = loss_divisor
        for parameter in parameters:
            parameter.attach_grad()

    def place(self, images: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[mnp.ndarray, mnp.ndarray]:
        """Return images, (batch, inputs), and labels, (batch,), on the device."""
        like = self._parameters[0]
        return mnp.array(images, dtype=like.dtype, ctx=like.ctx), mnp.array(labels, dtype=np.int64, ctx=like.ctx)

    def train_step(self, batch: tuple[mnp.ndarray, mnp.ndarray]) -> mnp.ndarray:
        """Do one SGD step; return the loss as an array of no dimension."""
        images, labels = batch
        with autograd.record():
            losses = negative_log_likelihood(self._forward(images), labels)
            loss = losses.mean() if self._loss_divisor is None else losses.sum() / self._loss_divisor
        loss.backward()
        for parameter in self._parameters:
            parameter -= self._learning_rate * parameter.grad
        return loss

    def read(self, loss: mnp.ndarray) -> float:
        """Return the loss as a Python float; waits for the engine."""
        return float(loss)

    def predict(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the logits, (batch, outputs)."""
        like = self._parameters[0]
        return self._forward(mnp.array(images, dtype=like.dtype, ctx=like.ctx)).asnumpy()

    def weights(self) -> list[NDArray[Any]]:
        """Return copies of W1, b1, W2, b2, ..."""
        return [parameter.asnumpy() for parameter in self._parameters]

    def synchronize(self) -> None:
        """Return when the engine, which computes while Python goes on, has done all work handed to it."""
        npx.waitall()

    def _forward(self, values: mnp.ndarray) -> mnp.ndarray:
        for layer in range(0, len(self._parameters), 2):
            values = values if layer == 0 else relu(values)
            values = mnp.dot(values, self._parameters[layer]) + self._parameters[layer + 1]  # (batch, columns)
        return values


def build(
    shape: Shape,
    weights: Sequence[NDArray[np.float32]],
    *,
    learning_rate: float,
    loss_divisor: float | None,
    device: str,
    dtype: str,
) -> Model:
    """Return a model that starts from these weights; ``loss_divisor`` None is the batch's mean."""
    place = context.cpu() if device == "cpu" else context.gpu()
    parameters = [mnp.array(values, dtype=dtype, ctx=place) for values in weights]
    return _ScratchModel(parameters, learning_rate, loss_divisor)
