"""The MLP from Flax's layers, with Optax's loss and SGD, its whole step compiled by ``jax.jit``.

Uses ``flax.linen``, where a network is a pure function of its parameters: a tree of dictionaries, which ``jax.jit``
takes apart in C++ at each call and which is donated, so that the new parameters take the old ones' memory. Uses not
``flax.nnx``, Flax's newer interface: its ``nnx.jit`` takes a tree of Python objects apart in Python at each call, which
lasts longer than all of a small step. Uses no ``TrainState``: plain SGD has no state to keep. The learning rate is an
argument of the step, where it costs nothing: models that differ in it alone share compiled code, one entry per batch
size. On a CPU each step is computed by the thread that calls it: JAX's default of handing it to another takes one
thread more than was asked for, and longer than a small step where none is idle.

The variant ``eager`` calls the same functions without ``jax.jit``: JAX then compiles and runs each operation alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from numpy.typing import NDArray

from mlp_impls import Model, Shape

__all__ = ["FRAMEWORK", "VARIANTS", "build", "unsupported"]

FRAMEWORK = "jax"
VARIANTS = {"eager": {"compiled": False}}
DTYPES = {name: getattr(jnp, name) for name in ("float32", "float64", "bfloat16", "float16")}

jax.config.update("jax_enable_x64", True)  # permits float64; what is float32 stays so
jax.config.update("jax_default_matmul_precision", "highest")  # a GPU would use tf32 for float32
jax.config.update("jax_cpu_enable_async_dispatch", False)

Parameters = dict[str, dict[str, dict[str, jax.Array]]]
Batch = tuple[jax.Array, jax.Array]
Forward = Callable[[Parameters, jax.Array], jax.Array]
Step = Callable[[Parameters, jax.Array, jax.Array, jax.Array], tuple[Parameters, jax.Array]]


def unsupported(device: str, dtype: str) -> str | None:
    """Return why it cannot run so here, or None."""
    if dtype not in DTYPES:
        return f"flax_concise has no {dtype}"
    if device not in ("cpu", "cuda"):
        return f"flax_concise has no device {device}"
    try:
        jax.devices(device)
    except RuntimeError:  # JAX's answer where there is none
        return f"JAX sees no {device.upper()} device"
    return None


def _network(shape: Shape, dtype: Any) -> nn.Sequential:
    """Return the layers; their parameters are kept apart from them."""
    dense = functools.partial(nn.Dense, dtype=dtype, param_dtype=dtype)
    layers: list[Any] = []
    for width in shape.hidden:
        layers += [dense(width), nn.relu]
    return nn.Sequential([*layers, dense(shape.outputs)])


@functools.cache
def _functions(shape: Shape, loss_divisor: float | None, dtype: str, compiled: bool) -> tuple[Forward, Step]:
    """Return the forward pass and the training step of such networks; jit keeps what it compiled with them."""
    network = _network(shape, DTYPES[dtype])

    def loss_of(parameters: Parameters, images: jax.Array, labels: jax.Array) -> jax.Array:
        losses = optax.softmax_cross_entropy_with_integer_labels(network.apply(parameters, images), labels)
        return losses.mean() if loss_divisor is None else losses.sum() / loss_divisor

    def step(
        parameters: Parameters, learning_rate: jax.Array, images: jax.Array, labels: jax.Array
    ) -> tuple[Parameters, jax.Array]:
        loss, gradients = jax.value_and_grad(loss_of)(parameters, images, labels)
        optimizer = optax.sgd(learning_rate)
        updates, _ = optimizer.update(gradients, optimizer.init(parameters))
        return optax.apply_updates(parameters, updates), loss

    return (jax.jit(network.apply), jax.jit(step, donate_argnums=0)) if compiled else (network.apply, step)


class _ConciseModel:
    graph = "jax.jit of the whole step, weights donated"

    def __init__(self, functions: tuple[Forward, Step], parameters: Parameters, learning_rate: jax.Array) -> None:
        self._forward, self._step = functions
        self._parameters = parameters
        self._learning_rate = learning_rate

    def place(self, images: NDArray[np.float32], labels: NDArray[np.int64]) -> Batch:
        """Return images, (batch, inputs), and labels, (batch,) of int32, on the device."""
        return self._images(images), _placed(labels, jnp.int32, self._learning_rate.device)

    def train_step(self, batch: Batch) -> jax.Array:
        """Do one SGD step; return the loss as an array of no dimension. The first of a batch size compiles."""
        images, labels = batch
        self._parameters, loss = self._step(self._parameters, self._learning_rate, images, labels)
        return loss

    def read(self, loss: jax.Array) -> float:
        """Return the loss as a Python float; waits for the device."""
        return float(loss)

    def predict(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the logits, (batch, outputs)."""
        return _host(self._forward(self._parameters, self._images(images)))

    def weights(self) -> list[NDArray[Any]]:
        """Return copies of W1, b1, W2, b2, ..."""
        layers = self._parameters["params"]
        return [_host(layers[name][part]) for name in _names(len(layers)) for part in ("kernel", "bias")]

    def synchronize(self) -> None:
        """Return when the parameters that the last step wrote are there."""
        jax.block_until_ready(self._parameters)

    def _images(self, images: NDArray[np.float32]) -> jax.Array:
        dtype = self._parameters["params"][_names(1)[0]]["kernel"].dtype
        return _placed(images, dtype, self._learning_rate.device)


class _EagerModel(_ConciseModel):
    graph = "none"

    def train_step(self, batch: Batch) -> jax.Array:
        """Do one SGD step, operation by operation."""
        with jax.default_device(self._learning_rate.device):  # of constants, or they would go to a GPU if there is one
            return super().train_step(batch)


def _names(layers: int) -> list[str]:
    """Return what ``nn.Sequential`` calls so many dense layers: it counts the ReLUs between them too."""
    return [f"layers_{2 * layer}" for layer in range(layers)]


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
    names = _names(len(shape.sizes) - 1)
    layers = {
        name: {"kernel": _placed(matrix, kind, place), "bias": _placed(bias, kind, place)}
        for name, matrix, bias in zip(names, weights[::2], weights[1::2], strict=True)
    }
    # At least float32, as it may exceed float16; Optax then rounds what it has added.
    rate = _placed(learning_rate, jnp.promote_types(kind, jnp.float32), place)
    model = _ConciseModel if compiled else _EagerModel
    return model(_functions(shape, loss_divisor, dtype, compiled), {"params": layers}, rate)
