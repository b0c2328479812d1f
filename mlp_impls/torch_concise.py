"""The MLP as most people write it, with torch's own layers, loss and optimizer.

Uses ``nn.Sequential`` of ``Flatten``, ``LazyLinear`` and ``ReLU``, ``nn.CrossEntropyLoss``, automatic differentiation
and ``torch.optim.SGD``, all with their defaults. Uses no compilation, no buffers of its own and no fused optimizer.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch._dynamo  # torch.optim imports it at its first use: a second of start-up that is no building of a model
from numpy.typing import NDArray
from torch import Tensor, nn

from mlp_impls import Model, Shape
from mlp_impls.cuda.products import multiply_exactly

__all__ = ["FRAMEWORK", "build", "unsupported"]

FRAMEWORK = "torch"
DTYPES = {name: getattr(torch, name) for name in ("float32", "float64", "bfloat16", "float16")}


def unsupported(device: str, dtype: str) -> str | None:
    """Return why it cannot run so here, or None."""
    if dtype not in DTYPES:
        return f"torch_concise has no {dtype}"
    if device == "cuda" and not torch.cuda.is_available():
        return "torch sees no CUDA device"
    return None if device in ("cpu", "cuda") else f"torch_concise has no device {device}"


class _ConciseModel:
    graph = "none"

    def __init__(self, network: nn.Sequential, learning_rate: float, loss_divisor: float | None) -> None:
        self._network = network
        self._loss = nn.CrossEntropyLoss(reduction="mean" if loss_divisor is None else "sum")
        self._loss_divisor = loss_divisor
        self._optimizer = torch.optim.SGD(network.parameters(), lr=learning_rate)

    def place(self, images: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Return images, (batch, 1, side, side) where square, and labels, (batch,), on the device."""
        return self._images(images), torch.tensor(labels, dtype=torch.int64, device=self._like.device)

    def train_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Do one SGD step; return the loss as a tensor of no dimension."""
        images, labels = batch
        loss: Tensor = self._loss(self._network(images), labels)
        if self._loss_divisor is not None:
            loss = loss / self._loss_divisor
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        return loss.detach()

    def read(self, loss: Tensor) -> float:
        """Return the loss as a Python float; waits for the device."""
        return loss.item()

    @torch.no_grad()
    def predict(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the logits, (batch, outputs)."""
        return _host(self._network(self._images(images)))

    def weights(self) -> list[NDArray[Any]]:
        """Return copies of W1, b1, W2, b2, ...; ``nn.Linear`` keeps W as (out, in)."""
        return [_host(parameter.T if parameter.ndim == 2 else parameter) for parameter in self._network.parameters()]

    def synchronize(self) -> None:
        """Return when the device has done all work handed to it."""
        if self._like.is_cuda:
            torch.cuda.synchronize(self._like.device)

    @property
    def _like(self) -> Tensor:
        return next(self._network.parameters())

    def _images(self, images: NDArray[np.float32]) -> Tensor:
        side = math.isqrt(images.shape[1])
        placed = torch.tensor(images, dtype=self._like.dtype, device=self._like.device)
        return placed.reshape(-1, 1, side, side) if side * side == images.shape[1] else placed


def _network(shape: Shape, device: str, dtype: torch.dtype) -> nn.Sequential:
    """Return the layers with weights not yet set; one pass tells each ``LazyLinear`` its number of inputs."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Lazy modules are a new feature")
        layers: list[nn.Module] = [nn.Flatten()]
        for width in shape.hidden:
            layers += [nn.LazyLinear(width, device=device, dtype=dtype), nn.ReLU()]
        layers.append(nn.LazyLinear(shape.outputs, device=device, dtype=dtype))
    network = nn.Sequential(*layers)
    network(torch.zeros(1, shape.inputs, device=device, dtype=dtype))
    return network


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
    network = _network(shape, device, DTYPES[dtype])
    with torch.no_grad():
        for parameter, values in zip(network.parameters(), weights, strict=True):
            parameter.copy_(torch.tensor(values.T))  # W of (in, out) becomes (out, in)
    return _ConciseModel(network, learning_rate, loss_divisor)
