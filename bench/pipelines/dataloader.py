"""The textbook's way: a shuffled ``DataLoader`` over torchvision's Fashion-MNIST with ``ToTensor``.

Each image is made a PIL image and then a tensor whenever it is drawn, by torchvision's own ``__getitem__``; only the
arrays that it reads are handed to it instead of being loaded from files.

Variants: ``workers2`` has two processes prepare the batches; ``pinned`` has them put into pinned memory, too, from
which they are copied to a CUDA device without waiting. The processes persist from one call to the next: starting them
anew for a part of an epoch would cost as much as for a whole one.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, default_collate

from bench.pipelines import Feed, Layout, Timed, untimed

__all__ = ["FRAMEWORK", "VARIANTS", "build", "unsupported"]

FRAMEWORK = "torch"
VARIANTS = {"workers2": {"workers": 2}, "pinned": {"workers": 2, "pinned": True}}


def unsupported(device: str, *, workers: int = 0, pinned: bool = False) -> str | None:
    """Return why it cannot run so here, or None."""
    if find_spec("torchvision") is None:
        return "torchvision, which the textbook's pipeline uses, is not installed"
    return "pinned memory is for transfers to a CUDA device" if pinned and device != "cuda" else None


def build(
    images: NDArray[np.uint8], labels: NDArray[np.uint8], layout: Layout, *, batch: int, seed: int,
    timed: Timed = untimed, workers: int = 0, pinned: bool = False,
) -> Feed:  # fmt: skip
    """Return what yields the batches."""
    dataset = _dataset(images, labels)
    sampler = _Shuffled(seed)
    loader = DataLoader(
        dataset if timed is untimed else _Watched(dataset, timed),
        batch_size=batch,
        sampler=sampler,
        num_workers=workers,
        collate_fn=timed("collate", default_collate),
        pin_memory=pinned,
        persistent_workers=workers > 0,
        multiprocessing_context="fork" if workers else None,  # a spawned one would not find this package
    )
    move = timed("transfer", lambda tensors: layout.moved(*tensors, non_blocking=pinned))

    def feed(start: int, stop: int) -> Iterator[Any]:
        sampler.span = range(start, stop)
        for tensors in loader:
            yield move(tensors)

    return feed


def _dataset(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Any:
    from torchvision.datasets import FashionMNIST
    from torchvision.transforms import ToTensor

    dataset = FashionMNIST.__new__(FashionMNIST)  # without reading files, which may not be there
    dataset.data = torch.from_numpy(np.array(images))
    dataset.targets = torch.from_numpy(labels.astype(np.int64))
    dataset.transform, dataset.target_transform = ToTensor(), None
    return dataset


class _Shuffled:
    """What ``shuffle=True`` samples, of a part of the data set."""

    def __init__(self, seed: int) -> None:
        self.span = range(0)
        self._generator = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return len(self.span)

    def __iter__(self) -> Iterator[int]:
        yield from torch.randperm(len(self.span), generator=self._generator).add_(self.span.start).tolist()


class _Watched:
    """A data set whose images are timed."""

    def __init__(self, dataset: Any, timed: Timed) -> None:
        self._dataset = dataset
        self._item = timed("decode", dataset.__getitem__)

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> Any:
        return self._item(index)
