"""Backpropagation by hand on torch tensors, the whole step captured in a CUDA graph: the host launches it at once.

The arithmetic is that of ``torch_manual`` in fewer kernels: bias and ReLU belong to the forward product, and the
product that is the gradient of a weight updates it (``addmm_`` by minus the learning rate over the divisor), so that no
gradient of a weight is stored or rounded by itself. All memory is allocated once per batch size; ``cuda/steps.py``
tells which batches are copied and which have a graph of their own. Uses no automatic differentiation and nothing of
``torch.nn`` or ``torch.optim``.

The variant ``forked`` puts what no later kernel of the step waits for, the loss and the updates of layers that are done
with, in a second branch of the graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlp_impls import Model, Shape
from mlp_impls.cuda.graphs import Branch, CudaGraphs, Inline
from mlp_impls.cuda.model import DTYPES, Replayed, host
from mlp_impls.cuda.products import multiply_exactly
from mlp_impls.cuda.steps import Steps

__all__ = ["FRAMEWORK", "VARIANTS", "build", "unsupported"]

FRAMEWORK = "torch"
VARIANTS = {"forked": {"forked": True}}
MEAN, SUM = 1, 2  # torch's numbers for how losses are reduced
NO_LABEL = -100  # torch's default for labels to leave out


def unsupported(device: str, dtype: str) -> str | None:
    """Return why it cannot run so here, or None."""
    if dtype not in DTYPES:
        return f"torch_cudagraph has no {dtype}"
    if device != "cuda":
        return "torch_cudagraph needs a CUDA device"
    return None if torch.cuda.is_available() else "torch sees no CUDA device"


@dataclass(frozen=True)
class _Buffers:
    """What a step on ``batch`` examples writes to; the lists have one entry per layer."""

    activations: list[Tensor]  # (batch, columns): after ReLU; the logits
    logs: Tensor  # (batch, columns of the last): their log-softmax
    deltas: list[Tensor]  # (batch, columns): the gradient of the summed loss at each layer
    ones: Tensor  # (batch, 1)
    minus_one: Tensor  # (batch, 1)
    loss: Tensor  # of no dimension
    count: Tensor  # of no dimension; the examples, which torch writes beside a loss

    @classmethod
    def allocate(cls, batch: int, parameters: Sequence[Tensor]) -> _Buffers:
        """Return buffers for the layers with these parameters."""
        like = parameters[0]
        activations, deltas = ([like.new_empty(batch, len(bias)) for bias in parameters[1::2]] for _ in range(2))
        ones, minus_one = (like.new_full((batch, 1), value) for value in (1, -1))
        logs = torch.empty_like(activations[-1])
        return cls(activations, logs, deltas, ones, minus_one, like.new_empty(()), like.new_empty(()))


class _Network:
    """Parameters, W1, b1, W2, b2, ..., and a step that changes them."""

    def __init__(
        self, parameters: list[Tensor], learning_rate: float, loss_divisor: float | None, aside: Inline
    ) -> None:
        self.parameters = parameters
        self._learning_rate = learning_rate
        self._loss_divisor = loss_divisor
        self._aside = aside
        self._buffers: dict[int, _Buffers] = {}

    def step(self, images: Tensor, labels: Tensor) -> Tensor:
        """Do one SGD step on images, (batch, inputs), and labels, (batch,); return the loss of this batch size."""
        buffers = self._buffers.get(len(labels))
        if buffers is None:
            buffers = self._buffers[len(labels)] = _Buffers.allocate(len(labels), self.parameters)
        self.forward(images, buffers.activations)
        self._loss(labels, buffers)
        self._backward(images, buffers)
        self._aside.join()
        return buffers.loss

    def forward(self, values: Tensor, outputs: Sequence[Tensor]) -> None:
        """Write what the layers give, the logits last."""
        for layer, output in enumerate(outputs):
            weight, bias = self.parameters[2 * layer : 2 * layer + 2]
            # The one operation of torch that has cuBLAS apply ReLU.
            product = torch.addmm if layer == len(outputs) - 1 else torch._addmm_activation
            product(bias, values, weight, out=output)
            values = output  # (batch, columns)

    def _loss(self, labels: Tensor, buffers: _Buffers) -> None:
        """Write the loss, and the gradient of the summed loss at the logits: softmax, less 1 at the label."""
        torch.log_softmax(buffers.activations[-1], 1, out=buffers.logs)
        self._aside.run(partial(self._mean, labels, buffers))
        delta = torch.exp(buffers.logs, out=buffers.deltas[-1])
        delta.scatter_add_(1, labels.unsqueeze(1), buffers.minus_one)

    def _mean(self, labels: Tensor, buffers: _Buffers) -> None:
        torch.ops.aten.nll_loss_forward.output(
            buffers.logs, labels, None, MEAN if self._loss_divisor is None else SUM, NO_LABEL,
            output=buffers.loss, total_weight=buffers.count,
        )  # fmt: skip
        if self._loss_divisor is not None:
            buffers.loss.div_(self._loss_divisor)

    def _backward(self, images: Tensor, buffers: _Buffers) -> None:
        """Update all parameters, last layer first, each after its last use; images get no gradient."""
        rate = self._learning_rate / (len(images) if self._loss_divisor is None else self._loss_divisor)
        for layer in range(len(buffers.deltas) - 1, 0, -1):
            values, delta, previous = buffers.activations[layer - 1], buffers.deltas[layer], buffers.deltas[layer - 1]
            torch.mm(delta, self.parameters[2 * layer].T, out=previous)
            self._aside.run(partial(self._descend, layer, values, delta, buffers.ones, rate))
            torch.ops.aten.threshold_backward.grad_input(previous, values, 0, grad_input=previous)
        self._descend(0, images, buffers.deltas[0], buffers.ones, rate)

    def _descend(self, layer: int, values: Tensor, delta: Tensor, ones: Tensor, rate: float) -> None:
        """Update a layer by its gradients, from what enters it and the gradient at what leaves it."""
        weight, bias = self.parameters[2 * layer : 2 * layer + 2]
        # The bias by a product as well: that sums and updates in one kernel, and half types in float32.
        self._aside.run(lambda: bias.unsqueeze(1).addmm_(delta.T, ones, alpha=-rate))
        weight.addmm_(values.T, delta, alpha=-rate)


class _CapturedModel(Replayed):
    def __init__(self, network: _Network, steps: Steps, forked: bool) -> None:
        graph = f"CUDA graph of the whole step, captured by hand{', in two branches' if forked else ''}"
        super().__init__(steps, network.parameters[0], graph)
        self._network = network

    def predict(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the logits, (batch, outputs); not captured."""
        outputs = [self._like.new_empty(len(images), len(bias)) for bias in self._network.parameters[1::2]]
        self._network.forward(self._images(images), outputs)
        return host(outputs[-1])

    def weights(self) -> list[NDArray[Any]]:
        """Return copies of W1, b1, W2, b2, ..."""
        return [host(parameter) for parameter in self._network.parameters]


def build(
    shape: Shape,
    weights: Sequence[NDArray[np.float32]],
    *,
    learning_rate: float,
    loss_divisor: float | None,
    device: str,
    dtype: str,
    forked: bool = False,
) -> Model:
    """Return a model that starts from these weights; ``loss_divisor`` None is the batch's mean."""
    multiply_exactly()
    parameters = [torch.tensor(values, dtype=DTYPES[dtype], device=device) for values in weights]
    network = _Network(parameters, learning_rate, loss_divisor, Branch() if forked else Inline())
    return _CapturedModel(network, Steps(network.step, parameters, CudaGraphs()), forked)
