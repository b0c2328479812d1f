"""The ratio of each implementation's time to the baseline's, over the width of the hidden layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports import drawing, keys, marking, rows
from reports.colours import Look, looks
from reports.formats import DEFAULT_MARGIN
from reports.rows import Row

__all__ = ["CAPTION", "ORDER", "TITLE", "draw"]

TITLE = "Time of a training step over the baseline's, by width"
CAPTION = (
    "Below 1 an implementation needs less time than the baseline, above it more; the bar is the 95 % interval of that "
    "ratio. With its whole interval inside the grey band the difference is too small to matter. The grey star is "
    "the baseline measured against itself: it belongs on the line."
)
ORDER = 10
CONTROL = Look("#8a949e", "*")
PANEL = (4.1, 5.6)  # inches of a panel of few names, and at most


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where nothing was compared."""
    compared = [row for row in rows.throughput(summary, "comparisons", control=True) if rows.ratio_bounds(row)]
    if not compared:
        return None
    found = rows.panels(compared)
    layout = drawing.pack(found)
    named = looks(rows.implementations(rows.throughput(summary, "cases")))
    tested = {name: named[name] for name in rows.implementations(row for row in compared if not row["control"])}
    handles = [*keys.names(tested), _self_check()]
    more = keys.inches(handles)
    height = 1.1 + min(PANEL[0] + 0.15 * max(0, len(tested) - drawing.FEW), PANEL[1]) * len(layout) + more
    figure = Figure(figsize=(drawing.WIDTH, height))
    outer = figure.add_gridspec(
        len(layout),
        1,
        left=0.085,
        right=0.985,
        top=1 - (0.95 + more) / height,
        bottom=drawing.BOTTOM / height,
        hspace=0.42,
    )
    for line, members in enumerate(layout):
        widths = [len(rows.unique(found[panel], "width")) + 1 for panel in members]
        grid = outer[line].subgridspec(1, len(members), width_ratios=widths, wspace=0.06)
        titles = drawing.titles(members)
        for column, panel in enumerate(members):
            axes = figure.add_subplot(grid[column])
            _panel(axes, titles[column], found[panel], tested, run, [row for key in members for row in found[key]])
            axes.tick_params(labelleft=column == 0)
            if column == 0:
                axes.set_ylabel(f"← faster  ·  time ÷ time of {found[panel][0]['baseline']}  ·  slower →")
    keys.put(figure, handles, 0.08)
    keys.put(figure, keys.verdicts(), 0.34 + more)
    return drawing.finish(figure, run, trains=True)


def _panel(
    axes: Axes, title: str, members: list[Row], tested: dict[str, Look], run: Row, shared: Sequence[Row]
) -> None:
    places = drawing.spread(rows.unique(members, "width"))
    margin = run.get("margin") or DEFAULT_MARGIN
    drawing.ratio_axis(
        axes,
        [row["ci_low"] or row["ratio"] for row in shared],
        [row["ci_high"] or row["ratio"] for row in shared],
        margin,
    )
    room = drawing.room(places, len(tested) + 1)
    drawing.size_axis(axes, places, "width of the hidden layers", margin=max(0.6, 0.2 + room / 2))
    drawing.margin_band(axes, margin)
    axes.set_title(title, pad=8)
    for index, (name, look) in enumerate([*tested.items(), (None, CONTROL)]):
        mine = [row for row in members if (None if row["control"] else row["implementation"]) == name]
        offset = drawing.dodge(index, len(tested) + 1, room)
        if name is not None:
            spots = [(places[row["width"]] + offset, row["ratio"]) for row in mine]
            style: dict[str, Any] = {"color": look.colour, "linestyle": look.line}
            axes.plot(*zip(*spots, strict=True), linewidth=1.3, alpha=0.45, zorder=2, **style) if spots else None
        for row in mine:
            ends = rows.ratio_bounds(row)
            if ends:
                drawing.point(axes, places[row["width"]] + offset, ends, look, row.get("verdict"))
    for row in members:
        if row["control"] and row.get("marked"):
            _warn(axes, places[row["width"]], max(0.9, room + 0.1))


def _self_check() -> Line2D:
    return Line2D([], [], color=CONTROL.colour, marker=CONTROL.marker, markersize=8, linestyle="none", label="control")


def _warn(axes: Axes, place: float, octaves: float) -> None:
    axes.axvspan(
        place - octaves / 2,
        place + octaves / 2,
        facecolor="none",
        edgecolor="#d8b4a0",
        hatch="///",
        linewidth=0,
        zorder=0.4,
    )
    marking.write_failed(axes, place)
