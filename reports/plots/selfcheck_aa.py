"""Every comparison of a case with itself, sorted: which of them were called different."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from reports import drawing, keys
from reports.colours import INK, VERDICT
from reports.formats import DEFAULT_MARGIN, TIMES_SIGN
from reports.rows import Row

__all__ = ["CAPTION", "ORDER", "TITLE", "draw"]

TITLE = "A case against itself: every pair and its interval"
CAPTION = (
    "Each line is the 95 % interval of one comparison of two identical cases, sorted by the measured ratio; the "
    "truth is 1 in all of them. About one interval in twenty should miss it; one called faster or slower is a "
    "false verdict. Lines that leave the picture go on outside."
)
ORDER = 110
HEIGHT = 4.2
SHOWN = 99  # per cent of the interval ends that must be in the picture, beside all false verdicts


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where no identical cases were compared."""
    found = summary.get("selfcheck") or {}
    pairs = (found.get("aa") or {}).get("comparisons") or []
    if not pairs:
        return None
    ordered = sorted(pairs, key=lambda row: row["ratio"])
    margin = found.get("margin") or DEFAULT_MARGIN
    figure = Figure(figsize=(drawing.WIDTH, HEIGHT))
    axes = figure.add_axes((0.085, 0.56 / HEIGHT, 0.905, 1 - 1.0 / HEIGHT))
    groups = _kinds(ordered)
    for colour, members, weight in groups.values():
        width = weight * float(np.clip(400 / len(ordered), 0.45, 4))
        lines = [((index, ordered[index]["ci_low"]), (index, ordered[index]["ci_high"])) for index in members]
        axes.add_collection(LineCollection(lines, colors=colour, linewidths=width, zorder=2 + weight))
    axes.plot(
        range(len(ordered)), [row["ratio"] for row in ordered], color=INK, linewidth=0, marker=".", markersize=2.2
    )
    drawing.margin_band(axes, margin)
    axes.set_xlim(-0.02 * len(ordered) - 0.5, 1.02 * len(ordered) - 0.5)
    axes.set_ylim(*_limits(ordered, margin))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.4g}{TIMES_SIGN}")
    axes.grid(visible=False, axis="x")
    axes.set_xlabel("comparisons of identical cases, by the ratio that was measured")
    axes.set_ylabel("ratio of times")
    handles = [
        Line2D([], [], color=colour, linewidth=2.5, label=f"{name}: {len(members)}")
        for name, (colour, members, _) in groups.items()
        if members
    ]
    keys.put(figure, [*handles, Patch(facecolor="#dde2e7", label="margin of equivalence")], 0.08)
    return figure


def _kinds(ordered: Sequence[Row]) -> dict[str, tuple[str, list[int], float]]:
    """Return colour, places and weight of each kind of comparison, those in question last and heaviest."""
    kinds: dict[str, tuple[str, list[int], float]] = {
        "holds 1": ("#a9bccf", [], 1.0),
        "misses 1": ("#8a6d00", [], 1.4),
        "called faster": (VERDICT["faster"], [], 2.2),
        "called slower": (VERDICT["slower"], [], 2.2),
    }
    for index, row in enumerate(ordered):
        name = f"called {row['verdict']}" if f"called {row['verdict']}" in kinds else ""
        kinds[name or ("misses 1" if row["excludes"] else "holds 1")][1].append(index)
    return kinds


def _limits(ordered: Sequence[Row], margin: float) -> tuple[float, float]:
    false = [row for row in ordered if row["verdict"] in ("faster", "slower")]
    low = float(np.percentile([row["ci_low"] for row in ordered], 100 - SHOWN))
    high = float(np.percentile([row["ci_high"] for row in ordered], SHOWN))
    return (
        min([low, 1 / (1 + margin), *(row["ci_low"] for row in false)]) - margin / 4,
        max([high, 1 + margin, *(row["ci_high"] for row in false)]) + margin / 4,
    )
