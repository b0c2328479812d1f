"""Misbehaves on purpose: prints to standard output, at import and at each step, past Python's buffers too.

It is equal to the reference.
"""

from __future__ import annotations

import os

from mlp_impls.numpy_scratch import NumpyModel, unsupported

__all__ = ["FRAMEWORK", "build", "unsupported"]

FRAMEWORK = "numpy"

print('{"elapsed_s": 0.0} is not an answer')


class _Model(NumpyModel):
    def train_step(self, batch):
        print('{"equal": true}', flush=True)
        os.write(1, b"\x00\xff garbage\n")
        return super().train_step(batch)


def build(shape, weights, *, learning_rate, loss_divisor, device, dtype):
    return _Model(shape, weights, learning_rate, loss_divisor, dtype)
