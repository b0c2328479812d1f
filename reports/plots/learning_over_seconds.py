"""Test accuracy over the seconds of training so far, and the accuracies that the time to is told of."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import drawing, keys, learning
from reports.colours import MUTED, Look, looks
from reports.learning import Group
from reports.rows import Row

__all__ = ["CAPTION", "ORDER", "TITLE", "draw"]

TITLE = "What is learned, second by second"
CAPTION = (
    "Each mark is a test after an epoch: strong lines are means over seeds, thin ones the seeds. The seconds are those "
    "of the training steps alone, shown and not judged; published runs tell no seconds. Dashed lines are the levels "
    "that the tables tell the time to."
)
ORDER = 52
COLUMNS = 3
PANEL = 2.9  # inches


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where nothing was learned."""
    groups = learning.groups(summary)
    if not groups:
        return None
    named = looks({name for group in groups for name in group.implementations})
    columns = min(COLUMNS, len(groups))
    lines = -(-len(groups) // columns)
    handles = keys.names(named)
    more = keys.inches(handles)
    height = 0.72 + more + lines * PANEL + (lines - 1) * 0.75 + drawing.BOTTOM
    figure = Figure(figsize=(drawing.WIDTH, height))
    grid = figure.add_gridspec(
        lines, columns, left=0.075, right=0.985, top=1 - (0.72 + more) / height, bottom=drawing.BOTTOM / height,
        hspace=0.75 / PANEL, wspace=0.1,
    )  # fmt: skip
    values = [row["test_accuracy"] for group in groups for row in group.rows]
    levels = [level for level in map(float, learning.levels(summary)) if min(values) < level]
    low, high = min([*values, *levels]), max([*values, *levels])
    room = 0.06 * (high - low) or 0.01
    for index, group in enumerate(groups):
        axes = figure.add_subplot(grid[index])
        _panel(axes, group, named, levels)
        axes.set_ylim(low - room, high + room)
        axes.tick_params(labelleft=index % columns == 0)
        axes.set_ylabel("test accuracy" if index % columns == 0 else "")
    keys.put(figure, handles, 0.08)
    return drawing.finish(figure, run, trains=True)


def _panel(axes: Axes, group: Group, named: Mapping[str, Look], levels: list[float]) -> None:
    for level in levels:
        axes.axhline(level, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0.6)
    for name in group.implementations:
        rows = [row for row in group.rows if row["implementation"] == name]
        look = named[name]
        for seed in sorted({row["seed"] for row in rows}):
            mine = [row for row in rows if row["seed"] == seed]
            axes.plot([row["total_s"] for row in mine], [row["test_accuracy"] for row in mine], color=look.colour,
                      linewidth=0.7, alpha=0.4, zorder=2)  # fmt: skip
        when, what = (learning.means(rows, column)[name] for column in ("total_s", "test_accuracy"))
        axes.plot(list(when.values()), list(what.values()), color=look.colour, linewidth=1.4, linestyle=look.line,
                  marker=look.marker, markersize=4, zorder=3)  # fmt: skip
    axes.set_xlim(left=0)
    axes.set_title(group.title, pad=8)
    axes.set_xlabel("seconds of training")
    drawing.plain_axis(axes, "x")
