"""What is computed: one file is one way to write the MLP, named after itself.

The contract of an implementation file:

``FRAMEWORK``
    A string literal: the environment it needs (``"numpy"``, ``"torch"``, ...).
``VARIANTS``
    Optional literal ``{name: {keyword: value}}``; its rows are then ``NAME`` and ``NAME:VARIANT``, and the keywords
    are passed on to ``build``.
``unsupported(device, dtype) -> str | None``
    The reason why it cannot run so here, or None. Where it has a parameter ``shape`` or one named like a variant's
    keyword, which then have defaults, it is asked for each network or variant as well.
``build(shape, weights, *, learning_rate, loss_divisor, device, dtype) -> Model``
    A model that starts from exactly these weights.

``FRAMEWORK`` and ``VARIANTS`` are literals because they are read without importing the file: only workers import
frameworks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Model", "Shape", "initial_weights", "repeated"]

INITIAL_DEVIATION = 0.01  # d2l.ai, "Implementation of Multilayer Perceptrons": weights from N(0, 0.01^2), zero biases
MOST_DRAWN = 16_777_259  # the first prime above 4096 squared: no two rows of a matrix begin at the same of its values


@dataclass(frozen=True)
class Shape:
    """The layer sizes of an MLP with ReLU between its layers."""

    inputs: int = 784
    hidden: tuple[int, ...] = (256,)
    outputs: int = 10

    @property
    def sizes(self) -> tuple[int, ...]:
        """All layer sizes, inputs first."""
        return (self.inputs, *self.hidden, self.outputs)

    @property
    def name(self) -> str:
        """The sizes joined by dashes, as in ``784-256-10``."""
        return "-".join(map(str, self.sizes))

    @property
    def parameters(self) -> int:
        """The count of weights and biases."""
        return sum((rows + 1) * columns for rows, columns in zip(self.sizes, self.sizes[1:], strict=False))


class Model(Protocol):
    """What ``build`` returns. ``dtype`` is that of weights, activations and gradients.

    It may have ``train_epoch(batches) -> losses`` as well: a step on each batch of a list in turn, each as ``place``
    returned it, and their losses, which later calls leave as they are. It is for what hands a device all steps at once,
    and must come to what ``train_step`` comes to, batch by batch.

    Attributes:
        graph: What of the step is compiled or captured, in a few words: ``none`` where every operation is called one by
            one. It is recorded and shown, and steers nothing.
    """

    graph: str

    def place(self, images: NDArray[np.float32], labels: NDArray[np.int64]) -> Any:
        """Return host arrays, (batch, inputs) in [0, 1] and (batch,), as what a step takes; never timed."""

    def train_step(self, batch: Any) -> Any:
        """Do forward, loss, backward and update; return the framework's own loss, unread."""

    def read(self, loss: Any) -> float:
        """Return a loss that ``train_step`` returned as a Python float."""

    def predict(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the logits, (batch, outputs), of host images, (batch, inputs)."""

    def weights(self) -> list[NDArray[Any]]:
        """Return copies of W1, b1, W2, b2, ...: W of (rows in, columns out), b of (columns out,)."""

    def synchronize(self) -> None:
        """Return when all work handed to the device is done."""


def initial_weights(shape: Shape, seed: int) -> list[NDArray[np.float32]]:
    """Return W1, b1, W2, b2, ... as float32: weights from N(0, 0.01^2), biases zero."""
    generator = np.random.default_rng(seed)
    weights: list[NDArray[np.float32]] = []
    for rows, columns in zip(shape.sizes, shape.sizes[1:], strict=False):
        weights.append(repeated(lambda size: _normal(generator, size), (rows, columns)))
        weights.append(np.zeros(columns, dtype=np.float32))
    return weights


def _normal(generator: np.random.Generator, size: tuple[int, ...]) -> NDArray[np.float32]:
    return (INITIAL_DEVIATION * generator.standard_normal(size)).astype(np.float32)


def repeated(draw: Callable[[tuple[int, ...]], NDArray[Any]], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return ``draw(shape)``; of more than ``MOST_DRAWN`` elements only so many are drawn and repeat, row by row.

    Drawing takes ten times as long as copying, and each process of a launch draws its own.
    """
    return draw(shape) if math.prod(shape) <= MOST_DRAWN else np.resize(draw((MOST_DRAWN,)), shape)
