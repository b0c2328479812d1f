"""Broken on purpose: loss and gradients are computed, the weights stay as they are."""

from __future__ import annotations

from mlp_impls.numpy_scratch import NumpyModel, unsupported

__all__ = ["FRAMEWORK", "build", "unsupported"]

FRAMEWORK = "numpy"


def build(shape, weights, *, learning_rate, loss_divisor, device, dtype):
    return NumpyModel(shape, weights, 0.0, loss_divisor, dtype)
