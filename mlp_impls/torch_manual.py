"""Backpropagation by hand on torch tensors.

Uses torch's kernels with hand-written gradients, in place or into buffers that are allocated once per batch size
(``out=``). Uses no automatic differentiation, nothing of ``torch.nn`` or ``torch.optim``, and computes no gradient of
the images. The arithmetic is that of ``numpy_scratch``, so the two differ in their kernels only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlp_impls import Model, Shape
from mlp_impls.cuda.products import multiply_exactly

__all__ = ["FRAMEWORK", "build", "unsupported"]

FRAMEWORK = "torch"
DTYPES = {name: getattr(torch, name) for name in ("float32", "float64", "bfloat16", "float16")}


def unsupported(device: str, dtype: str) -> str | None:
    """Return why it cannot run so here, or None."""
    if dtype not in DTYPES:
        return f"torch_manual has no {dtype}"
    if device == "cuda" and not torch.cuda.is_available():
        return "torch sees no CUDA device"
    return None if device in ("cpu", "cuda") else f"torch_manual has no device {device}"


@dataclass(frozen=True)
class _Buffers:
    """What a step on ``batch`` examples writes to; the lists have one entry per layer, the last being the logits."""

    activations: list[Tensor]  # (batch, columns): after ReLU; the logits, which become their own gradient
    deltas: list[Tensor]  # (batch, columns): the loss's gradient at each hidden layer
    dead: list[Tensor]  # (batch, columns): where ReLU is flat
    column: Tensor  # (batch, 1): row maxima, then row sums
    minus_one: Tensor  # (batch, 1)

    @classmethod
    def allocate(cls, batch: int, parameters: Sequence[Tensor]) -> _Buffers:
        """Return buffers for the layers with these parameters."""
        like = parameters[0]
        columns = [len(bias) for bias in parameters[1::2]]
        return cls(
            [like.new_empty(batch, width) for width in columns],
            [like.new_empty(batch, width) for width in columns[:-1]],
            [like.new_empty(batch, width, dtype=torch.bool) for width in columns[:-1]],
            like.new_empty(batch, 1),
            like.new_full((batch, 1), -1),
        )


class _ManualModel:
    graph = "none"

    def __init__(self, parameters: list[Tensor], learning_rate: float, loss_divisor: float | None) -> None:
        self._parameters = parameters
        self._gradients = [torch.empty_like(parameter) for parameter in parameters]
        self._learning_rate = learning_rate
        self._loss_divisor = loss_divisor
        self._buffers: dict[int, _Buffers] = {}

    def place(self, images: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Return images, (batch, inputs), and labels, (batch, 1), on the device."""
        like = self._parameters[0]
        return torch.tensor(images, dtype=like.dtype, device=like.device), torch.tensor(
            labels, dtype=torch.int64, device=like.device
        ).unsqueeze(1)

    def train_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Do one SGD step; return the loss as a tensor of no dimension."""
        images, labels = batch
        buffers = self._buffers_for(len(labels))
        self._forward(images, buffers.activations)
        loss = self._loss(labels, buffers)
        self._backward(images, buffers)
        for parameter, gradient in zip(self._parameters, self._gradients, strict=True):
            parameter.sub_(gradient, alpha=self._learning_rate)
        return loss

    def read(self, loss: Tensor) -> float:
        """Return the loss as a Python float; waits for the device."""
        return loss.item()

    def predict(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the logits, (batch, outputs)."""
        like = self._parameters[0]
        outputs = [like.new_empty(len(images), len(bias)) for bias in self._parameters[1::2]]
        self._forward(torch.tensor(images, dtype=like.dtype, device=like.device), outputs)
        return _host(outputs[-1])

    def weights(self) -> list[NDArray[Any]]:
        """Return copies of W1, b1, W2, b2, ..."""
        return [_host(parameter) for parameter in self._parameters]

    def synchronize(self) -> None:
        """Return when the device has done all work handed to it."""
        if self._parameters[0].is_cuda:
            torch.cuda.synchronize(self._parameters[0].device)

    def _buffers_for(self, batch: int) -> _Buffers:
        buffers = self._buffers.get(batch)
        if buffers is None:
            buffers = self._buffers[batch] = _Buffers.allocate(batch, self._parameters)
        return buffers

    def _forward(self, values: Tensor, outputs: Sequence[Tensor]) -> None:
        for layer, output in enumerate(outputs):
            torch.addmm(self._parameters[2 * layer + 1], values, self._parameters[2 * layer], out=output)
            if layer < len(outputs) - 1:
                output.clamp_(min=0)
            values = output  # (batch, columns)

    def _loss(self, labels: Tensor, buffers: _Buffers) -> Tensor:
        """Return the loss, and leave its gradient where the logits were."""
        logits, column = buffers.activations[-1], buffers.column
        torch.amax(logits, dim=1, keepdim=True, out=column)
        logits.sub_(column)  # every row's maximum is 0 now: exp cannot overflow, and no sum is below 1
        picked = logits.gather(1, labels)  # (batch, 1)
        torch.sum(logits.exp_(), dim=1, keepdim=True, out=column)
        divisor = len(labels) if self._loss_divisor is None else self._loss_divisor
        logits.div_(column).scatter_add_(1, labels, buffers.minus_one).div_(divisor)
        losses = column.log_().sub_(picked)
        return losses.mean() if self._loss_divisor is None else losses.sum() / divisor

    def _backward(self, images: Tensor, buffers: _Buffers) -> None:
        """Write all gradients, last layer first; the first layer has no input gradient."""
        delta = buffers.activations[-1]  # (batch, outputs)
        for layer in range(len(buffers.activations) - 1, -1, -1):
            values = buffers.activations[layer - 1] if layer else images  # (batch, rows of W)
            torch.mm(values.T, delta, out=self._gradients[2 * layer])
            torch.sum(delta, dim=0, out=self._gradients[2 * layer + 1])
            if layer:
                previous, dead = buffers.deltas[layer - 1], buffers.dead[layer - 1]
                torch.mm(delta, self._parameters[2 * layer].T, out=previous)
                previous.masked_fill_(torch.le(values, 0, out=dead), 0)
                delta = previous


def _host(tensor: Tensor) -> NDArray[Any]:
    """Return a NumPy copy; NumPy has no bfloat16, which float32 holds exactly."""
    tensor = tensor.cpu()
    copy: NDArray[Any] = (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy().copy()
    return copy


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
    multiply_exactly()
    parameters = [torch.tensor(values, dtype=DTYPES[dtype], device=device) for values in weights]
    return _ManualModel(parameters, learning_rate, loss_divisor)
