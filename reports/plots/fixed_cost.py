"""What a training step costs before any arithmetic: the constant of time = fixed cost + FLOPs / rate."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import drawing, formats, marking, rows
from reports.colours import MUTED, Look, looks
from reports.rows import Row

__all__ = ["CAPTION", "ORDER", "TITLE", "draw"]

TITLE = "What a step costs before any arithmetic"
CAPTION = (
    "The part of a step's time that does not shrink with the network: calls, starting kernels and bookkeeping. It "
    "decides who is fastest at small widths. From a straight line through the times at all widths; bars are 95 % "
    "intervals."
)
ORDER = 30
ROW_INCHES = 0.36
BETWEEN_INCHES = 0.64  # two panels: the numbers of an axis, and the title of the next
RIGHT = 0.97
TEXT_INCHES = 1.9  # of "  214 µs  (205-225 µs)" beside the longest bar


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where no fixed cost could be fitted."""
    fitted = [row for row in summary.get("fixed_costs") or [] if rows.bounds(row, "fixed_s", "fixed_low", "fixed_high")]
    if not fitted:
        return None
    found = rows.panels(fitted)
    named = looks([*rows.implementations(rows.throughput(summary, "cases")), *rows.implementations(fitted)])
    sizes = [len(members) for members in found.values()]
    left = drawing.left_of(rows.implementations(fitted))
    height = ROW_INCHES * sum(sizes) + BETWEEN_INCHES * (len(sizes) - 1) + 1.34
    figure = Figure(figsize=(drawing.WIDTH, height))
    grid = figure.add_gridspec(
        len(sizes),
        1,
        height_ratios=sizes,
        left=left,
        right=RIGHT,
        bottom=drawing.BOTTOM / height,
        top=1 - 0.36 / height,
        hspace=BETWEEN_INCHES * len(sizes) / (ROW_INCHES * sum(sizes)),
    )
    ends = [1e6 * end for row in fitted for end in rows.bounds(row, "fixed_s", "fixed_low", "fixed_high") or ()]
    beside = TEXT_INCHES / (drawing.WIDTH * (RIGHT - left))  # the share of the axis that the longest text takes
    for line, (panel, members) in enumerate(found.items()):
        axes = figure.add_subplot(grid[line])
        _panel(axes, members, named)
        axes.set_xlim(min(0, *ends) * 1.1, max(ends) / (1 - beside))
        axes.set_title(panel.title, pad=6)
        if line == len(sizes) - 1:
            axes.set_xlabel("fixed cost per step, µs")
    marking.note_failed(figure, summary, "throughput")
    return drawing.finish(figure, run, trains=True)


def _panel(axes: Axes, members: list[Row], named: Mapping[str, Look]) -> None:
    ordered = sorted(members, key=lambda row: row["fixed_s"], reverse=True)
    for place, row in enumerate(ordered):
        value, low, high = (1e6 * end for end in rows.bounds(row, "fixed_s", "fixed_low", "fixed_high") or ())
        look = named[row["implementation"]]
        axes.barh(place, value, height=0.5, color=look.colour, alpha=0.22)
        drawing.point(axes, place, (value, low, high), look, sideways=True)
        text = f"  {formats.seconds(row['fixed_s'])}  ({formats.seconds_interval(low / 1e6, high / 1e6)})"
        axes.text(max(value, high), place, text, va="center", ha="left", fontsize=9.5)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.set_yticks(range(len(ordered)), [row["implementation"] for row in ordered])
    axes.set_ylim(-0.6, len(ordered) - 0.4)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    drawing.plain_axis(axes, "x")
