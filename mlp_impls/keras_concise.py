"""The MLP with Keras's own layers, loss and optimizer, on TensorFlow.

Uses ``Sequential`` of ``Flatten`` and ``Dense``, ``SparseCategoricalCrossentropy``, ``SGD`` and, as Keras's guide to
training loops writes it, a step with ``GradientTape`` under ``tf.function``, traced for each batch size. Uses neither
``fit`` nor ``train_on_batch``, which is shorter, but keeps a mean of the losses and reads it back at every step, nor
XLA, which Keras itself leaves off on a CPU. The variant ``eager`` runs the same step without ``tf.function``.

The learning rate is given as a callable that returns a tensor: of a number Keras makes a float32 variable, whatever the
weights' dtype. The loss is computed in float32, Keras's default, and for float64 weights in float64.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_impls import Model, Shape

os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever the user's keras.json says; TensorFlow imports Keras too
import keras
import tensorflow as tf

__all__ = ["FRAMEWORK", "VARIANTS", "build", "unsupported"]

FRAMEWORK = "tensorflow"
VARIANTS = {"eager": {"compiled": False}}
DTYPES = ("float32", "float64", "bfloat16")
DEVICES = {"cpu": "/CPU:0", "cuda": "/GPU:0"}

tf.config.experimental.enable_tensor_float_32_execution(False)

Batch = tuple[tf.Tensor, tf.Tensor]
Step = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def unsupported(device: str, dtype: str) -> str | None:
    """Return why it cannot run so here, or None."""
    if dtype == "float16":
        return "Keras's SGD rounds the learning rate to float16, which has none as large as gradients are read with"
    if dtype not in DTYPES:
        return f"keras_concise has no {dtype}"
    if device == "cuda" and not tf.config.list_physical_devices("GPU"):
        return "TensorFlow sees no CUDA device"
    return None if device in DEVICES else f"keras_concise has no device {device}"


class _ConciseModel:
    def __init__(self, network: keras.Sequential, step: Step, compiled: bool, device: str, dtype: str) -> None:
        self.graph = "tf.function of the whole step" if compiled else "none"
        self._network = network
        self._step = tf.function(step, autograph=False) if compiled else step
        self._device = device
        self._dtype = dtype

    def place(self, images: NDArray[np.float32], labels: NDArray[np.int64]) -> Batch:
        """Return images, (batch, side, side) where square, and labels, (batch,), on the device."""
        with tf.device(self._device):
            return self._images(images), tf.constant(labels, tf.int64)

    def train_step(self, batch: Batch) -> tf.Tensor:
        """Do one SGD step; return the loss as a tensor of no dimension. The first of a batch size traces."""
        return self._step(*batch)

    def read(self, loss: tf.Tensor) -> float:
        """Return the loss as a Python float; waits for the device."""
        return float(loss)

    def predict(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the logits, (batch, outputs); not compiled."""
        with tf.device(self._device):
            return _host(self._network(self._images(images)))

    def weights(self) -> list[NDArray[Any]]:
        """Return copies of W1, b1, W2, b2, ..."""
        return [_host(weight.value) for weight in self._network.weights]

    def synchronize(self) -> None:
        """Return when the device has done all work handed to it; the CPU has when a step returns."""
        if self._device == DEVICES["cuda"]:
            tf.test.experimental.sync_devices()

    def _images(self, images: NDArray[np.float32]) -> tf.Tensor:
        return tf.cast(tf.constant(images.reshape(-1, *_image_shape(images.shape[1]))), self._dtype)


def _image_shape(pixels: int) -> tuple[int, ...]:
    side = math.isqrt(pixels)
    return (side, side) if side * side == pixels else (pixels,)


def _network(shape: Shape, dtype: str) -> keras.Sequential:
    """Return the layers with weights not yet set."""
    dense = partial(keras.layers.Dense, kernel_initializer="zeros", dtype=dtype)
    return keras.Sequential(
        [
            keras.Input(_image_shape(shape.inputs), dtype=dtype),
            keras.layers.Flatten(dtype=dtype),
            *(dense(width, activation="relu") for width in shape.hidden),
            dense(shape.outputs),
        ]
    )


def _step(network: keras.Sequential, learning_rate: float, loss_divisor: float | None, device: str, dtype: str) -> Step:
    """Return the function that does one SGD step on a batch and returns its loss."""
    criterion = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True,
        reduction="sum_over_batch_size" if loss_divisor is None else "sum",
        dtype="float64" if dtype == "float64" else "float32",
    )
    rate = tf.constant(learning_rate, dtype)
    optimizer = keras.optimizers.SGD(lambda: rate)
    optimizer.build(network.trainable_weights)

    def step(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.device(device):  # else operations without a variable would go to a GPU if there is one
            with tf.GradientTape() as tape:
                loss = criterion(labels, network(images, training=True))
                if loss_divisor is not None:
                    loss = loss / loss_divisor
            gradients = tape.gradient(loss, network.trainable_weights)
            optimizer.apply(gradients, network.trainable_weights)
            return loss

    return step


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
) -> Model:
    """Return a model that starts from these weights; ``loss_divisor`` None is the batch's mean."""
    with tf.device(DEVICES[device]):
        network = _network(shape, dtype)
        network.set_weights(weights)
        step = _step(network, learning_rate, loss_divisor, DEVICES[device], dtype)
    return _ConciseModel(network, step, compiled, DEVICES[device], dtype)
