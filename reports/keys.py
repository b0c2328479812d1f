"""Keys of figures: what stands for which name and verdict, above the panels, in as many columns as fit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.textpath import text_to_path

from reports.colours import INK, MUTED, Look, parted, strokes
from reports.drawing import WIDTH, mark

__all__ = ["inches", "names", "put", "verdicts"]

LINE_INCHES = 0.21  # from one line of a key to the next, at the style's font size
HANDLE_POINTS = 26  # the drawn part of an entry with the gap after it, at the style's handle length
GAP_POINTS = 16
BORDER_POINTS = 8
POINTS_PER_INCH = 72


def names(looks: Mapping[str, Look]) -> list[Artist]:
    """Return the entries of a key of names; variants of names that are in it themselves share one for their dashes."""
    apart = [name for name in looks if parted(name)[0] not in looks or not parted(name)[1]]
    handles: list[Artist] = [_line(name, looks[name]) for name in apart]
    variants = {parted(name)[1]: looks[name] for name in looks if name not in apart}
    words = strokes(looks)
    handles += [
        _line(f"the same, {words[variant].word}: {variant}", look._replace(colour=INK))
        for variant, look in variants.items()
    ]
    return handles


def verdicts() -> list[Artist]:
    """Return the entries of a key of the fillings of marks."""
    look = Look(MUTED, "o")
    said = {"faster": "faster or slower", "equivalent": "equivalent", "inconclusive": "inconclusive"}
    handles: list[Artist] = [
        Line2D([], [], color=MUTED, linestyle="none", label=text, **mark(look, verdict))
        for verdict, text in said.items()
    ]
    return [*handles, Patch(facecolor="#dde2e7", label="margin of equivalence")]


def put(figure: Figure, handles: Sequence[Artist], top: float) -> None:
    """Put a key above the panels; ``top`` is its distance from the upper edge in inches."""
    height = float(figure.get_size_inches()[1])
    figure.legend(
        handles=list(handles),
        ncols=_columns(handles),
        loc="upper left",
        borderaxespad=0.0,
        bbox_to_anchor=(0.005, 1 - top / height),
    )


def inches(handles: Sequence[Artist]) -> float:
    """Return the height of a key beyond that of a single line."""
    return LINE_INCHES * (math.ceil(len(handles) / _columns(handles)) - 1) if handles else 0.0


def _line(label: str, look: Look) -> Line2D:
    return Line2D([], [], color=look.colour, label=label, linewidth=1.6, linestyle=look.line, **mark(look, "faster"))


def _columns(handles: Sequence[Artist]) -> int:
    """Return the most columns that fit: matplotlib fills them one after the other, each as wide as its widest entry."""
    font = FontProperties(family=rcParams["font.family"], size=rcParams["legend.fontsize"])
    widths = [
        HANDLE_POINTS + text_to_path.get_text_width_height_descent(str(handle.get_label()), font, ismath=False)[0]
        for handle in handles
    ]
    for columns in range(len(widths), 1, -1):
        longest, more = divmod(len(widths), columns)
        counts = [longest + 1] * more + [longest] * (columns - more)
        starts = [sum(counts[:place]) for place in range(columns)]
        total = sum(max(widths[start : start + count]) for start, count in zip(starts, counts, strict=True))
        if total + GAP_POINTS * (columns - 1) + BORDER_POINTS < POINTS_PER_INCH * WIDTH:
            return columns
    return 1
