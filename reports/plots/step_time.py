"""Time per step over FLOPs, with the straight line the fixed cost comes from."""

from __future__ import annotations

import math
from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import drawing, keys, marking, rows
from reports.colours import Look, looks
from reports.rows import Panel, Row

__all__ = ["CAPTION", "ORDER", "TITLE", "draw"]

TITLE = "Time of a step over its arithmetic, and the fit behind the fixed cost"
CAPTION = (
    "Marks are measured times with 95 % intervals; lines are fixed cost + arithmetic ÷ rate, fitted to them. Where a "
    "line is flat the fixed cost rules, where it climbs the arithmetic does. Both axes are logarithmic."
)
ORDER = 32
CURVE_POINTS = 60


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where no line could be fitted."""
    fitted = {_key(row): row for row in summary.get("fixed_costs") or [] if row.get("fixed_s") is not None}
    measured = [row for row in rows.throughput(summary, "cases") if rows.bounds(row, "time_s", "time_low", "time_high")]
    found = {
        panel: members
        for panel, members in rows.panels(measured).items()
        if any(_key(row) in fitted for row in members)
    }
    if not found:
        return None
    columns = min(len(found), 2)
    lines = math.ceil(len(found) / columns)
    named = looks(rows.implementations(rows.throughput(summary, "cases")))
    shown = {name: named[name] for name in rows.implementations(measured)}
    handles = keys.names(shown)
    more = keys.inches(handles)
    height = 0.85 + 3.6 * lines + more
    figure = Figure(figsize=(drawing.WIDTH, height))
    grid = figure.add_gridspec(
        lines,
        columns,
        left=0.075,
        right=0.97,
        top=1 - (0.75 + more) / height,
        bottom=drawing.BOTTOM / height,
        hspace=0.42,
        wspace=0.2,
    )
    for index, (panel, members) in enumerate(found.items()):
        _panel(figure.add_subplot(grid[index]), panel, members, fitted, named)
    keys.put(figure, handles, 0.08)
    marking.note_failed(figure, summary, "throughput")
    return drawing.finish(figure, run, trains=True)


def _panel(
    axes: Axes, panel: Panel, members: list[Row], fitted: Mapping[tuple[object, ...], Row], named: Mapping[str, Look]
) -> None:
    flops = [row["flops"] for row in members]
    low, high = min(flops) / 1.25, max(flops) * 1.25
    for row in members:
        value, *ends = (1e3 * end for end in rows.bounds(row, "time_s", "time_low", "time_high") or ())
        drawing.point(axes, row["flops"] / 1e6, (value, ends[0], ends[1]), named[row["implementation"]])
    for name, fit in {row["implementation"]: fitted[_key(row)] for row in members if _key(row) in fitted}.items():
        xs = [low * (high / low) ** (step / CURVE_POINTS) for step in range(CURVE_POINTS + 1)]
        ys = [1e3 * (fit["fixed_s"] + (x / fit["rate"] if fit.get("rate") else 0)) for x in xs]
        look = named[name]
        axes.plot([x / 1e6 for x in xs], ys, color=look.colour, linestyle=look.line, linewidth=1.2, alpha=0.7, zorder=2)
    drawing.rate_axis(axes, *_extent(members))
    drawing.rate_axis(axes, min(flops) / 1e6, max(flops) / 1e6, which="x")
    axes.set_title(panel.title, pad=8)
    axes.set_xlabel("arithmetic per step, MFLOP")
    axes.set_ylabel("time per step, ms")


def _extent(members: list[Row]) -> tuple[float, float]:
    times = [1e3 * row["time_s"] for row in members]
    return min(times), max(times)


def _key(row: Row) -> tuple[object, ...]:
    return tuple(row.get(column) for column in ("device", "dtype", "batch", "depth", "implementation"))
