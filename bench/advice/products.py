"""A product of activations by weights, whose sizes may grow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.advice.problems import COPIED, Dimension, Place, Sizes, changed, named
from bench.case import Case
from bench.workloads.matmul import ITEM_SIZES

__all__ = ["Product"]


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
