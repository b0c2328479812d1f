"""How images get from the data set to the training step: one file is one input pipeline, named after itself.

The contract of a pipeline file:

``FRAMEWORK``
    A string literal: that of the implementations it can feed.
``VARIANTS``
    Optional literal ``{name: {keyword: value}}``; its cases are then ``NAME`` and ``NAME:VARIANT``, and the keywords
    are passed on. A variant with ``workers`` prepares its batches in other processes.
``unsupported(device, **variant) -> str | None``
    Optional: the reason why it cannot run so here, or None.
``build(images, labels, layout, *, batch, seed, timed=untimed, **variant) -> Feed``
    ``images``, (count, rows, columns) of uint8, and ``labels``, (count,), become a function ``feed(start, stop)``: it
    yields batches of the images from ``start`` to ``stop``, each image once, in a new order at every call where the
    pipeline shuffles. ``timed(stage, call)`` returns what is to be called in place of ``call``, the work of a stage.

A batch is what the implementation's step takes, which ``Layout`` knows.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import data
from mlp_impls import Model

__all__ = ["STAGES", "Feed", "Layout", "Stopwatch", "Timed", "framework", "load", "untimed", "variants"]

Call = Callable[..., Any]
Feed = Callable[[int, int], Iterator[Any]]
Timed = Callable[[str, Call], Call]

# Picture to tensor; examples to batch, their shuffling included; batch to device; the network; what no stage owns.
STAGES = ("decode", "collate", "transfer", "step", "rest")


def load(name: str) -> ModuleType:
    """Import a pipeline, its framework with it; inside workers only."""
    return import_module(f"{__name__}.{name}")


def framework(name: str) -> str:
    """Return the framework of the implementations that a pipeline can feed; nothing is imported."""
    found: str = _literals(name)["FRAMEWORK"]
    return found


def variants(name: str) -> dict[str, dict[str, Any]]:
    """Return a pipeline's variants and their keywords, none named "" first; nothing is imported."""
    named: dict[str, dict[str, Any]] = _literals(name).get("VARIANTS", {})
    return {"": {}} | named


def _literals(name: str) -> dict[str, Any]:
    tree = ast.parse(Path(__path__[0], f"{name}.py").read_text(encoding="utf-8"))
    assigned = [node for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)]
    named = {node.targets[0].id: node.value for node in assigned if isinstance(node.targets[0], ast.Name)}
    return {key: ast.literal_eval(named[key]) for key in ("FRAMEWORK", "VARIANTS") if key in named}


def untimed(stage: str, call: Call) -> Call:
    """Return the call itself."""
    return call


class Stopwatch:
    """Adds up the seconds of each stage; the device is waited for, unless the stage is the host's alone."""

    def __init__(self, synchronize: Callable[[], None], clock: Callable[[], float] = time.perf_counter) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self._synchronize = synchronize
        self._clock = clock

    def __call__(self, stage: str, call: Call) -> Call:
        """Return what does the same and is timed."""

        def timed(*arguments: Any) -> Any:
            started = self._clock()
            result = call(*arguments)
            if stage != "decode":
                self._synchronize()
            self.seconds[stage] += self._clock() - started
            return result

        return timed


class Layout:
    """How an implementation wants its batches: the tensors that it places, examples first, and what goes with them.

    Found by having it place examples, so that a pipeline can hand over tensors of its own without another copy. Raises
    TypeError for an implementation whose batches are no tuple with two tensors, of images and labels.
    """

    def __init__(self, model: Model, inputs: int) -> None:
        self._model = model
        self._inputs = inputs
        self._templates: dict[int, tuple[Any, ...]] = {}
        self._images, self._labels = self._tensors(self._template(1))

    @property
    def device(self) -> Any:
        """Where the tensors of a batch are."""
        return self._images.device

    def resident(self, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> tuple[Any, Any]:
        """Return all images and labels as tensors on the device, in this layout."""
        placed = self._model.place(data.flat(images), labels.astype(np.int64))
        images_placed, labels_placed = self._tensors(placed)
        return images_placed, labels_placed

    def batch(self, images: Any, labels: Any) -> tuple[Any, ...]:
        """Return a batch of tensors that are in this layout."""
        tensors = iter((images, labels))
        return tuple(next(tensors) if _is_tensor(part) else part for part in self._template(len(labels)))

    def moved(self, images: Any, labels: Any, *, non_blocking: bool = False) -> tuple[Any, ...]:
        """Return a batch of torch tensors of any place and shape, copied only where device or dtype differ."""
        like, other = self._images, self._labels
        images = images.to(like.device, like.dtype, non_blocking=non_blocking)
        labels = labels.to(other.device, other.dtype, non_blocking=non_blocking)
        return self.batch(images.reshape(-1, *like.shape[1:]), labels.reshape(-1, *other.shape[1:]))

    def _template(self, size: int) -> tuple[Any, ...]:
        if size not in self._templates:
            images, labels = np.zeros((size, self._inputs), np.float32), np.zeros(size, np.int64)
            self._templates[size] = self._model.place(images, labels)
        return self._templates[size]

    @staticmethod
    def _tensors(placed: Any) -> list[Any]:
        tensors = [part for part in placed if _is_tensor(part)] if isinstance(placed, tuple) else []
        if len(tensors) != 2:
            raise TypeError("expected an implementation that places a batch as a tuple with images and labels in it")
        return tensors


def _is_tensor(part: Any) -> bool:
    return hasattr(part, "shape") and hasattr(part, "device")
