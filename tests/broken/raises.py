"""Misbehaves on purpose: a step raises an error.

It is equal to the reference, and each model behaves for 60 steps: longer than the equality check takes.
"""

from __future__ import annotations

from mlp_impls.numpy_scratch import NumpyModel, unsupported

__all__ = ["FRAMEWORK", "build", "unsupported"]

FRAMEWORK = "numpy"
GOOD_STEPS = 60


class _Model(NumpyModel):
    steps = 0

    def train_step(self, batch):
        self.steps += 1
        if self.steps > GOOD_STEPS:
            raise RuntimeError(f"step {self.steps} went wrong")
        return super().train_step(batch)


def build(shape, weights, *, learning_rate, loss_divisor, device, dtype):
    return _Model(shape, weights, learning_rate, loss_divisor, dtype)
