"""The MLP from scratch on torch tensors, as a course on deep learning writes it.

Uses torch's tensors and its automatic differentiation, and its own parameters, ReLU, softmax cross-entropy (shifted
by each row's maximum) and SGD. Uses nothing of ``torch.nn`` or ``torch.optim``, and no preallocated buffers.
"""

from __future__ import annotations

from collections.abc import Sequence
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
        return f"torch_scratch has no {dtype}"
    if device == "cuda" and not torch.cuda.is_available():
        return "torch sees no CUDA device"
    return None if device in ("cpu", "cuda") else f"torch_scratch has no device {device}"


def relu(values: Tensor) -> Tensor:
    """Return max(values, 0), with gradient 0 at 0 (``torch.maximum`` would give it a half)."""
    return torch.where(values > 0, values, 0.0)


def negative_log_likelihood(logits: Tensor, labels: Tensor) -> Tensor:
    """Return -log softmax of the labelled logits, (batch, 1), from (batch, outputs) and (batch, 1)."""
    shifted = logits - logits.detach().amax(dim=1, keepdim=True)
    return shifted.exp().sum(dim=1, keepdim=True).log() - shifted.gather(1, labels)


class _ScratchModel:
    graph = "none"

    def __init__(self, parameters: list[Tensor], learning_rate: float, loss_divisor: float | None) -> None:
        self._parameters = parameters
        self._learning_rate = learning_rate
        self._loss_divisor = loss_divisor

    def place(self, images: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Return images, (batch, inputs), and labels, (batch, 1), on the device."""
        like = self._parameters[0]
        return torch.tensor(images, dtype=like.dtype, device=like.device), torch.tensor(
            labels, dtype=torch.int64, device=like.device
        ).unsqueeze(1)

    def train_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Do one SGD step; return the loss as a tensor of no dimension."""
        images, labels = batch
        losses = negative_log_likelihood(self._forward(images), labels)
        loss = losses.mean() if self._loss_divisor is None else losses.sum() / self._loss_divisor
        loss.backward()
        self._update()
        return loss.detach()

    def read(self, loss: Tensor) -> float:
        """Return the loss as a Python float; waits for the device."""
        return loss.item()

    @torch.no_grad()
    def predict(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the logits, (batch, outputs)."""
        like = self._parameters[0]
        return _host(self._forward(torch.tensor(images, dtype=like.dtype, device=like.device)))

    def weights(self) -> list[NDArray[Any]]:
        """Return copies of W1, b1, W2, b2, ..."""
        return [_host(parameter) for parameter in self._parameters]

    def synchronize(self) -> None:
        """Return when the device has done all work handed to it."""
        if self._parameters[0].is_cuda:
            torch.cuda.synchronize(self._parameters[0].device)

    def _forward(self, values: Tensor) -> Tensor:
        for layer in range(0, len(self._parameters), 2):
            values = values if layer == 0 else relu(values)
            values = values @ self._parameters[layer] + self._parameters[layer + 1]  # (batch, columns)
        return values

    @torch.no_grad()
    def _update(self) -> None:
        for parameter in self._parameters:
            parameter -= self._learning_rate * parameter.grad
            parameter.grad = None


def _host(tensor: Tensor) -> NDArray[Any]:
    """Return a NumPy copy; NumPy has no bfloat16, which float32 holds exactly."""
    tensor = tensor.detach().cpu()
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
    parameters = [torch.tensor(w, dtype=DTYPES[dtype], device=device, requires_grad=True) for w in weights]
    return _ScratchModel(parameters, learning_rate, loss_divisor)
