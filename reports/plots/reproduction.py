"""Published effects beside what they come to here: a mark for the source's ratio, an interval for this run's."""

from __future__ import annotations

from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.published_effects import CONTROL
from reports import drawing, keys, reproduction, rows
from reports.colours import INK, MUTED, Look
from reports.formats import DEFAULT_MARGIN
from reports.rows import Row

__all__ = ["CAPTION", "ORDER", "TITLE", "draw"]

TITLE = "Published effects, and what they come to here"
CAPTION = (
    "The time of each case as a multiple of its baseline's, per product or per FLOP as its source has it: a diamond is "
    "what was published, for other hardware or software, a dot this run's with its 95 % interval. A dot in the grey "
    "band means that the effect is gone; negative controls should not lie left of it."
)
ORDER = 53
ROW_INCHES = 0.3
LOOK = Look("#0072b2", "o")
CONTROL_LOOK = Look("#009e73", "s")
PUBLISHED: dict[str, Any] = {
    "marker": "D",
    "markersize": 7,
    "markerfacecolor": "none",
    "markeredgecolor": INK,
    "markeredgewidth": 1.3,
}
HEAD_INCHES = 0.42


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where no published effect was repeated."""
    found = [row for row in reproduction.effects(summary) if rows.ratio_bounds(row)]
    if not found:
        return None
    names = [str(row["effect"]) for row in found]
    handles = _key(found)
    head = HEAD_INCHES + keys.inches(handles)
    height = ROW_INCHES * len(found) + drawing.BOTTOM + head
    figure = Figure(figsize=(drawing.WIDTH, height))
    left = drawing.left_of(names, 0.1)
    axes = figure.add_axes((left, drawing.BOTTOM / height, 0.975 - left, 1 - (drawing.BOTTOM + head) / height))
    for place, row in enumerate(found):
        _row(axes, place, row)
    _scale(axes, found, run.get("margin") or DEFAULT_MARGIN)
    axes.set_yticks(range(len(names)), names, fontsize=9.5)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("time of the case ÷ time of the baseline")
    keys.put(figure, handles, 0.08)
    return figure


def _row(axes: Axes, place: int, row: Row) -> None:
    ends = rows.ratio_bounds(row)
    if row["published"]:
        axes.plot([row["published"]], [place], linestyle="none", zorder=5, **PUBLISHED)
        axes.plot([row["ratio"], row["published"]], [place, place], color=MUTED, linewidth=0.8, alpha=0.6, zorder=2)
    if ends:
        look = CONTROL_LOOK if row["kind"] == CONTROL else LOOK
        drawing.point(axes, place, ends, look, row["compared"], sideways=True)


def _scale(axes: Axes, found: list[Row], margin: float) -> None:
    ends = [end for row in found for end in (*(rows.ratio_bounds(row) or ()), row["published"] or 1.0)]
    drawing.ratio_axis(axes, ends, ends, margin, which="x", most=drawing.TICKS)
    drawing.margin_band(axes, margin, which="x")


def _key(found: list[Row]) -> list[Artist]:
    kinds = {row["kind"] for row in found}
    handles: list[Artist] = [Line2D([], [], linestyle="none", label="published", **PUBLISHED)]
    for control, look, label in ((False, LOOK, "here"), (True, CONTROL_LOOK, "here, a negative control")):
        if any((kind == CONTROL) == control for kind in kinds):
            handles.append(
                Line2D([], [], color=look.colour, linestyle="none", label=label, **drawing.mark(look, "slower"))
            )
    return [*handles, *keys.verdicts()]
