"""Misbehaves on purpose: each step takes 64 MiB more and keeps them.

It is equal to the reference, and each model behaves for 60 steps: longer than the equality check takes.
"""

from __future__ import annotations

import numpy as np

from mlp_impls.numpy_scratch import NumpyModel, unsupported

__all__ = ["FRAMEWORK", "build", "unsupported"]

FRAMEWORK = "numpy"
GOOD_STEPS = 60
CHUNK_BYTES = 64 * 2**20
HOARD = []  # written to, so that the memory is really taken


class _Model(NumpyModel):
    steps = 0

    def train_step(self, batch):
        self.steps += 1
        if self.steps > GOOD_STEPS:
            HOARD.append(np.ones(CHUNK_BYTES // 8))
        return super().train_step(batch)


def build(shape, weights, *, learning_rate, loss_divisor, device, dtype):
    return _Model(shape, weights, learning_rate, loss_divisor, dtype)
