"""A line in the corner of figures that show no verdicts: which groups are not to be relied on."""

from __future__ import annotations

from matplotlib.figure import Figure

from reports.formats import listing
from reports.rows import Row, marked_groups

__all__ = ["note_failed"]

MOST_NAMED = 2
COLOUR = "#b0400f"


def note_failed(figure: Figure, summary: Row, study: str) -> None:
    """Note below a figure the groups of a study whose control failed."""
    names = sorted(group for of, group in marked_groups(summary) if of == study)
    if names:
        where = listing(names) if len(names) <= MOST_NAMED else f"{len(names)} groups"
        height = float(figure.get_size_inches()[1])
        text = f"control failed, not to be relied on: {where}"
        figure.text(0.005, 0.05 / height, text, ha="left", va="bottom", fontsize=9, color=COLOUR)
