"""All images on the device from the start, copied in a permutation's order once, batches being parts of that copy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.pipelines import Feed, Layout, Timed, untimed

__all__ = ["FRAMEWORK", "build"]

FRAMEWORK = "torch"


def build(
    images: NDArray[np.uint8], labels: NDArray[np.uint8], layout: Layout, *, batch: int, seed: int,
    timed: Timed = untimed,
) -> Feed:  # fmt: skip
    """Return what yields the batches."""
    pixels, classes = layout.resident(images, labels)
    generator = torch.Generator().manual_seed(seed)

    def shuffled(start: int, stop: int) -> Iterator[tuple[Any, Any]]:
        order = torch.randperm(stop - start, generator=generator).add_(start).to(layout.device)
        return zip(pixels[order].split(batch), classes[order].split(batch), strict=True)

    copied = timed("collate", shuffled)
    part = timed("collate", layout.batch)

    def feed(start: int, stop: int) -> Iterator[Any]:
        for tensors in copied(start, stop):
            yield part(*tensors)

    return feed
