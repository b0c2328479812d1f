"""Learning curves over epochs with the published runs: test accuracy, train loss, how far implementations differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from reports import drawing, keys, learning
from reports.colours import INK, MUTED, Look, looks
from reports.learning import Group
from reports.rows import Row

__all__ = ["CAPTION", "ORDER", "TITLE", "draw"]

TITLE = "What is learned, epoch by epoch"
CAPTION = (
    "One column per recipe: learning rate, and whether the loss is divided by the examples of each batch (mean) or "
    "always by the nominal batch. Strong lines are means over seeds, bars reach from the lowest seed to the highest; "
    "black diamonds are the published run. The bottom row is the largest difference in test accuracy between "
    "implementations that started alike: rounding alone."
)
ORDER = 50
COLUMNS = 3
PANELS = (("test_accuracy", "test accuracy", 2.6), ("train_loss", "train loss", 1.7))
APART = 1.1  # inches of the panel on differences
ROOM = 0.5
PUBLISHED = Look(INK, "D")


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where nothing was learned."""
    groups = learning.groups(summary)
    if not groups:
        return None
    named = looks({name for group in groups for name in group.implementations})
    lines = [groups[start : start + COLUMNS] for start in range(0, len(groups), COLUMNS)]
    sizes = [*(inches for _, _, inches in PANELS), APART]
    handles = [*keys.names(named), *([_handle()] if any(group.run for group in groups) else [])]
    more = keys.inches(handles)
    tall = sum(sizes) + 0.3 * len(sizes)
    height = 0.75 + more + len(lines) * (tall + 0.55) + 0.1
    figure = Figure(figsize=(drawing.WIDTH, height))
    for place, members in enumerate(lines):
        top = 1 - (0.72 + more + place * (tall + 0.55)) / height
        grid = figure.add_gridspec(
            len(sizes), min(COLUMNS, len(groups)), left=0.075, right=0.985, top=top,
            bottom=top - tall / height, height_ratios=sizes, hspace=0.16, wspace=0.1,
        )  # fmt: skip
        for column, group in enumerate(members):
            axes = [figure.add_subplot(grid[row, column]) for row in range(len(sizes))]
            _column(axes, group, groups, named, first=column == 0)
    keys.put(figure, handles, 0.08)
    return drawing.finish(figure, run, trains=True)


def _column(axes: list[Axes], group: Group, groups: list[Group], named: Mapping[str, Look], *, first: bool) -> None:
    for panel, (name, text, _) in zip(axes, PANELS, strict=False):
        for index, who in enumerate(group.implementations):
            offset = drawing.dodge(index, len(group.implementations), ROOM)
            _curve(panel, [row for row in group.rows if row["implementation"] == who], name, named[who], offset)
        if group.run is not None:
            _published(panel, group, name)
        panel.set_ylim(*_limits(_values(groups, name)))
        panel.set_ylabel(text if first else "")
    apart = axes[-1]
    found = learning.spread(group.rows, "test_accuracy")
    apart.bar(list(found), list(found.values()), width=0.6, color=MUTED, linewidth=0)
    largest = max((max(learning.spread(one.rows, "test_accuracy").values(), default=0.0) for one in groups), default=0)
    apart.set_ylim(0, 1.1 * largest or 0.01)
    apart.set_ylabel("difference" if first else "")
    apart.set_xlabel("epoch")
    axes[0].set_title(group.title, pad=8)
    for panel in axes:
        panel.set_xlim(0.4, max(one.epochs[-1] for one in groups) + 0.6)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10, min_n_ticks=1))
        panel.tick_params(labelleft=first, labelbottom=panel is apart)


def _curve(axes: Axes, rows: list[Row], column: str, look: Look, offset: float) -> None:
    """Draw the mean over seeds as a line, and the range of the seeds as a bar, beside those of the others."""
    means = next(iter(learning.means(rows, column).values()), {})
    axes.plot(list(means), list(means.values()), color=look.colour, linewidth=1.3, linestyle=look.line,
              marker=look.marker, markersize=3.5, zorder=3)  # fmt: skip
    for epoch in means:
        values = [row[column] for row in rows if row["epoch"] == epoch and row[column] is not None]
        axes.plot(
            [epoch + offset] * 2, [min(values), max(values)], color=look.colour, linewidth=1, alpha=0.75, zorder=2
        )


def _published(axes: Axes, group: Group, column: str) -> None:
    found = [(row["epoch"], row[column]) for row in (group.run.rows() if group.run else []) if row[column] is not None]
    if found:
        axes.plot(*zip(*found, strict=True), **_style())


def _style() -> dict[str, Any]:
    return {
        "color": PUBLISHED.colour, "linewidth": 1.1, "linestyle": (0, (3, 2)), "marker": PUBLISHED.marker,
        "markersize": 5, "markerfacecolor": "white", "markeredgewidth": 1.3, "zorder": 5,
    }  # fmt: skip


def _handle() -> Line2D:
    return Line2D([], [], label="published", **_style())


def _values(groups: list[Group], column: str) -> Iterable[float]:
    for group in groups:
        yield from (row[column] for row in group.rows if row[column] is not None)
        yield from (row[column] for row in (group.run.rows() if group.run else []) if row[column] is not None)


def _limits(values: Iterable[float]) -> tuple[float, float]:
    """Return the range of the values and something around it."""
    found = sorted(values) or [0.0, 1.0]
    room = 0.06 * (found[-1] - found[0]) or 0.01
    return found[0] - room, found[-1] + room
