"""The MLP from scratch in JAX: pure functions, differentiated and compiled by its transformations.

Uses ``jax.value_and_grad`` and one ``jax.jit`` around the whole step, to which the weights are donated, so that the new
ones take the old ones' memory; its own parameters, ReLU, softmax cross-entropy (shifted by each row's maximum) and
SGD. Uses nothing of ``jax.nn``, Flax or Optax, no loop over layers on the device (``lax.scan``) and no compilation
cache on disk. The learning rate is an argument of the step, where it costs nothing: models that differ in it alone
share compiled code, one entry per batch size. On a CPU each step is computed by the thread that calls it: JAX's default
of handing it to another takes one thread more than was asked for, and longer than a small step where none is idle.

The variant ``eager`` calls the same functions without ``jax.jit``: JAX then compiles and runs each operation alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from mlp_impls import Model, Shape

__all__ = ["FRAMEWORK", "VARIANTS", "build", "unsupported"]

FRAMEWORK = "jax"
VARIANTS = {"eager": {"compiled": False}}
DTYPES = {name: getattr(jnp, name) for name in ("float32", "float64", "bfloat16", "float16")}

jax.config.update("jax_enable_x64", True)  # permits float64; what is float32 stays so
jax.config.update("jax_default_matmul_precision", "highest")  # a GPU would use tf32 for float32
jax.config.update("jax_cpu_enable_async_dispatch", False)

Weights = tuple[jax.Array, ...]
Batch = tuple[jax.Array, jax.Array]


def unsupported(device: str, dtype: str) -> str | None:
    """Return why it cannot run so here, or None."""
    if dtype not in DTYPES:
        return f"jax_scratch has no {dtype}"
    if device not in ("cpu", "cuda"):
        return f"jax_scratch has no device {device}"
    try:
        jax.devices(device)
    except RuntimeError:  # JAX's answer where there is none
        return f"JAX sees no {device.upper()} device"
    return None


def relu(values: jax.Array) -> jax.Array:
    """Return max(values, 0), with gradient 0 at 0 (``jnp.maximum`` would give it a half)."""
    return jnp.where(values > 0, values, 0)


def negative_log_likelihood(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Return -log softmax of the labelled logits, (batch,), from (batch, outputs) and (batch,)."""
    shifted = logits - lax.stop_gradient(logits.max(axis=1, keepdims=True))
    # Compared rather than gathered: the gradient needs no scatter, and XLA compiles it sooner.
    labelled = labels[:, None] == lax.broadcasted_iota(labels.dtype, logits.shape, 1)
    return jnp.log(jnp.exp(shifted).sum(axis=1)) - jnp.where(labelled, shifted, 0).sum(axis=1)


def forward(weights: Weights, values: jax.Array) -> jax.Array:
    """Return the logits, (batch, outputs), of images, (batch, inputs)."""
    dtype = values.dtype
    # Asked for bfloat16, XLA on a CPU would first make float32 matrices of the factors.
    sums = jnp.promote_types(dtype, jnp.float32)
    for layer in range(0, len(weights), 2):
        values = values if layer == 0 else relu(values)
        product = jnp.matmul(values, weights[layer], preferred_element_type=sums)
        values = (product + weights[layer + 1]).astype(dtype)  # (batch, columns)
    return values


def loss_of(weights: Weights, images: jax.Array, labels: jax.Array, loss_divisor: float | None) -> jax.Array:
    """Return the loss, of no dimension; ``loss_divisor`` None is the batch's mean."""
    losses = negative_log_likelihood(forward(weights, images), labels)
    return losses.mean() if loss_divisor is None else losses.sum() / loss_divisor


def sgd_step(
    weights: Weights, learning_rate: jax.Array, images: jax.Array, labels: jax.Array, loss_divisor: float | None
) -> tuple[Weights, jax.Array]:
    """Return the weights after one step, and the loss before it."""
    loss, gradients = jax.value_and_grad(loss_of)(weights, images, labels, loss_divisor)
    # In the learning rate's dtype, at least float32, and then rounded: it may exceed float16.
    pairs = zip(weights, gradients, strict=True)
    return tuple((old - learning_rate * gradient).astype(old.dtype) for old, gradient in pairs), loss


compiled_forward = jax.jit(forward)
compiled_step = jax.jit(sgd_step, static_argnames="loss_divisor", donate_argnames="weights")


class _ScratchModel:
    graph = "jax.jit of the whole step, weights donated"

    def __init__(self, weights: Weights, learning_rate: jax.Array, loss_divisor: float | None) -> None:
        self._weights = weights
        self._learning_rate = learning_rate
        self._loss_divisor = loss_divisor

    def place(self, images: NDArray[np.float32], labels: NDArray[np.int64]) -> Batch:
        """Return images, (batch, inputs), and labels, (batch,) of int32, on the device."""
        return self._images(images), _placed(labels, jnp.int32, self._learning_rate.device)

    def train_step(self, batch: Batch) -> jax.Array:
        """Do one SGD step; return the loss as an array of no dimension. The first of a batch size compiles."""
        images, labels = batch
        self._weights, loss = compiled_step(self._weights, self._learning_rate, images, labels, self._loss_divisor)
        return loss

    def read(self, loss: jax.Array) -> float:
        """Return the loss as a Python float; waits for the device."""
        return float(loss)

    def predict(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the logits, (batch, outputs)."""
        return _host(compiled_forward(self._weights, self._images(images)))

    def weights(self) -> list[NDArray[Any]]:
        """Return copies of W1, b1, W2, b2, ..."""
        return [_host(values) for values in self._weights]

    def synchronize(self) -> None:
        """Return when the weights that the last step wrote are there."""
        jax.block_until_ready(self._weights)

    def _images(self, images: NDArray[np.float32]) -> jax.Array:
        return _placed(images, self._weights[0].dtype, self._learning_rate.device)


class _EagerModel(_ScratchModel):
    graph = "none"

    def train_step(self, batch: Batch) -> jax.Array:
        """Do one SGD step, operation by operation."""
        with jax.default_device(self._learning_rate.device):  # of constants, or they would go to a GPU if there is one
            self._weights, loss = sgd_step(self._weights, self._learning_rate, *batch, self._loss_divisor)
        return loss

    def predict(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the logits, (batch, outputs)."""
        return _host(forward(self._weights, self._images(images)))


def _placed(values: Any, dtype: Any, device: jax.Device) -> jax.Array:
    """Return a copy bound to the device; NumPy makes it: JAX would compile that, and may keep the array it is given."""
    return jax.device_put(np.array(values, dtype=dtype), device)


def _host(array: jax.Array) -> NDArray[Any]:
    """Return a NumPy copy; NumPy has no bfloat16, which float32 holds exactly."""
    return np.array(array, dtype=np.float32 if array.dtype == jnp.bfloat16 else array.dtype)


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
    kind, place = DTYPES[dtype], jax.devices(device)[0]
    rate = _placed(learning_rate, jnp.promote_types(kind, jnp.float32), place)
    model = _ScratchModel if compiled else _EagerModel
    return model(tuple(_placed(values, kind, place) for values in weights), rate, loss_divisor)
