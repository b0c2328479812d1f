"""One SGD step of an MLP whose batch lies in the host's memory and whose loss is read back: end to end, step by step.

Parameters: those of ``training_step``. A step hands the next batch to the device, by the implementation's own
``place``, trains on it and reads the loss; the next step begins when that is there. On a CPU, handing over is a copy
within the host's memory. The host's arrays are ordinary ones, which the system may page out, as images come from NumPy.

Work is that of the training step: what handing over costs is in the time alone.
"""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.case import Case
from bench.workloads import Prepared, Work, training_step

if TYPE_CHECKING:
    from bench.equality import Equality

__all__ = ["check", "prepare", "work"]


def work(case: Case) -> Work:
    """Return what the training step needs; its items are examples."""
    return training_step.work(case)


def prepare(case: Case, provider: Any, data_dir: Path) -> Prepared:
    """Build the model and keep its batches on the host. Raises BadInput where the images do not fit the shape."""
    model = training_step.build(case, provider)
    batch = int(case.parameters["batch"])
    count = training_step.RESIDENT_BATCHES * batch
    images, labels = training_step.examples(data_dir, training_step.shape_of(case), count, case.seed)
    parts = (slice(start, start + batch) for start in range(0, count, batch))
    following = cycle([(images[part], labels[part]) for part in parts]).__next__
    place, train_step, read = model.place, model.train_step, model.read
    return Prepared(
        step=lambda: read(train_step(place(*following()))),
        synchronize=model.synchronize,
        graph=training_step.graph(model),
    )


def check(case: Case, provider: Any, data_dir: Path, cache: Path | None = None) -> Equality:
    """Compare the implementation with the reference, as ``training_step`` does: each batch placed, each loss read."""
    return training_step.check(case, provider, data_dir, cache)
