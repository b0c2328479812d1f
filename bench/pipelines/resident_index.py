"""All images on the device from the start, each batch picked by the next part of a permutation."""

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

    def shuffled(start: int, stop: int) -> tuple[Any, ...]:
        order = torch.randperm(stop - start, generator=generator).add_(start).to(layout.device)
        rows: tuple[Any, ...] = order.split(batch)
        return rows

    order_of = timed("collate", shuffled)
    pick = timed("collate", lambda rows: layout.batch(pixels[rows], classes[rows]))

    def feed(start: int, stop: int) -> Iterator[Any]:
        for rows in order_of(start, stop):
            yield pick(rows)

    return feed
