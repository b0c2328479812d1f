"""Misbehaves on purpose: raises when it is asked what of its step is compiled. It is equal to the reference."""

from __future__ import annotations

from mlp_impls.numpy_scratch import NumpyModel, unsupported

__all__ = ["FRAMEWORK", "build", "unsupported"]

FRAMEWORK = "numpy"


class _Model(NumpyModel):
    @property
    def graph(self):
        raise RuntimeError("nobody may know")


def build(shape, weights, *, learning_rate, loss_divisor, device, dtype):
    return _Model(shape, weights, learning_rate, loss_divisor, dtype)
