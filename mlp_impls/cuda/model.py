"""What of a model is the same whatever its step is made of: images go in, steps are replayed, arrays come out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlp_impls.cuda.steps import Loss, Placed, Steps

__all__ = ["DTYPES", "Replayed", "host"]

DTYPES = {name: getattr(torch, name) for name in ("float32", "float64", "bfloat16", "float16")}


class Replayed:
    """A ``Model`` but for ``predict`` and ``weights``.

    Args:
        steps: Its steps.
        like: A tensor of its dtype on its device.
        graph: What of a step is captured, in a few words.
    """

    def __init__(self, steps: Steps, like: Tensor, graph: str) -> None:
        self.graph = graph
        self._steps = steps
        self._like = like

    def place(self, images: NDArray[np.float32], labels: NDArray[np.int64]) -> Placed:
        """Return images, (batch, inputs), and labels, (batch,), on the device."""
        return self._steps.placed(self._images(images), torch.tensor(labels, device=self._like.device))

    def train_step(self, batch: tuple[Tensor, Tensor]) -> Loss:
        """Do one SGD step; the first of a batch size captures it, and so does the second on a batch."""
        return self._steps(batch)

    def train_epoch(self, batches: Sequence[tuple[Tensor, Tensor]]) -> list[Loss]:
        """Do one SGD step on each batch in turn, in one replay; the first of such sizes captures it."""
        return self._steps.epoch(batches)

    def read(self, loss: Loss) -> float:
        """Return the loss as a Python float; waits for the device."""
        return loss.value.item()

    def synchronize(self) -> None:
        """Return when the device has done all work handed to it."""
        if self._like.is_cuda:
            torch.cuda.synchronize(self._like.device)

    def _images(self, images: NDArray[np.float32]) -> Tensor:
        return torch.tensor(images, dtype=self._like.dtype, device=self._like.device)


def host(tensor: Tensor) -> NDArray[Any]:
    """Return a NumPy copy; NumPy has no bfloat16, which float32 holds exactly."""
    tensor = tensor.cpu()
    copy: NDArray[Any] = (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy().copy()
    return copy
