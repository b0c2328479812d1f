"""What a GPU takes over what the CPU takes, over the size: with the data resident and end to end."""

from __future__ import annotations

from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports import devices, drawing, keys, marking, rows
from reports.colours import MUTED, Look
from reports.devices import Who
from reports.formats import DEFAULT_MARGIN
from reports.rows import Row

__all__ = ["CAPTION", "ORDER", "TITLE", "draw"]

TITLE = "From which size on a GPU is worth it"
CAPTION = (
    "Time on the GPU as a multiple of the CPU's for the same step or product, both taking turns in one run, with 95 % "
    "intervals; below the dashed line the GPU is ahead. Resident: the data stays on the GPU. End to end: every step "
    "brings its data from the host's memory and hands its result back."
)
ORDER = 25
LOOKS = {False: ("resident", Look("#0072b2", "o")), True: ("end to end", Look("#c8401a", "D", (0, (4, 2))))}
BESIDE = 2
PANEL_INCHES = 3.4
ROOM = 0.2  # octaves
CLEAR = 1.2  # of the axis beyond the outermost interval, as a ratio
DETAILS: Any = {"ha": "left", "va": "bottom", "color": MUTED, "fontsize": 9}


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where no devices were compared."""
    compared = [row for row in devices.rows_of(summary) if rows.ratio_bounds(row)]
    panels: dict[Who, list[Row]] = {}
    for row in compared:
        panels.setdefault(Who.of(row), []).append(row)
    if not panels:
        return None
    handles = [*_names(compared), *keys.verdicts()]
    lines, more = -(-len(panels) // BESIDE), keys.inches(handles)
    height = 0.9 + more + PANEL_INCHES * lines
    figure = Figure(figsize=(drawing.WIDTH, height))
    grid = figure.add_gridspec(
        lines,
        min(len(panels), BESIDE),
        left=0.085,
        right=0.99,
        top=1 - (0.86 + more) / height,
        bottom=drawing.BOTTOM / height,
        hspace=0.55,
        wspace=0.06,
    )
    for place, (who, members) in enumerate(panels.items()):
        line, column = divmod(place, BESIDE)
        axes = figure.add_subplot(grid[line, column])
        _panel(axes, who, members)
        _axes(axes, compared, run)
        axes.tick_params(labelleft=column == 0)
        axes.set_ylabel("← faster  ·  time ÷ the CPU's  ·  slower →" if column == 0 else "")
    keys.put(figure, handles, 0.08)
    marking.note_failed(figure, summary, devices.STUDY)
    return drawing.finish(figure, run, trains=any(who.trains for who in panels))


def _panel(axes: Axes, who: Who, members: list[Row]) -> None:
    places = drawing.spread(sorted({devices.size_of(row) for row in members}))
    drawing.size_axis(axes, places, "width of the hidden layers" if who.trains else "matrix size, m = k = n")
    axes.set_title(f"{who.what[:1].upper()}{who.what[1:]} on {who.device}", pad=19)
    axes.annotate(who.details, (0, 1), (0, 6), xycoords="axes fraction", textcoords="offset points", **DETAILS)
    for index, (transfers, (_, look)) in enumerate(LOOKS.items()):
        mine = sorted((row for row in members if row["transfers"] == transfers), key=devices.size_of)
        aside = drawing.dodge(index, len(LOOKS), ROOM)
        spots = [(places[devices.size_of(row)] + aside, row["ratio"]) for row in mine]
        if spots:
            axes.plot(*zip(*spots, strict=True), color=look.colour, linestyle=look.line, linewidth=1.4, alpha=0.6)
        for row, (place, _) in zip(mine, spots, strict=True):
            ends = rows.ratio_bounds(row)
            if ends:
                drawing.point(axes, place, ends, look, row.get("verdict"))


def _axes(axes: Axes, compared: list[Row], run: Row) -> None:
    margin = run.get("margin") or DEFAULT_MARGIN
    ends = [end for row in compared for end in rows.ratio_bounds(row) or ()]
    lows, highs = [end / CLEAR for end in ends], [end * CLEAR for end in ends]
    drawing.ratio_axis(axes, lows, highs, margin)
    drawing.margin_band(axes, margin, line_style="--")


def _names(compared: list[Row]) -> list[Artist]:
    return [
        Line2D([], [], color=look.colour, linestyle=look.line, label=name, **drawing.mark(look, "faster"))
        for transfers, (name, look) in LOOKS.items()
        if any(row["transfers"] == transfers for row in compared)
    ]
