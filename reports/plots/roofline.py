"""The roofline of each device and dtype, with the cases of the run on it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports import drawing, formats, keys, marking, roofline, rows
from reports.colours import INK, MUTED, Look, looks
from reports.rows import Row

__all__ = ["CAPTION", "ORDER", "TITLE", "draw"]

TITLE = "How much of this machine each case uses"
CAPTION = (
    "Each mark is a case: the higher, the more arithmetic a second; the farther right, the more arithmetic for each "
    "byte it must move; numbers above are widths (× layers). The level line is the fastest product of this run, the "
    "slopes are what main memory and caches can feed: nothing should be above, and the distance below is what is not "
    "used. Colours and shapes are implementations, filled by what is in their way; bars are 95 % intervals, both axes "
    "are logarithmic."
)
ORDER = 22
STUDIES = ("throughput", "alignment")
GIGA = 1e9
PANEL_INCHES = 4.3
SIDES = (0.075, 0.985)  # of the panels, as fractions of the width
BETWEEN = 0.13  # panels, as a fraction of a panel's width
AROUND, BEFORE = 1.6, 3.5  # room beside the marks, and left of where the first slope ends, as ratios
BELOW, ABOVE = 1.3, 1.4
NEAR_OCTAVES = 0.25  # networks that are nearer than this share the room for their marks
LETTER_INCHES = 0.066  # of the names of networks
LINES, LINE_POINTS = 3, 10  # above a panel
FILLINGS = {"compute": "full", "memory": "bottom", "launch": "none"}


class Panel(NamedTuple):
    """What is the same for all cases of a panel: they are under one roof."""

    device: str
    dtype: str
    threads: int


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where no case lies under a roof."""
    found: dict[Panel, list[Row]] = {}
    for row in _cases(summary):
        found.setdefault(Panel(row["device"], row["dtype"], row["threads"]), []).append(row)
    if not found:
        return None
    everything = [row for members in found.values() for row in members]
    shown = looks(row["implementation"] for row in everything)
    handles = [*keys.names(shown), *_fillings(everything)]
    columns = min(len(found), 2)
    lines, more = math.ceil(len(found) / columns), keys.inches(handles)
    height = 1.1 + PANEL_INCHES * lines + more
    figure = Figure(figsize=(drawing.WIDTH, height))
    grid = figure.add_gridspec(
        lines, columns, left=SIDES[0], right=SIDES[1], top=1 - (1.0 + more) / height,
        bottom=drawing.BOTTOM / height, hspace=0.36, wspace=BETWEEN,
    )  # fmt: skip
    for index, (panel, members) in enumerate(found.items()):
        axes = figure.add_subplot(grid[index])
        _panel(axes, panel, members, shown, summary)
        axes.set_ylabel("GFLOP/s" if index % columns == 0 else "")
    keys.put(figure, handles, 0.08)
    marking.note_failed(figure, summary, roofline.STUDY)
    return drawing.finish(figure, run, trains=any(row["study"] == "throughput" for row in everything))


def _cases(summary: Row) -> list[Row]:
    """Return the cases that lie under a roof, first float32, in which networks are trained."""
    found = [*rows.throughput(summary, "cases"), *rows.alignment(summary, "cases")]
    placed = [row for row in found if row.get("percent_of_attainable") and rows.rate_bounds(row, "flop_rate")]
    return sorted(placed, key=lambda row: (row["device"], row["dtype"] != "float32", row["dtype"]))


def _panel(axes: Axes, panel: Panel, members: list[Row], shown: Mapping[str, Look], summary: Row) -> None:
    [peak] = [row for row in summary["peaks"] if Panel(row["device"], row["dtype"], row["threads"]) == panel]
    roofs = [row for row in summary["roofs"] if (row["device"], row["threads"]) == (panel.device, panel.threads)]
    roofs.sort(key=lambda row: float(row["bandwidth"]))
    _scale(axes, members, peak, roofs)
    _limits(axes, peak, roofs)
    named = [name for name in shown if any(row["implementation"] == name for row in members)]
    room = drawing.room(dict(enumerate(_places(members))), len(named))
    for index, name in enumerate(named):
        aside = 2 ** drawing.dodge(index, len(named), room)
        for row in members:
            if row["implementation"] == name:
                _mark(axes, row, shown[name], aside)
    _networks(axes, members)
    axes.set_title(f"{panel.dtype} · {panel.device}", pad=5 + LINES * LINE_POINTS)


def _scale(axes: Axes, members: Sequence[Row], peak: Row, roofs: Sequence[Row]) -> None:
    """Show all marks, and where each memory's slope meets the peak."""
    across = [row["arithmetic_intensity"] for row in members]
    ridges = [peak["flop_rate"] / roof["bandwidth"] for roof in roofs]
    low, high = min(min(across) / AROUND, min(ridges) / BEFORE), max(*across, *ridges) * AROUND
    rates = [end / GIGA for row in members for end in rows.rate_bounds(row, "flop_rate") or ()]
    drawing.rate_axis(axes, low, high, which="x")
    least, most = low * roofs[0]["bandwidth"] / GIGA, peak["flop_rate"] / GIGA * ABOVE
    drawing.rate_axis(axes, min(*rates, least) / BELOW, max(*rates, most))
    axes.set_xlabel("FLOP per byte moved")
    axes.tick_params(labelsize=9)


def _limits(axes: Axes, peak: Row, roofs: Sequence[Row]) -> None:
    """Draw the peak and, for each level of memory, what it can feed, each with its name on it."""
    low, high = axes.get_xlim()
    top = peak["flop_rate"] / GIGA
    _band(axes, [low, high], (peak["low"], peak["high"]))
    axes.plot([low, high], [top, top], color=INK, linewidth=1.4, zorder=1.5)
    label = f"achieved: {formats.si(peak['flop_rate'], 'FLOP/s')}, {peak['case']}"
    axes.annotate(label, (low, top), (4, 3), textcoords="offset points", ha="left", va="bottom", fontsize=9)
    angle = _slope(axes)
    along, up = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    for roof in roofs:
        bandwidth = roof["bandwidth"] / GIGA
        axes.plot([low, top / bandwidth], [low * bandwidth, top], color=MUTED, linewidth=1.2, zorder=1.4)
        text = f"{roofline.level(roof)} {formats.si(roof['bandwidth'], 'B/s')}"
        axes.annotate(
            text, (low, low * bandwidth), (12 * along - 2 * up, 12 * up + 2 * along), textcoords="offset points",
            rotation=angle, rotation_mode="anchor", ha="left", va="bottom", fontsize=8.5, color=INK,
        )  # fmt: skip


def _band(axes: Axes, across: Sequence[float], ends: tuple[float | None, float | None]) -> None:
    """Shade an interval, where it is known."""
    low, high = ends
    if low is not None and high is not None:
        axes.fill_between(across, low / GIGA, high / GIGA, color="#dde2e7", linewidth=0, zorder=0.5)


def _slope(axes: Axes) -> float:
    """Return the angle, in degrees on paper, of a line along which both axes grow by the same factor."""
    box = axes.get_window_extent()
    across, up = (math.log2(high / low) for low, high in (axes.get_xlim(), axes.get_ylim()))
    return math.degrees(math.atan2(box.height / up, box.width / across))


def _mark(axes: Axes, row: Row, look: Look, aside: float) -> None:
    value, low, high = (end / GIGA for end in rows.rate_bounds(row, "flop_rate") or ())
    place = row["arithmetic_intensity"] * aside
    axes.plot([place, place], [low, high], color=look.colour, linewidth=1.4, solid_capstyle="butt", zorder=3)
    axes.plot([place], [value], linestyle="none", zorder=4, **_filled(look, row["bound_by"]))


def _filled(look: Look, bound_by: str) -> dict[str, Any]:
    style = {**drawing.mark(look, "equivalent"), "markeredgewidth": 1.2, "fillstyle": FILLINGS[bound_by]}
    return style | {"color": look.colour, "markerfacecolor": look.colour, "markerfacecoloralt": "white"}


def _places(members: Sequence[Row]) -> list[float]:
    """Return where the marks of networks are, in octaves, those that nearly agree once."""
    places: list[float] = []
    for across in sorted({math.log2(row["arithmetic_intensity"]) for row in members}):
        if not places or across - places[-1] >= NEAR_OCTAVES:
            places.append(across)
    return places


def _networks(axes: Axes, members: Sequence[Row]) -> None:
    """Name the networks and products above their marks, in a few lines, as far as there is room."""
    named: dict[tuple[str, int | None], float] = {}
    for row in members:
        named.setdefault((_name(row), row.get("batch")), row["arithmetic_intensity"])
    low, high = axes.get_xlim()
    inches = axes.get_position().width * drawing.WIDTH / math.log(high / low)
    ends = [-math.inf] * LINES
    for (name, _), across in sorted(named.items(), key=lambda item: item[1]):
        middle, half = math.log(across / low) * inches, (len(name) + 1) * LETTER_INCHES / 2
        line = next((number for number, end in enumerate(ends) if end <= middle - half), None)
        if line is not None:
            ends[line] = middle + half
            axes.annotate(name, (across, 1), (0, 2 + LINE_POINTS * line), xycoords=("data", "axes fraction"),
                          textcoords="offset points", ha="center", va="bottom", fontsize=8, color=INK)  # fmt: skip


def _name(row: Row) -> str:
    if row.get("width") is None:
        return "products"
    return f"{row['width']}" if row["depth"] == 1 else f"{row['width']} × {row['depth']}"


def _fillings(members: Sequence[Row]) -> list[Artist]:
    """Return the entries of a key of what is in the way."""
    found = {row["bound_by"] for row in members}
    return [
        Line2D([], [], linestyle="none", label=f"in the way: {text}", **_filled(Look(MUTED, "o"), bound))
        for bound, text in roofline.IN_THE_WAY.items()
        if bound in found
    ]
