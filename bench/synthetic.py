"""Images of Fashion-MNIST's shape for machines that cannot get it: ten smooth patterns, shifted, dimmed and noisy.

An MLP learns them, so that its weights, activations and loss move as they would on real images.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["CLASSES", "SIDE", "draw"]

CLASSES = 10
SIDE = 28
WAVES = 4  # fewer than two periods across the image: neighbouring pixels are alike, as in pictures of clothes
PATTERN_SEED = 20_170_825  # any will do, as long as all machines, and both splits, share the patterns
CHUNK = 1000  # images at a time: 60,000 of them as floats would take 190 MB


def draw(count: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return images, (count, 28, 28), and labels, (count,), of balanced classes; the same for the same seed."""
    generator = np.random.default_rng((PATTERN_SEED, seed))
    patterns = _shifted(_patterns(np.random.default_rng(PATTERN_SEED)))
    labels = generator.permutation(np.arange(count, dtype=np.uint8) % CLASSES)
    images = np.empty((count, SIDE, SIDE), dtype=np.uint8)
    for start in range(0, count, CHUNK):
        rows = slice(start, start + CHUNK)
        images[rows] = _images(patterns, labels[rows], generator)
    return images, labels


def _patterns(generator: np.random.Generator) -> NDArray[np.float64]:
    """Return one sum of waves per class, (classes, rows, columns), scaled to [0, 1]."""
    y, x = np.meshgrid(np.linspace(0, 1, SIDE), np.linspace(0, 1, SIDE), indexing="ij")
    patterns = np.zeros((CLASSES, SIDE, SIDE))
    for i in range(WAVES):
        for j in range(WAVES):
            amplitude, phase = generator.standard_normal((2, CLASSES, 1, 1))
            patterns += amplitude * np.cos(np.pi * (i * y + j * x) + 2 * np.pi * phase)
    patterns -= patterns.min(axis=(1, 2), keepdims=True)
    patterns /= patterns.max(axis=(1, 2), keepdims=True)
    return patterns


def _shifted(patterns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the patterns shifted by up to a pixel each way: (shifts, classes, rows, columns)."""
    shifts = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return np.stack([np.roll(patterns, shift, axis=(1, 2)) for shift in shifts])


def _images(
    patterns: NDArray[np.float64], labels: NDArray[np.uint8], generator: np.random.Generator
) -> NDArray[np.uint8]:
    """Return one image per label, (count, rows, columns): its pattern, shifted and dimmed at random, and noise."""
    chosen = patterns[generator.integers(len(patterns), size=len(labels)), labels]
    brightness = generator.integers(110, 190, size=(len(labels), 1, 1))
    noise = generator.integers(0, 64, size=chosen.shape, dtype=np.uint8)
    return (chosen * brightness).astype(np.uint8) + noise
