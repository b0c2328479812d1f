"""The training step of a network, whose inputs and hidden layers may grow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.advice.problems import COPIED, Dimension, Place, Sizes, named
from bench.case import Case
from bench.implementations import Implementation
from bench.studies import LEARNING_RATE, network
from bench.workloads import training_step
from bench.workloads.matmul import ITEM_SIZES
from mlp_impls import Shape

__all__ = ["Network"]


@dataclass(frozen=True)
class Network:
    """A training step of an MLP on a batch. Hidden layers of one width are one dimension: they are padded alike."""

    place: Place
    shape: Shape
    batch: int
    implementation: Implementation
    variant: str = ""
    fixed: tuple[str, ...] = field(
        default=(
            "outputs: an added one would take part in the softmax",
            "batch: an added example would take part in the loss",
        )
    )

    @property
    def title(self) -> str:
        """What it is, in a line."""
        spelled = self.implementation.spelled(self.variant)
        return f"{spelled} {self.shape.name} batch {self.batch} {self.place.dtype} {self.place.device}"

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The inputs, and each width that hidden layers have."""
        layers: dict[int, list[str]] = {}
        for number, width in enumerate(self.shape.hidden, 1):
            layers.setdefault(width, []).append(str(number))
        hidden = [Dimension(f"hidden {' and '.join(numbers)}", width) for width, numbers in layers.items()]
        return (Dimension("inputs", self.shape.inputs), *hidden)

    def case(self, study: str, sizes: Sizes, seed: int, *, copied: bool = False) -> Case:
        """Return the training step in layers of these sizes."""
        wide = self._wide(sizes)
        parameters = network(self.shape, self.batch, LEARNING_RATE)
        return Case(
            study, self.title, COPIED if copied else named(self, sizes), "padded_step", self.implementation.name,
            self.implementation.framework, parameters | {"pad_inputs": wide.inputs, "pad_hidden": list(wide.hidden)},
            self.place.device, self.place.dtype, self.place.threads, seed, self.implementation.source, self.variant,
            reseeded=True, environment=self.implementation.environment,
        )  # fmt: skip

    def needed(self, sizes: Sizes) -> tuple[int, int]:
        """Return FLOPs and bytes of a step of the wider network."""
        work = training_step.needed(self._wide(sizes), self.batch, self.place.dtype)
        return work.flops, work.bytes

    def memory(self, sizes: Sizes) -> int:
        """Return the bytes of weights and gradients, a batch of images, and each layer's result for it."""
        wide = self._wide(sizes)
        return ITEM_SIZES[self.place.dtype] * (2 * wide.parameters + self.batch * sum(wide.sizes))

    def to_json(self) -> dict[str, Any]:
        """Return what it is, for a record."""
        spelled = self.implementation.spelled(self.variant)
        return {"layers": list(self.shape.sizes), "batch": self.batch, "implementation": spelled}

    def _wide(self, sizes: Sizes) -> Shape:
        padded: Mapping[int, int] = dict(zip((entry.size for entry in self.dimensions[1:]), sizes[1:], strict=True))
        return Shape(sizes[0], tuple(padded[width] for width in self.shape.hidden), self.shape.outputs)
