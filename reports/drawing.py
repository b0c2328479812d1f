"""What all figures share: style, layout, axes, marks of verdicts, and the note that images are synthetic.

Figures are matplotlib ``Figure`` objects on the Agg canvas; pyplot and its global state are never touched. A figure is
9.6 inches wide and is shown 960 px wide, so 10 points are about 14 px on the page.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, NullLocator

from reports.colours import INK, MUTED, Look
from reports.formats import TIMES_SIGN
from reports.rows import Panel, Row, is_synthetic, unique

__all__ = [
    "BOTTOM",
    "FEW",
    "STYLE",
    "TICKS",
    "WIDTH",
    "dodge",
    "finish",
    "left_of",
    "margin_band",
    "mark",
    "pack",
    "plain_axis",
    "point",
    "rate_axis",
    "ratio_axis",
    "room",
    "size_axis",
    "spread",
    "titles",
]

Ends = tuple[float, float, float]

WIDTH = 9.6
STYLE: Any = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib, so pictures are the same everywhere
    "font.size": 10,
    "text.parse_math": False,  # a dollar in a name is a dollar
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.labelsize": 10,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#9aa5b1",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e4e8ec",
    "grid.linewidth": 0.8,
    "xtick.color": "#9aa5b1",
    "ytick.color": "#9aa5b1",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "legend.handletextpad": 0.4,
    "legend.columnspacing": 1.6,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "savefig.facecolor": "white",
    "hatch.linewidth": 0.6,
}
NEAREST_OCTAVES = 0.75  # sizes as near as 250 and 256 are drawn this far apart, so that neither hides the other
APART_OCTAVES = 0.085  # of the marks of two names at the same size
SHARE_OF_GAP = 0.67
FEW = 8  # names that a figure of the usual height has room for
RATIO_TICKS = (
    1, 2, 0.5, 1.25, 0.8, 5, 0.2, 10, 0.1, 1.5, 0.67, 3, 0.33, 20, 0.05, 50, 100, 200, 500, 1000, 1.1, 0.9, 1.05, 0.95,
    1.02, 0.98, 0.02, 0.01, 0.005, 0.002, 0.001,
)  # fmt: skip
TICKS = 10  # at most, on a logarithmic axis
TICKS_BELOW = 6  # where their labels stand side by side
HALO = "white"
SCALES = {"*": 1.5, "P": 1.35, "X": 1.3, "d": 1.1, "<": 1.15, ">": 1.15, "^": 1.15, "v": 1.15, "p": 1.2, "h": 1.15}
BOTTOM = 0.74  # inches for tick labels, axis label and the note on synthetic images


def spread(sizes: Sequence[int]) -> dict[int, float]:
    """Return a place on a log-2 axis for each size, near neighbours moved apart."""
    places: dict[int, float] = {}
    last = -math.inf
    for size in sorted(sizes):
        last = max(math.log2(size), last + NEAREST_OCTAVES)
        places[size] = last
    return places


def dodge(index: int, count: int, room: float) -> float:
    """Return how far aside the index-th of several marks at one place is drawn, so that intervals do not overlap."""
    return (index - (count - 1) / 2) * room / max(count, 1)


def room(places: Mapping[int, float], count: int) -> float:
    """Return over how many octaves the marks of so many names at one size are spread, clear of the next size's."""
    ordered = sorted(places.values())
    nearest = min((after - before for before, after in pairwise(ordered)), default=math.inf)
    return min(APART_OCTAVES * count, SHARE_OF_GAP * nearest)


def size_axis(axes: Axes, places: Mapping[int, float], label: str, margin: float = 0.6) -> None:
    """Label the axis with exactly the sizes that were measured."""
    axes.set_xticks(list(places.values()), [str(size) for size in places])
    axes.set_xlim(min(places.values()) - margin, max(places.values()) + margin)
    axes.set_xlabel(label)
    axes.grid(visible=False, axis="x")


def ratio_axis(
    axes: Axes, lows: Iterable[float], highs: Iterable[float], margin: float, *, which: str = "y", most: int = 0
) -> None:
    """Make a logarithmic axis of ratios around 1 with ticks a person would choose, at most so many of them.

    Without ``most`` there are as many as have room in one of several panels.
    """
    low, high = min([*lows, 1 / (1 + 3 * margin)]), max([*highs, 1 + 3 * margin])
    beyond = max(1.06, (high / low) ** 0.03)  # so that marks at the ends are whole
    low, high = low / beyond, high * beyond
    ticks = chosen(RATIO_TICKS, low, high, most or (TICKS if which == "y" else TICKS_BELOW))
    axes.set(**{f"{which}scale": "log", f"{which}lim": (low, high)})
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FixedFormatter([f"{tick:g}{TIMES_SIGN}" for tick in ticks]))
    axis.set_minor_locator(NullLocator())


def rate_axis(axes: Axes, low: float, high: float, *, which: str = "y") -> None:
    """Make a logarithmic axis with round ticks, written out: 1, 2 and 5 of each decade first, then those between."""
    low, high = low / 1.25, high * 1.25
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = chosen([digit * 10.0**decade for digit in (1, 2, 5, 3, 7, 1.5) for decade in decades], low, high)
    axes.set(**{f"{which}scale": "log", f"{which}lim": (low, high)})
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    plain_axis(axes, which)


def chosen(candidates: Iterable[float], low: float, high: float, most: int = TICKS) -> list[float]:
    """Return the candidates, best first, that are in range and leave room for one another on a logarithmic axis."""
    ticks: list[float] = []
    room = math.log(high / low) / most
    for tick in candidates:
        if low <= tick <= high and all(abs(math.log(tick / other)) >= room for other in ticks):
            ticks.append(tick)
    return sorted(ticks)


def plain_axis(axes: Axes, which: str) -> None:
    """Write out the numbers of a linear axis, never as powers."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def left_of(names: Sequence[str], extra: float = 0.2, most: float = 0.4) -> float:
    """Return the left margin, as a fraction of the width, that names on the axis need; ``extra`` is in inches."""
    return min(most, (0.086 * max(map(len, names)) + extra) / WIDTH)


def margin_band(axes: Axes, margin: float, *, which: str = "y", line_style: str = "-") -> None:
    """Shade where an effect is called equivalent, and draw the line of no effect."""
    span, line = (axes.axhspan, axes.axhline) if which == "y" else (axes.axvspan, axes.axvline)
    span(1 / (1 + margin), 1 + margin, color="#c9d1d9", alpha=0.55, linewidth=0, zorder=0.5)
    line(1, color=MUTED, linewidth=1, linestyle=line_style, zorder=0.6)


def point(
    axes: Axes, place: float, ends: Ends, look: Look, verdict: str | None = "faster", *, sideways: bool = False
) -> None:
    """Draw (value, low, high) at a place; the filling of the mark says the verdict (see ``keys.verdicts``).

    The value need not lie within its interval: a median and the interval of a mean may differ.
    """
    value, low, high = ends

    def plot(values: Sequence[float], **style: Any) -> None:
        places = [place] * len(values)
        axes.plot(*((values, places) if sideways else (places, values)), color=look.colour, **style)

    plot([low, high], linewidth=1.6, solid_capstyle="butt", zorder=3)
    plot([low, high], linestyle="none", marker="|" if sideways else "_", markersize=7, markeredgewidth=1.4, zorder=3)
    plot([value], linestyle="none", zorder=4, **mark(look, verdict))


def mark(look: Look, verdict: str | None) -> dict[str, Any]:
    """Return the drawing of a mark: filled for faster and slower, open for equivalent, half filled where undecided."""
    scale = SCALES.get(look.marker, 1.0)
    if verdict in ("faster", "slower"):
        return {"marker": look.marker, "markersize": 6.5 * scale, "markeredgecolor": HALO, "markeredgewidth": 0.6}
    if verdict == "equivalent":
        return {"marker": look.marker, "markersize": 6 * scale, "markerfacecolor": "white", "markeredgewidth": 1.5}
    return {"marker": look.marker, "markersize": 6.5 * scale, "markeredgewidth": 1.2, "fillstyle": "left",
            "markerfacecoloralt": "white"}  # fmt: skip


def pack(found: Mapping[Panel, Sequence[Row]], capacity: int = 11) -> list[list[Panel]]:
    """Return panels in rows of a figure, as many side by side as there is room for their widths."""
    rows: list[list[Panel]] = []
    filled = capacity
    for panel, members in found.items():
        needed = len(unique(members, "width")) + 1
        if filled + needed > capacity:
            rows.append([])
            filled = 0
        rows[-1].append(panel)
        filled += needed
    return rows


def titles(members: Sequence[Panel]) -> list[str]:
    """Return the titles of panels side by side; from the second on, only what differs from the one before it."""
    parts = [panel.title.split(" · ") for panel in members]
    result = [" · ".join(parts[0])]
    for before, now in pairwise(parts):
        result.append(" · ".join(part for part, last in zip(now, before, strict=True) if part != last))
    return result


def finish(figure: Figure, run: Row, *, trains: bool) -> Figure:
    """Note in the corner, in figures of training steps, that images are synthetic; return the figure."""
    if trains and is_synthetic(run):
        height = float(figure.get_size_inches()[1])
        figure.text(
            0.995, 0.05 / height, "synthetic images", ha="right", va="bottom", fontsize=9, color=MUTED, style="italic"
        )
    return figure
