"""One SGD step of an MLP on batches of images that are resident on the device.

Parameters: ``inputs``, ``hidden`` (a list), ``outputs``, ``batch`` and ``learning_rate``. The provider is an
implementation. Steps cycle over a few batches: enough that no library can profit from seeing the same one again, few
enough to fit any memory.

FLOPs are those of the matrix products, two per multiplication: forward, the gradient of the weights, and, for all
layers but the first, that of the inputs; as ``torch.utils.flop_counter.FlopCounterMode`` counts. Bytes are those that
no implementation can avoid without a cache: images and labels read once, each weight and bias read and written once,
and the result of each layer written and read once.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import cycle, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.case import Case
from bench.errors import BadInput
from bench.workloads import ITEM_SIZES, Prepared, Work
from mlp_impls import Model, Shape, initial_weights

if TYPE_CHECKING:
    from bench.equality import Equality

__all__ = [
    "CHECKED_BATCHES",
    "RESIDENT_BATCHES",
    "build",
    "check",
    "examples",
    "graph",
    "needed",
    "prepare",
    "same_within",
    "shape_of",
    "variant",
    "work",
]

RESIDENT_BATCHES = 16
CHECKED_BATCHES = 10
LABEL_BYTES = 8

# What the reference may take in float64, some half a minute on two cores, and how many steps its results amount to
# (bench/expectation.py). Networks that fill a GPU are checked on as many examples as that allows.
CHECK_FLOPS = 3e12
CHECK_STEPS = 30
SAME_ULPS = 64  # between results of the same kernels on the same values: only how tensors are aligned may differ


def work(case: Case) -> Work:
    """Return what one step needs; its items are examples."""
    return needed(shape_of(case), int(case.parameters["batch"]), case.dtype)


def needed(shape: Shape, batch: int, dtype: str) -> Work:
    """Return what a step on a batch of so many examples needs."""
    flops = sum(
        2 * batch * rows * columns * (2 if layer == 0 else 3)
        for layer, (rows, columns) in enumerate(pairwise(shape.sizes))
    )
    values = 2 * shape.parameters + batch * shape.inputs + 2 * batch * sum(shape.sizes[1:])
    moved = ITEM_SIZES[dtype] * values + LABEL_BYTES * batch
    return Work(flops=flops, bytes=moved, items=batch, item="examples")


def prepare(case: Case, provider: Any, data_dir: Path) -> Prepared:
    """Build the model and place its batches. Raises BadInput where the images do not fit the shape."""
    model = build(case, provider)
    return Prepared(_stepping(model, case, data_dir), model.synchronize, graph=graph(model))


def build(case: Case, provider: Any) -> Model:
    """Return the case's model at its initial weights."""
    shape, divisor = shape_of(case), case.parameters.get("loss_divisor")
    model: Model = provider.build(
        shape,
        initial_weights(shape, case.seed),
        learning_rate=float(case.parameters["learning_rate"]),
        loss_divisor=divisor,
        device=case.device,
        dtype=case.dtype,
        **variant(case, provider),
    )
    return model


def graph(model: Model) -> str | None:
    """Return what of a model's step is compiled or captured; None where a user's model does not say."""
    with suppress(Exception):  # what is only shown must not cost a case
        return model.graph if isinstance(model.graph, str) else None
    return None


def check(case: Case, provider: Any, data_dir: Path, cache: Path | None = None) -> Equality:
    """Compare the implementation with the reference on the case's images, or on random ones where there are none.

    The reference's results are kept in the folder ``cache`` and read from there where it has them already. Of a batch
    that it would take too long for, fewer examples are compared, and the note says so.
    """
    from bench import equality

    shape, whole, divisor = shape_of(case), int(case.parameters["batch"]), case.parameters.get("loss_divisor")
    batch = max(1, min(whole, int(CHECK_FLOPS / (CHECK_STEPS * needed(shape, 1, case.dtype).flops))))
    images = labels = None
    if (data_dir / "train-images.npy").is_file():
        images, labels = examples(data_dir, shape, CHECKED_BATCHES * batch, case.seed)
    found = equality.check(
        provider,
        variant(case, provider),
        shape=shape,
        dtype=case.dtype,
        device=case.device,
        batch=batch,
        learning_rate=float(case.parameters["learning_rate"]),
        seed=case.seed,
        loss_divisor=float(batch) if divisor == whole else divisor,
        images=images,
        labels=labels,
        cache=cache,
    )
    if batch == whole:
        return found
    note = f"compared on batches of {batch}: the reference of {whole} examples would take too long"
    return replace(found, note="; ".join(filter(None, (found.note, note))))


def same_within(dtype: str) -> float:
    """Return how far two results of the same kernels on the same values may be apart, of their size."""
    from bench.rounding import PRECISIONS

    return SAME_ULPS * 2 * float(PRECISIONS[dtype].unit)


def shape_of(case: Case) -> Shape:
    """Return the case's network."""
    parameters = case.parameters
    return Shape(int(parameters["inputs"]), tuple(map(int, parameters["hidden"])), int(parameters["outputs"]))


def variant(case: Case, provider: Any) -> dict[str, Any]:
    """Return the keywords of the case's variant."""
    return dict(provider.VARIANTS[case.variant]) if case.variant else {}


def examples(data_dir: Path, shape: Shape, count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return so many training images, (count, inputs) in [0, 1], and labels, drawn by seed, each once if they last."""
    from bench import data

    images, labels = data.load(data_dir, "train")
    pixels = int(np.prod(images.shape[1:]))
    if pixels != shape.inputs:
        raise BadInput(f"inputs {shape.inputs}: the images have {pixels} pixels; give the network {pixels} inputs")
    if shape.outputs <= int(labels.max()):
        classes = int(labels.max()) + 1
        raise BadInput(
            f"outputs {shape.outputs}: the labels have {classes} classes; give the network {classes} outputs"
        )
    rows = np.resize(np.random.default_rng(seed).permutation(len(labels)), count)
    return data.flat(images[rows]), labels[rows].astype(np.int64)


def _stepping(model: Model, case: Case, data_dir: Path) -> Callable[[], object]:
    """Return a step over the next of the resident batches each time."""
    batch = int(case.parameters["batch"])
    images, labels = examples(data_dir, shape_of(case), RESIDENT_BATCHES * batch, case.seed)
    parts = (slice(start, start + batch) for start in range(0, len(labels), batch))
    following = cycle([model.place(images[part], labels[part]) for part in parts]).__next__
    train_step = model.train_step
    return lambda: train_step(following())
