"""Broken on purpose: every bias's gradient is half of what it should be."""

from __future__ import annotations

from mlp_impls.numpy_scratch import NumpyModel, unsupported

__all__ = ["FRAMEWORK", "build", "unsupported"]

FRAMEWORK = "numpy"


class _Model(NumpyModel):
    def _backward(self, images, buffers):
        super()._backward(images, buffers)
        for gradient in self._gradients[1::2]:
            gradient /= 2


def build(shape, weights, *, learning_rate, loss_divisor, device, dtype):
    return _Model(shape, weights, learning_rate, loss_divisor, dtype)
