"""All images on the device from the start, batches being parts of them in their order: nothing shuffled or copied."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.pipelines import Feed, Layout, Timed, untimed

__all__ = ["FRAMEWORK", "build"]

FRAMEWORK = "torch"


def build(
    images: NDArray[np.uint8], labels: NDArray[np.uint8], layout: Layout, *, batch: int, seed: int,
    timed: Timed = untimed,
) -> Feed:  # fmt: skip
    """Return what yields the batches; there is nothing for the seed to draw."""
    pixels, classes = layout.resident(images, labels)
    part = timed("collate", lambda rows: layout.batch(pixels[rows], classes[rows]))

    def feed(start: int, stop: int) -> Iterator[Any]:
        for first in range(start, stop, batch):
            yield part(slice(first, min(first + batch, stop)))

    return feed
