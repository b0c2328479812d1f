"""Right but slow: a step takes a seventh of a second."""

from __future__ import annotations

import time

from mlp_impls.numpy_scratch import NumpyModel, unsupported

__all__ = ["FRAMEWORK", "build", "unsupported"]

FRAMEWORK = "numpy"
STEP_S = 0.15


class _Model(NumpyModel):
    def train_step(self, batch):
        time.sleep(STEP_S)
        return super().train_step(batch)


def build(shape, weights, *, learning_rate, loss_divisor, device, dtype):
    return _Model(shape, weights, learning_rate, loss_divisor, dtype)
