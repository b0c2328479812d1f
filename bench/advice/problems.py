"""What advice is asked on: something with sizes that may grow; ``products.py`` and ``networks.py`` are what there is.

``sizes`` are always one number per dimension, in the order of ``dimensions``; none is smaller than the dimension.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from bench.case import Case

__all__ = [
    "AS_IT_IS",
    "COPIED",
    "Dimension",
    "Place",
    "Problem",
    "Sizes",
    "changed",
    "named",
    "own",
    "replaced",
]

Sizes = tuple[int, ...]

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


def replaced(sizes: Sizes, index: int, size: int) -> Sizes:
    """Return the sizes with another in one dimension."""
    return (*sizes[:index], size, *sizes[index + 1 :])


def changed(problem: Problem, sizes: Sizes) -> tuple[int, ...]:
    """Return the indices of the dimensions that are padded."""
    return tuple(index for index, dimension in enumerate(problem.dimensions) if dimension.size != sizes[index])


def named(problem: Problem, sizes: Sizes) -> str:
    """Return what a case is called in its group: the sizes that are padded."""
    padded = (f"{problem.dimensions[index].name} {sizes[index]}" for index in changed(problem, sizes))
    return ", ".join(padded) or AS_IT_IS
