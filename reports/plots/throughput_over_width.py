"""FLOP/s and examples/s of each implementation over the width of the hidden layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import drawing, keys, marking, rows
from reports.colours import Look, looks
from reports.rows import Panel, Row

__all__ = ["CAPTION", "ORDER", "TITLE", "draw"]

TITLE = "How much is done per second, over width"
CAPTION = (
    "Left: arithmetic per second, which grows with width until the processor is busy. Right: images trained on per "
    "second, which falls as each image costs more. Both axes are logarithmic, higher is better, and bars, where there "
    "are any, are 95 % intervals (often smaller than the marks)."
)
ORDER = 20
RATES = (("flop_rate", 1e9, "GFLOP/s"), ("throughput", 1e3, "thousand examples/s"))
PANEL = (3.6, 4.8)  # inches of a panel of few names, and at most


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where no training step was measured."""
    measured = [row for row in rows.throughput(summary, "cases") if rows.rate_bounds(row, "flop_rate")]
    if not measured:
        return None
    found = rows.panels(measured)
    layout = drawing.pack(found, capacity=8)
    named = looks(rows.implementations(rows.throughput(summary, "cases")))
    shown = {name: named[name] for name in rows.implementations(measured)}
    handles = keys.names(shown)
    more = keys.inches(handles)
    height = 0.85 + _panel_inches(len(shown)) * len(layout) + more
    figure = Figure(figsize=(drawing.WIDTH, height))
    outer = figure.add_gridspec(
        len(layout),
        2,
        left=0.065,
        right=0.99,
        top=1 - (0.75 + more) / height,
        bottom=drawing.BOTTOM / height,
        hspace=0.42,
        wspace=0.18,
    )
    for line, members in enumerate(layout):
        for column, (rate, scale, unit) in enumerate(RATES):
            widths = [len(rows.unique(found[panel], "width")) + 1 for panel in members]
            grid = outer[line, column].subgridspec(1, len(members), width_ratios=widths, wspace=0.08)
            drawn = [figure.add_subplot(grid[index]) for index in range(len(members))]
            for axes, panel in zip(drawn, members, strict=True):
                _panel(axes, panel, found[panel], shown, rate, scale)
            _share(drawn, [row for panel in members for row in found[panel]], rate, scale)
            drawn[0].set_ylabel(unit)
    keys.put(figure, handles, 0.08)
    marking.note_failed(figure, summary, "throughput")
    return drawing.finish(figure, run, trains=True)


def _panel(axes: Axes, panel: Panel, members: list[Row], shown: Mapping[str, Look], rate: str, scale: float) -> None:
    places = drawing.spread(rows.unique(members, "width"))
    room = drawing.room(places, len(shown))
    drawing.size_axis(axes, places, "width", margin=max(0.6, 0.2 + room / 2))
    axes.tick_params(axis="x", labelsize=9)
    few = len(places) < 3
    axes.set_title(
        f"{panel.depth} hidden layer{'s' if panel.depth != 1 else ''}" if few else panel.title.partition(" · batch")[0],
        pad=8,
        fontsize=8.5 if few else None,
    )
    for index, (name, look) in enumerate(shown.items()):
        offset = drawing.dodge(index, len(shown), room)
        spots = []
        for row in members:
            ends = rows.rate_bounds(row, rate)
            if row["implementation"] == name and ends:
                spots.append((places[row["width"]] + offset, ends[0] / scale))
                drawing.point(axes, spots[-1][0], (ends[0] / scale, ends[1] / scale, ends[2] / scale), look)
        if spots:
            style: dict[str, Any] = {"color": look.colour, "linestyle": look.line}
            axes.plot(*zip(*spots, strict=True), linewidth=1.3, alpha=0.6, zorder=2, **style)


def _panel_inches(names: int) -> float:
    """Return how high a panel is: more names need more room."""
    return min(PANEL[0] + 0.12 * max(0, names - drawing.FEW), PANEL[1])


def _share(drawn: list[Axes], members: list[Row], rate: str, scale: float) -> None:
    ends = [end / scale for row in members for end in rows.rate_bounds(row, rate) or ()]
    for index, axes in enumerate(drawn):
        drawing.rate_axis(axes, min(ends), max(ends))
        axes.tick_params(labelleft=index == 0)
