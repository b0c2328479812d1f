"""What each cause of a slow product costs by itself: size, leading dimension and base address, and two together."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import drawing, effects, keys, marking, rows
from reports.colours import Look, looks
from reports.effects import CONDITIONAL, INTERACTION, MAIN
from reports.formats import DEFAULT_MARGIN
from reports.matmuls import Cell as Kind
from reports.matmuls import label
from reports.rows import Row

__all__ = ["CAPTION", "ORDER", "TITLE", "draw"]

TITLE = "What it is that costs: size, where rows start, or the address"
CAPTION = (
    "Each cause by itself: the time per unit of arithmetic with it over that without it, all else alike, with 95 % "
    "intervals. Aligned rows start at multiples of 64 bytes. Faint: what two causes together cost beyond what each "
    "costs, and means over cases that differ for that reason; what such a cause costs in each of them stands below it."
)
ORDER = 46
MOST_BESIDE = 2
LINE_INCHES = 0.3
FAINT = 0.35


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where no causes were told apart."""
    compared = effects.panels(summary).items()
    found = {kind: [row for row in members if rows.ratio_bounds(row)] for kind, members in compared}
    found = {kind: members for kind, members in found.items() if members}
    if not found:
        return None
    names = _names(found)
    beside = min(MOST_BESIDE, len(found))
    lines = -(-len(found) // beside)
    inches = LINE_INCHES * len(names) + 1.05
    height = 0.45 + inches * lines
    figure = Figure(figsize=(drawing.WIDTH, height))
    grid = figure.add_gridspec(
        lines,
        beside,
        left=drawing.left_of(names, 0.3),
        right=0.985,
        top=1 - 0.75 / height,
        bottom=0.6 / height,
        hspace=1.05 / (LINE_INCHES * len(names)),
        wspace=0.07,
    )
    ends = [end for members in found.values() for row in members for end in rows.ratio_bounds(row) or ()]
    named = looks(kind.provider for kind in found)
    margin = run.get("margin") or DEFAULT_MARGIN
    for place, (kind, members) in enumerate(found.items()):
        axes = figure.add_subplot(grid[divmod(place, beside)])
        _panel(axes, members, names, named[kind.provider])
        drawing.ratio_axis(axes, ends, ends, margin, which="x")
        drawing.margin_band(axes, margin, which="x")
        axes.tick_params(labelleft=place % beside == 0)
        axes.set_title(label(kind), pad=6)
        axes.set_xlabel("time per FLOP, with it ÷ without it")
    keys.put(figure, keys.verdicts(), 0.08)
    return figure


def _names(found: Mapping[Kind, list[Row]]) -> list[str]:
    """Return the effects of all panels in one order: that of the panel that has most, the others' own after it."""
    longest = sorted(found.values(), key=len, reverse=True)
    return list(dict.fromkeys(effects.named(row) for members in longest for row in members))


def _panel(axes: Axes, members: list[Row], names: list[str], look: Look) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    for row in members:
        ends = rows.ratio_bounds(row)
        if ends:
            place = names.index(effects.named(row))
            drawing.point(axes, place, ends, _faint(look) if _is_mixed(row, members) else look, row.get("verdict"),
                          sideways=True)  # fmt: skip
    if any(row.get("marked") for row in members):
        marking.write_failed(axes)


def _is_mixed(row: Row, members: list[Row]) -> bool:
    """Whether an effect is of two causes at once, or the mean of what differs with another one."""
    unlike = {(one["factor"], one["level"]) for one in members if one["kind"] == CONDITIONAL}
    return row["kind"] == INTERACTION or (row["kind"] == MAIN and (row["factor"], row["level"]) in unlike)


def _faint(look: Look) -> Look:
    """Return the look with its colour mixed into white."""
    channels = (int(look.colour[place : place + 2], 16) for place in (1, 3, 5))
    return look._replace(colour="#" + "".join(f"{round(255 - FAINT * (255 - one)):02x}" for one in channels))
