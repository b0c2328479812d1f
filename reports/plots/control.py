"""How far to trust this run: each group's baseline against itself, in a process of its own."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import drawing, rows
from reports.colours import VERDICT, Look
from reports.formats import DEFAULT_MARGIN, TIMES_SIGN
from reports.rows import Row

__all__ = ["CAPTION", "ORDER", "TITLE", "draw"]

TITLE = "How far to trust this run: the baseline against itself"
CAPTION = (
    "The baseline of every group was measured a second time under another name, so the true ratio is 1 and its 95 % "
    "interval reaches the line in 19 of 20. A wide one says that small differences drown in that group; a red one "
    "failed its test at 1 %: do not rely on that group."
)
ORDER = 70
ROW_INCHES = 0.27


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where no control was measured."""
    controls = [row for row in summary.get("comparisons") or [] if row.get("control") and row.get("ratio")]
    if not controls:
        return None
    height = ROW_INCHES * len(controls) + 0.95
    figure = Figure(figsize=(drawing.WIDTH, height))
    names = [str(row["group"]) for row in controls]
    left = drawing.left_of(names, 0.25, most=0.5) * 0.97
    axes = figure.add_axes((left, drawing.BOTTOM / height, 0.975 - left, 1 - (drawing.BOTTOM + 0.1) / height))
    for place, row in enumerate(controls):
        _row(axes, place, row)
    drawing.margin_band(axes, run.get("margin") or DEFAULT_MARGIN, which="x")
    axes.set_yticks(range(len(names)), names, fontsize=9.5)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("time of the control ÷ time of the baseline")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.4g}{TIMES_SIGN}")
    trains = any(row["study"] == "throughput" for row in controls)
    return drawing.finish(figure, run, trains=trains)


def _row(axes: Axes, place: int, row: Row) -> None:
    ends = rows.ratio_bounds(row)
    if ends is None:
        return
    colour = VERDICT["slower"] if row.get("marked") else "#4f6d8f"
    drawing.point(axes, place, ends, Look(colour, "o"), sideways=True)
