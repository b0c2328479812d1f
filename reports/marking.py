"""What figures say of groups whose control failed: in the panel they are in, or, without verdicts, in a corner."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.colours import RED
from reports.formats import listing
from reports.rows import Row, marked_groups
from reports.wording import CONTROL_FAILED, NOT_RELIABLE

__all__ = ["note_failed", "write_failed"]

MOST_NAMED = 2
SMALL = 9  # points


def note_failed(figure: Figure, summary: Row, study: str) -> None:
    """Note below a figure the groups of a study whose control failed."""
    names = sorted(group for of, group in marked_groups(summary) if of == study)
    if names:
        where = listing(names) if len(names) <= MOST_NAMED else f"{len(names)} groups"
        height = float(figure.get_size_inches()[1])
        text = f"{NOT_RELIABLE}: {where}"
        figure.text(0.005, 0.05 / height, text, ha="left", va="bottom", fontsize=SMALL, color=RED)


def write_failed(axes: Axes, place: float | None = None) -> None:
    """Write in a panel that the control failed: in a corner, or where on its x axis it did."""
    across, aligned, transform = 0.98, "right", axes.transAxes
    if place is not None:
        across, aligned, transform = place, "center", axes.get_xaxis_transform()
    axes.text(across, 0.98, CONTROL_FAILED, transform=transform, ha=aligned, va="top", fontsize=SMALL, color=RED)
