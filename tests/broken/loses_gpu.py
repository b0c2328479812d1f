"""Misbehaves on purpose: a step of 8 hidden units fails as on a GPU, after which nothing in its process works.

It is equal to the reference, and each model behaves for 60 steps: longer than the equality check takes.
"""

from __future__ import annotations

from mlp_impls.numpy_scratch import NumpyModel, unsupported

__all__ = ["FRAMEWORK", "build", "unsupported"]

FRAMEWORK = "numpy"
GOOD_STEPS = 60
ERROR = "CUDA error: an illegal memory access was encountered"
LOST = []


class _Model(NumpyModel):
    steps = 0

    def train_step(self, batch):
        self.steps += 1
        if self.steps > GOOD_STEPS and self.hidden == (8,):
            LOST.append(True)
            raise RuntimeError(ERROR)
        return super().train_step(batch)


def build(shape, weights, *, learning_rate, loss_divisor, device, dtype):
    if LOST:
        raise RuntimeError(ERROR)
    model = _Model(shape, weights, learning_rate, loss_divisor, dtype)
    model.hidden = shape.hidden
    return model
