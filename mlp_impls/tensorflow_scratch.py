"""The MLP from scratch on TensorFlow's variables, the whole step one graph.

Uses ``tf.Variable``, ``tf.GradientTape`` and one ``tf.function`` around the whole step; its own parameters, ReLU,
softmax cross-entropy (shifted by each row's maximum) and SGD, which writes in place. Uses nothing of Keras or
``tf.nn``, and no graph for batches of any size, which would be slower at each: every batch size is traced on its own.
What was traced is called directly, as a concrete function: finding it anew by its arguments would take a third of a
small step.

The variants: ``eager`` runs the same step operation by operation; ``xla`` has XLA compile the graph. That is not the
default: compiling takes half a second, which short trainings never earn back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from mlp_impls import Model, Shape

__all__ = ["FRAMEWORK", "VARIANTS", "build", "unsupported"]

FRAMEWORK = "tensorflow"
VARIANTS = {"eager": {"compiled": False}, "xla": {"jit_compile": True}}
DTYPES = {name: getattr(tf, name) for name in ("float32", "float64", "bfloat16", "float16")}
DEVICES = {"cpu": "/CPU:0", "cuda": "/GPU:0"}

tf.config.experimental.enable_tensor_float_32_execution(False)

Batch = tuple[tf.Tensor, tf.Tensor]
Step = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def unsupported(device: str, dtype: str) -> str | None:
    """Return why it cannot run so here, or None."""
    if dtype not in DTYPES:
        return f"tensorflow_scratch has no {dtype}"
    if device == "cuda" and not tf.config.list_physical_devices("GPU"):
        return "TensorFlow sees no CUDA device"
    return None if device in DEVICES else f"tensorflow_scratch has no device {device}"


def relu(values: tf.Tensor) -> tf.Tensor:
    """Return max(0, values), with gradient 0 at 0: ``tf.maximum`` gives that of a tie to its first argument."""
    return tf.maximum(tf.zeros((), values.dtype), values)


def negative_log_likelihood(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Return -log softmax of the labelled logits, (batch,), from (batch, outputs) and (batch,)."""
    shifted = logits - tf.stop_gradient(tf.reduce_max(logits, axis=1, keepdims=True))
    labelled = tf.one_hot(labels, logits.shape[1], dtype=logits.dtype)  # the gradient of tf.gather takes 80 operations
    return tf.math.log(tf.reduce_sum(tf.exp(shifted), axis=1)) - tf.reduce_sum(labelled * shifted, axis=1)


def forward(parameters: Sequence[tf.Variable], values: tf.Tensor) -> tf.Tensor:
    """Return the logits, (batch, outputs), of images, (batch, inputs)."""
    for layer in range(0, len(parameters), 2):
        values = values if layer == 0 else relu(values)
        values = values @ parameters[layer] + parameters[layer + 1]  # (batch, columns)
    return values


def sgd_step(
    parameters: Sequence[tf.Variable],
    learning_rate: tf.Tensor,
    loss_divisor: float | None,
    images: tf.Tensor,
    labels: tf.Tensor,
) -> tf.Tensor:
    """Do one step on images, (batch, inputs), and labels, (batch,); return the loss, of no dimension, before it."""
    with tf.device(parameters[0].device):  # else operations without a variable would go to a GPU if there is one
        with tf.GradientTape() as tape:
            losses = negative_log_likelihood(forward(parameters, images), labels)
            loss = tf.reduce_mean(losses) if loss_divisor is None else tf.reduce_sum(losses) / loss_divisor
        for parameter, gradient in zip(parameters, tape.gradient(loss, parameters), strict=True):
            # In the learning rate's dtype, at least float32, and then rounded: it may exceed float16.
            update = learning_rate * tf.cast(gradient, learning_rate.dtype)
            parameter.assign_sub(tf.cast(update, parameter.dtype))
        return loss


class _EagerModel:
    graph = "none"

    def __init__(self, parameters: list[tf.Variable], step: Step) -> None:
        self._parameters = parameters
        self._step = step
        self._device = parameters[0].device

    def place(self, images: NDArray[np.float32], labels: NDArray[np.int64]) -> Batch:
        """Return images, (batch, inputs), and labels, (batch,), on the device."""
        with tf.device(self._device):
            return self._images(images), tf.constant(labels, tf.int64)

    def train_step(self, batch: Batch) -> tf.Tensor:
        """Do one SGD step, operation by operation; return the loss as a tensor of no dimension."""
        return self._step(*batch)

    def read(self, loss: tf.Tensor) -> float:
        """Return the loss as a Python float; waits for the device."""
        return float(loss)

    def predict(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the logits, (batch, outputs); not compiled."""
        with tf.device(self._device):
            return _host(forward(self._parameters, self._images(images)))

    def weights(self) -> list[NDArray[Any]]:
        """Return copies of W1, b1, W2, b2, ..."""
        return [_host(parameter) for parameter in self._parameters]

    def synchronize(self) -> None:
        """Return when the device has done all work handed to it; the CPU has when a step returns."""
        if "GPU" in self._device:
            tf.test.experimental.sync_devices()

    def _images(self, images: NDArray[np.float32]) -> tf.Tensor:
        return tf.cast(tf.constant(images), self._parameters[0].dtype)


class _CompiledModel(_EagerModel):
    def __init__(self, parameters: list[tf.Variable], step: Step, jit_compile: bool) -> None:
        super().__init__(parameters, step)
        self.graph = "tf.function of the whole step" + (", compiled by XLA" if jit_compile else "")
        self._function = tf.function(step, autograph=False, jit_compile=jit_compile)
        self._traced: dict[int, Step] = {}

    def train_step(self, batch: Batch) -> tf.Tensor:
        """Do one SGD step; return the loss as a tensor of no dimension. The first of a batch size traces."""
        images, labels = batch
        step = self._traced.get(len(labels))
        if step is None:
            step = self._traced[len(labels)] = self._function.get_concrete_function(images, labels)
        return step(images, labels)


def _host(tensor: tf.Tensor) -> NDArray[Any]:
    """Return a NumPy copy; NumPy has no bfloat16, which float32 holds exactly."""
    return (tf.cast(tensor, tf.float32) if tensor.dtype == tf.bfloat16 else tensor).numpy()


def build(
    shape: Shape,
    weights: Sequence[NDArray[np.float32]],
    *,
    learning_rate: float,
    loss_divisor: float | None,
    device: str,
    dtype: str,
    compiled: bool = True,
    jit_compile: bool = False,
) -> Model:
    """Return a model that starts from these weights; ``loss_divisor`` None is the batch's mean."""
    kind = DTYPES[dtype]
    with tf.device(DEVICES[device]):
        parameters = [tf.Variable(tf.cast(values, kind)) for values in weights]
        rate = tf.constant(learning_rate, tf.float64 if kind == tf.float64 else tf.float32)
    step = partial(sgd_step, parameters, rate, loss_divisor)
    return _CompiledModel(parameters, step, jit_compile) if compiled else _EagerModel(parameters, step)
