"""One SGD step of an MLP whose inputs and hidden layers are made wider with zeros.

Parameters: those of ``training_step``, ``pad_inputs`` and ``pad_hidden`` (a list): the widths that it is done in, none
of them smaller. The provider is an implementation.

The network learns what it would have learnt. An added input is always zero, so that its weights change nothing and have
no gradient. An added hidden unit has weights of zero on both sides and a bias of zero: it is ReLU(0) = 0 for every
example, which is the gradient of its outgoing weights, and what comes back through those is zero too, which is the
gradient of its incoming ones. So what is added stays zero under SGD, and the rest gets the gradients it would have had,
up to the order in which a library sums. The check compares with the network asked for, and that zeros stay zeros.

Images are random ones, of the width asked for, and padded where they are stored: once, not in the step. Work is that of
the network asked for, whatever it is padded to: ratios of cases are ratios of their times.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.case import Case
from bench.workloads import Prepared, Work, training_step
from mlp_impls import Model, Shape

if TYPE_CHECKING:
    from bench.equality import Equality

__all__ = ["Padding", "check", "prepare", "work"]


def work(case: Case) -> Work:
    """Return what a step of the network asked for needs; its items are examples."""
    return training_step.work(case)


def prepare(case: Case, provider: Any, data_dir: Path) -> Prepared:
    """Build the wider model and place its batches."""
    shape, batch = training_step.shape_of(case), int(case.parameters["batch"])
    model = training_step.build(case, Padding(case, provider))
    generator = np.random.default_rng(case.seed)
    following = cycle(
        [
            model.place(
                generator.random((batch, shape.inputs), dtype=np.float32), generator.integers(0, shape.outputs, batch)
            )
            for _ in range(training_step.RESIDENT_BATCHES)
        ]
    ).__next__
    train_step = model.train_step
    return Prepared(
        step=lambda: train_step(following()), synchronize=model.synchronize, graph=training_step.graph(model)
    )


def check(case: Case, provider: Any, data_dir: Path, cache: Path | None = None) -> Equality:
    """Compare the wider network with the float64 reference of the one asked for, on random images."""
    return training_step.check(case, Padding(case, provider), Path(), cache)


class Padding:
    """An implementation whose models are wider than they are asked to be, and look as if they were not."""

    def __init__(self, case: Case, provider: Any) -> None:
        parameters = case.parameters
        hidden = tuple(map(int, parameters["pad_hidden"]))
        self.wide = Shape(int(parameters["pad_inputs"]), hidden, int(parameters["outputs"]))
        self.build_wide = provider.build
        self.VARIANTS = getattr(provider, "VARIANTS", {})

    def build(self, shape: Shape, weights: Sequence[NDArray[Any]], **keywords: Any) -> Model:
        """Return a wider model that starts from these weights."""
        sizes = zip(weights, _shapes(self.wide), strict=True)
        wider = [np.pad(values, [(0, wide - own) for own, wide in zip(values.shape, to, strict=True)])
                 for values, to in sizes]  # fmt: skip
        return _Padded(self.build_wide(self.wide, wider, **keywords), shape, self.wide)


class _Padded:
    """A wider model that is given images, and asked for weights, of the shape it stands for."""

    def __init__(self, model: Model, shape: Shape, wide: Shape) -> None:
        self._model, self._shape = model, shape
        self._added = wide.inputs - shape.inputs
        self.graph = training_step.graph(model) or ""
        self.train_step, self.read, self.synchronize = model.train_step, model.read, model.synchronize

    def place(self, images: NDArray[np.float32], labels: NDArray[np.int64]) -> Any:
        """Return host arrays as what a step takes."""
        return self._model.place(self._wider(images), labels)

    def predict(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the logits, (batch, outputs)."""
        return self._model.predict(self._wider(images))

    def weights(self) -> list[NDArray[Any]]:
        """Return the weights of the network asked for. Raises ValueError where what was added is zero no longer."""
        found = []
        for number, (values, to) in enumerate(zip(self._model.weights(), _shapes(self._shape), strict=True)):
            own = values[tuple(slice(size) for size in to)]
            if np.count_nonzero(values) != np.count_nonzero(own):
                raise ValueError(f"the zeros added to {'Wb'[number % 2]}{number // 2 + 1} did not stay zero")
            found.append(own)
        return found

    def _wider(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.pad(images, ((0, 0), (0, self._added)))


def _shapes(shape: Shape) -> list[tuple[int, ...]]:
    """Return the shapes of W1, b1, W2, b2, ..."""
    pairs = zip(shape.sizes, shape.sizes[1:], strict=False)
    return [size for rows, columns in pairs for size in ((rows, columns), (columns,))]
