"""The MLP with Gluon's own layers, loss and optimizer, hybridised.

Uses ``nn.HybridSequential`` of ``Dense``, ``SoftmaxCrossEntropyLoss``, automatic differentiation and ``Trainer`` with
``sgd``. Network and loss are one block, so that one graph, of static memory and shapes, holds all of the step but the
update; the variant ``eager`` does not hybridise it. Uses no key-value store, no multi-precision and none of MXNet's
environment variables. Products of float32 layers are oneDNN's. Where MXNet 1.9.1 would compute less precisely than the
dtype allows, in the log softmax and the update, it is told otherwise: the comments say how.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mxnet import autograd, context, gluon, init, npx
from mxnet import np as mnp
from mxnet.gluon import nn
from numpy.typing import NDArray

from mlp_impls import Model, Shape

__all__ = ["FRAMEWORK", "VARIANTS", "build", "unsupported"]

FRAMEWORK = "mxnet"
VARIANTS = {"eager": {"compiled": False}}
GRAPH = "hybridize of forward, loss and backward, static memory and shapes; update not in it"

npx.set_np()  # for the whole process: Gluon's blocks take and return arrays of mxnet.np


def unsupported(device: str, dtype: str) -> str | None:
    """Return why it cannot run so here, or None."""
    if device not in ("cpu", "cuda"):
        return f"gluon_concise has no device {device}"
    if device == "cuda" and not context.num_gpus():
        return "MXNet sees no CUDA device"
    if dtype == "float16" and device == "cpu":
        return "MXNet multiplies float16 matrices on CUDA only"
    if dtype == "bfloat16":
        return "mxnet.np has no bfloat16 arrays"
    return None if dtype in ("float32", "float64") else f"gluon_concise has no {dtype}"


class _Objective(gluon.HybridBlock):
    """The loss of the network on a batch, as one block."""

    def __init__(self, network: nn.HybridSequential, loss_divisor: float | None) -> None:
        super().__init__()
        self.network = network
        self.criterion = gluon.loss.SoftmaxCrossEntropyLoss(from_logits=True)  # MXNet's name for log probabilities
        self._loss_divisor = loss_divisor

    def hybrid_forward(self, operators: Any, images: Any, labels: Any) -> Any:
        """Return the loss, (), of images, (batch, inputs), and labels, (batch,), with arrays' or symbols' operators.

        A temperature, even of 1, keeps the log softmax from oneDNN 2.4.4's kernel, whose logarithm is off by up to
        4e-6: the last bias's gradient then misses what float32 explains.
        """
        logs = operators.npx.log_softmax(self.network(images), axis=-1, temperature=1.0)
        losses = self.criterion(logs, labels)  # (batch,)
        return losses.mean() if self._loss_divisor is None else losses.sum() / self._loss_divisor


class _ConciseModel:
    def __init__(
        self, objective: _Objective, learning_rate: float, place: context.Context, dtype: str, graph: str
    ) -> None:
        self.graph = graph
        self._objective = objective
        self._context = place
        self._dtype = dtype
        # The optimizer keeps its learning rate in float32. What is lost, a factor of 1 but for a float64 model, goes to
        # the gradient that the backward pass starts from.
        single = float(np.float32(learning_rate))
        self._start = mnp.array(learning_rate / (single or 1.0), dtype=dtype, ctx=place)  # ()
        self._trainer = gluon.Trainer(objective.collect_params(), "sgd", {"learning_rate": single}, kvstore=None)

    def place(self, images: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[mnp.ndarray, mnp.ndarray]:
        """Return images, (batch, inputs), and labels, (batch,), on the device."""
        return self._images(images), mnp.array(labels, dtype=np.int64, ctx=self._context)

    def train_step(self, batch: tuple[mnp.ndarray, mnp.ndarray]) -> mnp.ndarray:
        """Do one SGD step; return the loss as an array of no dimension. The first of a batch size plans the graph."""
        with autograd.record():
            loss = self._objective(*batch)
        loss.backward(self._start)
        self._trainer.step(batch_size=1)  # the loss is divided already
        return loss

    def read(self, loss: mnp.ndarray) -> float:
        """Return the loss as a Python float; waits for the engine."""
        return float(loss)

    def predict(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the logits, (batch, outputs)."""
        return self._objective.network(self._images(images)).asnumpy()

    def weights(self) -> list[NDArray[Any]]:
        """Return copies of W1, b1, W2, b2, ...; ``Dense`` keeps W as (out, in)."""
        layers = self._objective.network
        return [values.data().asnumpy().T for layer in layers for values in (layer.weight, layer.bias)]

    def synchronize(self) -> None:
        """Return when the engine, which computes while Python goes on, has done all work handed to it."""
        npx.waitall()

    def _images(self, images: NDArray[np.float32]) -> mnp.ndarray:
        return mnp.array(images, dtype=self._dtype, ctx=self._context)


def _network(shape: Shape, place: context.Context, dtype: str) -> nn.HybridSequential:
    """Return the layers with weights not yet set."""
    network = nn.HybridSequential()
    *before_hidden, before_last = shape.sizes[:-1]
    for rows, columns in zip(before_hidden, shape.hidden, strict=True):
        network.add(nn.Dense(columns, activation="relu", in_units=rows, dtype=dtype))
    network.add(nn.Dense(shape.outputs, in_units=before_last, dtype=dtype))
    network.initialize(init.Zero(), ctx=place)  # the default one draws float32 numbers, which float64 layers refuse
    return network


def build(
    shape: Shape,
    weights: Sequence[NDArray[np.float32]],
    *,
    learning_rate: float,
    loss_divisor: float | None,
    device: str,
    dtype: str,
    compiled: bool = True,
) -> Model:
    """Return a model that starts from these weights; ``loss_divisor`` None is the batch's mean."""
    place = context.cpu() if device == "cpu" else context.gpu()
    network = _network(shape, place, dtype)
    for layer, matrix, bias in zip(network, weights[::2], weights[1::2], strict=True):
        layer.weight.set_data(mnp.array(matrix.T, dtype=dtype, ctx=place))  # W of (in, out) becomes (out, in)
        layer.bias.set_data(mnp.array(bias, dtype=dtype, ctx=place))
    objective = _Objective(network, loss_divisor)
    if compiled:
        objective.hybridize(static_alloc=True, static_shape=True)
    return _ConciseModel(objective, learning_rate, place, dtype, GRAPH if compiled else "none")
