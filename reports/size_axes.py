"""Axes of matrix sizes, and where on them a cost is expected: arithmetic, never a measurement."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bench import alignments
from bench.predictions import ASSUMED, KERNEL
from reports import drawing, rows
from reports.colours import INK, MUTED
from reports.formats import TIMES_SIGN
from reports.matmuls import item_size
from reports.rows import Row

__all__ = ["gpu_handles", "handle", "label", "mark_gpu", "mark_steps", "note_inches", "note_tile", "predicted"]

STYLE: Any = {"color": MUTED, "linewidth": 0.9, "linestyle": (0, (1, 2))}
WAVES: Any = {"color": INK, "linewidth": 1.1, "linestyle": (0, (3, 1.5))}
RING: Any = {"linestyle": "none", "marker": "o", "markersize": 13, "markerfacecolor": "none", "markeredgecolor": INK,
             "markeredgewidth": 0.9}  # fmt: skip
MANY = 6  # sizes whose names have no room side by side
SOURCES = {ASSUMED: "assumed", KERNEL: "the kernel's"}
NOTE_INCHES = 0.17  # of a line below an axis


def label(axes: Axes, sizes: Sequence[int], text: str = "matrix size, m = k = n") -> None:
    """Label an axis with sizes at 0, 1, 2 …, upright where they are many."""
    drawing.size_axis(axes, {size: place for place, size in enumerate(sizes)}, text)
    many = len(sizes) > MANY
    axes.tick_params(axis="x", labelsize=8 if many else 9, rotation=90 if many else 0)


def handle() -> Line2D:
    """Return the entry of a key for where rows start on a boundary."""
    return Line2D([], [], label="predicted: all rows aligned from here on, to so many bytes", **STYLE)


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


def predicted(row: Row) -> tuple[float, float] | None:
    """Return what tiles and waves predict of a comparison, smaller and larger; None where nothing is predicted."""
    ends = rows.bounds(row, "predicted_low", "predicted_low", "predicted_high")
    return ends[1:] if ends else None


def gpu_handles(compared: Iterable[Row], changed: Collection[tuple[str, str]]) -> list[Line2D]:
    """Return the entries of a key for what ``mark_gpu`` draws of some comparisons."""
    kept = list(compared)
    found = []
    if any(map(predicted, kept)):
        found.append(Line2D([], [], label="prediction: tiles and waves", **WAVES))
    if any(_key(row) in changed for row in kept):
        found.append(Line2D([], [], label="another kernel than the base size's", **RING | {"markersize": 10}))
    return found


def mark_gpu(axes: Axes, place: float, row: Row, changed: Collection[tuple[str, str]], half: float = 0.36) -> None:
    """Draw what tiles and waves predict of a comparison, and a ring around its mark if another kernel serves it.

    The prediction is a dash, or two with a line between them where it matters which side of the tile lies along the
    rows. ``changed`` are group and case of what has another kernel than the base size, ``half`` is how far a dash
    reaches on either side of its place. On a CPU there is neither.
    """
    ends = predicted(row)
    if ends:
        axes.hlines(ends, place - half, place + half, zorder=2.5, **WAVES)
        axes.vlines(place - half, *ends, zorder=2.5, color=INK, linewidth=0.6)
    if _key(row) in changed:
        axes.plot([place], [row["ratio"]], zorder=5, **RING)


def note_tile(axes: Axes, members: Iterable[Row]) -> None:
    """Say below an axis that has its label which tile the predictions go by: the kernel's, or an assumed one."""
    told = {(row["tile"], row["tile_source"]) for row in members if predicted(row)}
    parts = [f"tile {tile.replace('x', TIMES_SIGN)} ({SOURCES[source]})" for tile, source in sorted(told)]
    if parts:
        axes.set_xlabel("\n".join([axes.get_xlabel(), *parts]))


def note_inches(members: Iterable[Row]) -> float:
    """Return the height of what ``note_tile`` says in any panel of a figure."""
    return NOTE_INCHES if any(map(predicted, members)) else 0.0


def _key(row: Row) -> tuple[str, str]:
    return str(row.get("group")), str(row.get("case"))
