"""Axes of matrix sizes, and where on them a cost is expected to step: arithmetic, never a measurement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bench import alignments
from reports import drawing
from reports.colours import MUTED
from reports.matmuls import item_size

__all__ = ["handle", "label", "mark_steps"]

STYLE: Any = {"color": MUTED, "linewidth": 0.9, "linestyle": (0, (1, 2))}
MANY = 6  # sizes whose names have no room side by side


def label(axes: Axes, sizes: Sequence[int], text: str = "matrix size, m = k = n") -> None:
    """Label an axis with sizes at 0, 1, 2 …, upright where they are many."""
    drawing.size_axis(axes, {size: place for place, size in enumerate(sizes)}, text)
    many = len(sizes) > MANY
    axes.tick_params(axis="x", labelsize=8 if many else 9, rotation=90 if many else 0)


def handle() -> Line2D:
    """Return the entry of a key."""
    return Line2D([], [], label="predicted step, in bytes", **STYLE)


def mark_steps(axes: Axes, sizes: Sequence[int], base: int, dtype: str) -> None:
    """Mark where all rows start on a boundary of 16, 64 or 128 bytes for the first time from the base size on.

    The sizes stand at 0, 1, 2 … on the axis; a line stands before the size that it is about.
    """
    size = item_size(dtype)
    found = alignments.steps(base, size, [one - base for one in sizes]) if size else {}
    for offset in dict.fromkeys(found.values()):
        text = "\n".join(str(boundary) for boundary, reached in found.items() if reached == offset)
        place = list(sizes).index(base + offset) - 0.5
        axes.axvline(place, zorder=0.7, **STYLE)
        axes.annotate(text, (place, 0), (2, 2), xycoords=("data", "axes fraction"), textcoords="offset points",
                      fontsize=7.5, color=MUTED, linespacing=1.1, zorder=0.7)  # fmt: skip
