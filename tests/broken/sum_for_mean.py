"""Broken on purpose: the loss is the batch's sum where its mean is asked for."""

from __future__ import annotations

from mlp_impls.numpy_scratch import NumpyModel, unsupported

__all__ = ["FRAMEWORK", "build", "unsupported"]

FRAMEWORK = "numpy"


def build(shape, weights, *, learning_rate, loss_divisor, device, dtype):
    return NumpyModel(shape, weights, learning_rate, 1.0 if loss_divisor is None else loss_divisor, dtype)
