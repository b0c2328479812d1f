"""What advice is asked on: a product, or the training step of a network, each with the sizes that may grow.

``sizes`` are always one number per dimension, in the order of ``dimensions``; none is smaller than the dimension.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from bench.case import Case
from bench.implementations import Implementation
from bench.studies import network
from bench.workloads import training_step
from bench.workloads.matmul import ITEM_SIZES
from mlp_impls import Shape

__all__ = [
    "AS_IT_IS",
    "COPIED",
    "Dimension",
    "Network",
    "Place",
    "Problem",
    "Product",
    "Sizes",
    "changed",
    "named",
    "own",
]

Sizes = tuple[int, ...]

LEARNING_RATE = 0.1
AS_IT_IS, COPIED = "as it is", "copied"


class Dimension(NamedTuple):
    """A size that may grow.

    ``is_row``: rows of an operand or a result are so long, so that it decides where they start. ``copied``: padding it
    means that an operand is copied in each step.
    """

    name: str
    size: int
    is_row: bool = True
    copied: bool = False


@dataclass(frozen=True)
class Place:
    """Where and in what it is computed."""

    device: str
    dtype: str
    threads: int


class Problem(Protocol):
    """What advice is asked on."""

    @property
    def place(self) -> Place:
        """Where it is computed."""

    @property
    def title(self) -> str:
        """What it is, in a line; the name of its groups."""

    @property
    def fixed(self) -> tuple[str, ...]:
        """What is never padded, and why."""

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The sizes that may grow."""

    def case(self, study: str, sizes: Sizes, seed: int, *, copied: bool = False) -> Case:
        """Return the case of some sizes; ``copied``: as it is, but with operands copied in each step."""

    def needed(self, sizes: Sizes) -> tuple[int, int]:
        """Return FLOPs and bytes moved of a step at these sizes."""

    def memory(self, sizes: Sizes) -> int:
        """Return the bytes that everything a step works on takes at these sizes."""

    def to_json(self) -> dict[str, Any]:
        """Return what it is, for a record."""


def own(problem: Problem) -> Sizes:
    """Return the sizes as they are."""
    return tuple(dimension.size for dimension in problem.dimensions)


def changed(problem: Problem, sizes: Sizes) -> tuple[int, ...]:
    """Return the indices of the dimensions that are padded."""
    return tuple(index for index, dimension in enumerate(problem.dimensions) if dimension.size != sizes[index])


def named(problem: Problem, sizes: Sizes) -> str:
    """Return what a case is called in its group: the sizes that are padded."""
    padded = (f"{problem.dimensions[index].name} {sizes[index]}" for index in changed(problem, sizes))
    return ", ".join(padded) or AS_IT_IS


@dataclass(frozen=True)
class Product:
    """A matrix of (m, k), activations, times one of (k, n), weights; C = A B.

    The weights and the result are padded where they lie. The activations arrive as they are, so that padding m or k
    copies them in each step, unless they too are kept padded (``padded_once``).
    """

    place: Place
    m: int
    k: int
    n: int
    library: str
    padded_once: bool = False
    fixed: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What it is, in a line."""
        return f"{self.library} product {self.m} × {self.k} × {self.n} {self.place.dtype} {self.place.device}"

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """m, k and n."""
        arrives = not self.padded_once
        return (
            Dimension("m", self.m, is_row=False, copied=arrives),
            Dimension("k", self.k, copied=arrives),
            Dimension("n", self.n),
        )

    def case(self, study: str, sizes: Sizes, seed: int, *, copied: bool = False) -> Case:
        """Return the product in matrices of these sizes."""
        parameters = {"m": self.m, "k": self.k, "n": self.n, "stack": 1}
        parameters |= {f"pad_{name}": size for name, size in zip("mkn", sizes, strict=True)}
        return Case(
            study, self.title, COPIED if copied else named(self, sizes), "padded_product", self.library, self.library,
            parameters | {"copied": copied or self._copies(sizes)}, self.place.device, self.place.dtype,
            self.place.threads, seed, reseeded=True,
        )  # fmt: skip

    def needed(self, sizes: Sizes) -> tuple[int, int]:
        """Return FLOPs and bytes of the larger product."""
        m, k, n = sizes
        return 2 * m * k * n, ITEM_SIZES[self.place.dtype] * (m * k + k * n + m * n)

    def memory(self, sizes: Sizes) -> int:
        """Return the bytes of operands and result, and of the activations as they arrive where they are copied."""
        _, moved = self.needed(sizes)
        return moved + self._copies(sizes) * ITEM_SIZES[self.place.dtype] * self.m * self.k

    def to_json(self) -> dict[str, Any]:
        """Return what it is, for a record."""
        return {"m": self.m, "k": self.k, "n": self.n, "library": self.library, "padded_once": self.padded_once}

    def _copies(self, sizes: Sizes) -> bool:
        return any(self.dimensions[index].copied for index in changed(self, sizes))


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
