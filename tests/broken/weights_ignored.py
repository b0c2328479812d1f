"""Broken on purpose: it starts from weights of its own, of the same distribution as those given."""

from __future__ import annotations

from mlp_impls import initial_weights
from mlp_impls.numpy_scratch import NumpyModel, unsupported

__all__ = ["FRAMEWORK", "build", "unsupported"]

FRAMEWORK = "numpy"
OWN_SEED = 271828


def build(shape, weights, *, learning_rate, loss_divisor, device, dtype):
    return NumpyModel(shape, initial_weights(shape, OWN_SEED), learning_rate, loss_divisor, dtype)
