"""A tenth of an epoch of training, fed by an input pipeline: its shuffling, decoding and transfers are in the step.

Parameters: those of ``training_step``; ``pipeline``, a file of ``bench/pipelines``, with ``pipeline_variant``; and
``images``, how many a step takes, a whole number of batches.

Each step takes another tenth of the training images, from the first to the last of them in turn, and begins and ends
its pass over them: what a pass costs, such as the permutation or its copy, is in every step in its true share, and
nothing is prepared before a step or left over by it. Two things are not as in a whole epoch. Images are shuffled within
each tenth only. And worker processes persist: started anew for each tenth they would cost ten times their share (here
half of a step), so their start is told apart; filling their queues anew costs each step about as much as they save.

Where the time goes is measured once a launch in a pass of its own, after the first sample, as watching costs time too.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench import data, pipelines
from bench.case import Case
from bench.errors import BadInput
from bench.pipelines import Feed, Layout, Stopwatch
from bench.workloads import Prepared, Work, training_step
from mlp_impls import Model

if TYPE_CHECKING:
    from bench.equality import Equality

__all__ = ["check", "prepare", "unsupported", "work"]


def work(case: Case) -> Work:
    """Return what the network needs, whatever feeds it; items are examples."""
    batch, images = int(case.parameters["batch"]), int(case.parameters["images"])
    one = training_step.needed(training_step.shape_of(case), batch, case.dtype)
    batches = images // batch
    return Work(flops=batches * one.flops, bytes=batches * one.bytes, items=images, item="examples")


def unsupported(case: Case) -> str | None:
    """Return why the case's pipeline cannot run here, or cannot feed its implementation, or None."""
    name = case.parameters["pipeline"]
    feeds = pipelines.framework(name)
    if feeds != case.framework:
        return f"{name} feeds implementations in {feeds}; {case.provider} is in {case.framework}"
    ask = getattr(pipelines.load(name), "unsupported", None)
    return ask(case.device, **_keywords(case)) if ask is not None else None


def prepare(case: Case, provider: Any, data_dir: Path) -> Prepared:
    """Build the model and its pipeline. Raises BadInput where the images do not fit the shape or are too few."""
    fed = _Fed(case, provider, data_dir)
    return Prepared(
        step=fed.step,
        synchronize=fed.model.synchronize,
        wake=fed.wake,
        tell=fed.tell,
        first_step_warms=True,
        graph=training_step.graph(fed.model),
    )


def check(case: Case, provider: Any, data_dir: Path, cache: Path | None = None) -> Equality:
    """Compare the implementation with the reference, and what it is fed with the images themselves.

    A pass holds each image of its part once, with its label, in exactly the values that the implementation places; and
    training on what is fed gives the same losses as training on the same images placed.
    """
    from bench.equality import Equality

    found = training_step.check(case, provider, data_dir, cache)
    if not found.equal:
        return found
    fed, other = _Fed(case, provider, data_dir), training_step.build(case, provider)
    start, stop = fed.parts[0]
    flat = data.flat(np.asarray(fed.images[start:stop]))
    labels = np.asarray(fed.labels[start:stop]).astype(np.int64)
    rows = {key: row for row, key in enumerate(_keys(fed.model.place(flat, labels)))}
    batches = list(fed.feed(start, stop))
    keys = [_keys(batch) for batch in batches]
    name = f"what {case.name} feeds"
    if Counter(key for batch in keys for key in batch) != Counter(_keys(fed.model.place(flat, labels))):
        return Equality(False, 1.0, 0.0, name, f"{name} is not each image once with its label and its values")
    deviation = 0.0
    for batch, of_batch in zip(batches[: training_step.CHECKED_BATCHES], keys, strict=False):
        picked = [rows[key] for key in of_batch]
        loss = fed.model.read(fed.model.train_step(batch))
        expected = other.read(other.train_step(other.place(flat[picked], labels[picked])))
        deviation = max(deviation, abs(loss - expected) / abs(expected))
    bound = training_step.same_within(case.dtype)
    worst = f"the loss on {name}"
    equal = bool(deviation <= bound)
    note = found.note if equal else f"{worst} deviates by {deviation:.3g}, allowed {bound:.3g}"
    return Equality(equal, deviation, bound, worst, note)


class _Fed:
    """A model and the pipeline that feeds it."""

    def __init__(self, case: Case, provider: Any, data_dir: Path) -> None:
        shape = training_step.shape_of(case)
        training_step.examples(data_dir, shape, 1, case.seed)  # complains where images and shape do not fit
        self.case = case
        self.images, self.labels = data.load(data_dir, "train")
        self.parts = _parts(len(self.labels), int(case.parameters["images"]))
        self.model: Model = training_step.build(case, provider)
        self.layout = Layout(self.model, shape.inputs)
        self.feed = self._feed()
        self._following = cycle(self.parts)
        batch = int(case.parameters["batch"])
        self._resident = self.model.place(
            data.flat(np.asarray(self.images[:batch])), np.asarray(self.labels[:batch]).astype(np.int64)
        )
        self._told = False

    def step(self) -> None:
        """Train on the next part of the images, in one pass."""
        train_step = self.model.train_step
        for batch in self.feed(*next(self._following)):
            train_step(batch)

    def wake(self) -> None:
        """Wake the network's threads; a whole discarded step would double the time of everything."""
        self.model.train_step(self._resident)

    def tell(self) -> Mapping[str, Any]:
        """Return, the first time, the seconds of each stage of a pass, or those until workers give a first batch."""
        if self._told:
            return {}
        self._told = True
        return {"start_s": self._start_s()} if _keywords(self.case).get("workers") else self._stages()

    def _stages(self) -> Mapping[str, Any]:
        watch = Stopwatch(self.model.synchronize)
        feed, train_step = self._feed(timed=watch), watch("step", self.model.train_step)
        start, stop = self.parts[0]
        self.wake()
        self.model.synchronize()
        started = time.perf_counter()
        for batch in feed(start, stop):
            train_step(batch)
        self.model.synchronize()
        total = time.perf_counter() - started
        rest = max(0.0, total - sum(watch.seconds.values()))
        return {"stages": watch.seconds | {"rest": rest}, "images": stop - start}

    def _start_s(self) -> float:
        feed = self._feed()
        started = time.perf_counter()
        for _ in islice(feed(*self.parts[0]), 1):
            return time.perf_counter() - started
        return 0.0

    def _feed(self, **keywords: Callable[..., Any]) -> Feed:
        parameters, case = self.case.parameters, self.case
        feed: Feed = pipelines.load(parameters["pipeline"]).build(
            self.images, self.labels, self.layout, batch=int(parameters["batch"]), seed=case.seed,
            **keywords, **_keywords(case),
        )  # fmt: skip
        return feed


def _parts(count: int, images: int) -> list[tuple[int, int]]:
    """Return the parts of so many images each; what is left over is left out."""
    if images > count:
        raise BadInput(f"batch {images}: there are {count} images; choose a smaller batch")
    return [(start, start + images) for start in range(0, count - images + 1, images)]


def _keywords(case: Case) -> dict[str, Any]:
    return pipelines.variants(case.parameters["pipeline"])[case.parameters["pipeline_variant"]]


def _keys(batch: Iterable[Any]) -> list[bytes]:
    """Return the bytes of each example of a batch as placed, label and pixels; float64 holds every dtype exactly."""
    images, labels = (_host(part) for part in batch if hasattr(part, "shape"))
    return [label.tobytes() + pixels.tobytes() for label, pixels in zip(labels, images, strict=True)]


def _host(tensor: Any) -> NDArray[np.float64]:
    host: NDArray[np.float64] = np.asarray(tensor.detach().cpu().double())
    return host.reshape(len(host), -1)
