"""One epoch of training on all images, resident on the device, the short last batch kept; learning is told with it.

Parameters: those of ``training_step``, and ``loss_divisor``: None for the mean over each batch, or the number that the
summed loss is divided by, so that a short batch counts less.

The order of the images depends on the seed and the epoch alone, so that all implementations see the same batches. Only
the steps are timed: placing the batches comes before, and reading losses and measuring accuracy after. A model that
offers ``train_epoch`` is handed all batches at once, and is checked to learn from them what it learns step by step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench import data
from bench.case import Case
from bench.workloads import Prepared, Work, training_step
from mlp_impls import Model

if TYPE_CHECKING:
    from bench.equality import Equality

__all__ = ["EXAMPLES", "check", "prepare", "work"]

TRAINING_IMAGES = 60_000
EPOCH_S = 12.0  # what an epoch may last before it is suspected to hang, times launch.SLOWEST_SAMPLE
CHUNK = 10_000  # images whose predictions are held at a time
EXAMPLES = 9  # test images whose predictions are told, as the sources show nine
AT_ONCE = "train_epoch"  # what a model may offer
CHECKED_EPOCHS = 2


def work(case: Case) -> Work:
    """Return what one epoch needs; its items are examples."""
    shape, batch = training_step.shape_of(case), int(case.parameters["batch"])
    whole, rest = divmod(TRAINING_IMAGES, batch)
    parts = [(whole, batch), (1, rest)] if rest else [(whole, batch)]
    needed = [(times, training_step.needed(shape, size, case.dtype)) for times, size in parts]
    return Work(
        flops=sum(times * one.flops for times, one in needed),
        bytes=sum(times * one.bytes for times, one in needed),
        items=TRAINING_IMAGES,
        item="examples",
    )


def prepare(case: Case, provider: Any, data_dir: Path) -> Prepared:
    """Build the model and load the images. Raises BadInput where they do not fit the shape."""
    training = _Training(case, provider, data_dir)
    return Prepared(
        step=training.epoch,
        synchronize=training.model.synchronize,
        wake=training.place,
        lasts_s=EPOCH_S,
        tell=training.tell,
        graph=_graph(training.model),
    )


def check(case: Case, provider: Any, data_dir: Path, cache: Path | None = None) -> Equality:
    """Compare the implementation with the reference, step by step, and epochs at once with its own steps."""
    found = training_step.check(case, provider, data_dir, cache)
    if not found.equal or not hasattr(training_step.build(case, provider), AT_ONCE):
        return found
    bound, deviation = training_step.same_within(case.dtype), _apart(case, provider, data_dir)
    if deviation <= bound:
        return found
    note = f"an epoch at once and step by step are {deviation:.3g} apart, allowed {bound:.3g}"
    return replace(found, equal=False, deviation=deviation, bound=bound, worst="an epoch at once", note=note)


def _apart(case: Case, provider: Any, data_dir: Path) -> float:
    """Return how far two models are apart, of their losses, after epochs of other images: at once, and step by step."""
    shape, batch = training_step.shape_of(case), int(case.parameters["batch"])
    whole, stepped = (training_step.build(case, provider) for _ in range(2))
    sizes = [batch, batch, TRAINING_IMAGES % batch or batch]
    found, expected = [], []
    for epoch in range(CHECKED_EPOCHS):
        images, labels = training_step.examples(data_dir, shape, sum(sizes), case.seed + epoch)
        parts = [np.split(values, np.cumsum(sizes)[:-1]) for values in (images, labels)]
        batches = list(zip(*parts, strict=True))
        losses = _training(whole)([whole.place(*one) for one in batches])
        found += [whole.read(loss) for loss in losses]
        expected += [stepped.read(stepped.train_step(stepped.place(*one))) for one in batches]
    differences = (abs(one - other) / abs(other) for one, other in zip(found, expected, strict=True))
    return max((math.inf if math.isnan(one) else one for one in differences), default=math.inf)


def _training(model: Model) -> Callable[[Sequence[Any]], list[Any]]:
    """Return what trains on batches in turn, at once where a model offers that, and returns their losses."""

    def step_by_step(batches: Sequence[Any]) -> list[Any]:
        return [train_step(batch) for batch in batches]

    train_step = model.train_step
    at_once: Callable[[Sequence[Any]], list[Any]] = getattr(model, AT_ONCE, step_by_step)
    return at_once


def _graph(model: Model) -> str | None:
    graph = training_step.graph(model)
    return f"{graph}; an epoch at once" if graph and hasattr(model, AT_ONCE) else graph


class _Training:
    """A model, its images, and how far it is."""

    def __init__(self, case: Case, provider: Any, data_dir: Path) -> None:
        shape = training_step.shape_of(case)
        training_step.examples(data_dir, shape, 1, case.seed)  # complains where images and shape do not fit
        self.seed, self.batch = case.seed, int(case.parameters["batch"])
        self.divisor = case.parameters.get("loss_divisor")
        self.train, self.test = (_split(data_dir, split) for split in ("train", "test"))
        self._rehearse(training_step.build(case, provider))
        self.model = training_step.build(case, provider)
        self._train = _training(self.model)
        self.number = 0
        self.batches: list[Any] = []
        self.losses: list[Any] = []

    def _rehearse(self, model: Model) -> None:
        """Take a step of each size with another model, so that compilers are done before the first epoch."""
        images, labels = self.train
        sizes = [size for size in dict.fromkeys((self.batch, len(labels) % self.batch)) if size]
        _training(model)([model.place(images[:size], labels[:size]) for size in sizes])
        model.synchronize()

    def place(self) -> None:
        """Put the next epoch's batches, in its order, on the device."""
        images, labels = self.train
        order = np.random.default_rng((self.seed, self.number)).permutation(len(labels))
        parts = (order[start : start + self.batch] for start in range(0, len(order), self.batch))
        self.batches = [self.model.place(images[part], labels[part]) for part in parts]
        self.number += 1

    def epoch(self) -> None:
        """Train on each batch once."""
        self.losses = self._train(self.batches)

    def tell(self) -> Mapping[str, Any]:
        """Return the epoch's mean loss per example, before each step's update, and both accuracies after it.

        A loss that is not finite is None. The epoch's batches are let go: the next one places its own.
        """
        count = len(self.train[1])
        sizes = [min(self.batch, count - start) for start in range(0, count, self.batch)]
        weights = sizes if self.divisor is None else [self.divisor] * len(sizes)
        losses = (self.model.read(loss) * weight for loss, weight in zip(self.losses, weights, strict=True))
        loss = sum(losses) / count
        self.batches = []
        images, labels = self.test
        return {
            "train_loss": loss if math.isfinite(loss) else None,
            "train_accuracy": self._accuracy(*self.train),
            "test_accuracy": self._accuracy(images, labels),
            "predicted": self._predicted(images[:EXAMPLES]).tolist(),
        }

    def _accuracy(self, images: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
        starts = range(0, len(labels), CHUNK)
        right = sum(
            int(np.sum(self._predicted(images[start : start + CHUNK]) == labels[start : start + CHUNK]))
            for start in starts
        )
        return right / len(labels)

    def _predicted(self, images: NDArray[np.float32]) -> NDArray[np.intp]:
        found: NDArray[np.intp] = np.argmax(np.asarray(self.model.predict(images)), axis=1)
        return found


def _split(data_dir: Path, split: Any) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    images, labels = data.load(data_dir, split)
    return data.flat(images), labels.astype(np.int64)
