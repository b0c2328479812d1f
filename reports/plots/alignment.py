"""What odd sizes cost: the time per FLOP of each matmul size over that of the base size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import drawing, keys, rows, size_axes
from reports.colours import MUTED, Look, looks
from reports.formats import DEFAULT_MARGIN
from reports.matmuls import Cell, cells, grid_of, label, of_least_base, too_slow, tried
from reports.rows import Row

__all__ = ["CAPTION", "ORDER", "TITLE", "draw"]

TITLE = "What odd matrix sizes cost, per unit of arithmetic"
CAPTION = (
    "Each size's time for one unit of arithmetic, as a multiple of the base size's in the same library and dtype, with "
    "95 % intervals. A size with its whole interval in the grey band costs nothing extra; one above it may be worth "
    "padding. Dotted lines are predictions, not measured: from there on, all rows start at multiples of so many bytes."
)
ORDER = 50
MANY = 3  # libraries
LINE_INCHES = (2.6, 2.2)  # of the panels of one library: of few and of many
MOST_BESIDE = 4  # panels
MOST_SLOW = 4  # sizes that there is room to name
SAID: Any = {"ha": "center", "va": "center", "color": MUTED, "style": "italic", "fontsize": 9}


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where no sizes were compared."""
    compared = [row for row in of_least_base(summary, "comparisons") if _ends(row)]
    if not compared:
        return None
    found = cells(tried(of_least_base(summary, "cases")))
    named = looks(sorted({cell.provider for cell in found}))
    layout = _layout(found)
    height = 1.1 + LINE_INCHES[len(layout) > MANY] * len(layout)
    figure = Figure(figsize=(drawing.WIDTH, height))
    grid = figure.add_gridspec(
        len(layout),
        max(map(len, layout)),
        left=0.085,
        right=0.99,
        top=1 - 0.75 / height,
        bottom=0.66 / height,
        hspace=0.62 if len(layout) <= MANY else 0.85,
        wspace=0.08,
    )
    for line, beside in enumerate(layout):
        there = [cell for cell in beside if cell is not None]
        for cell in there:
            axes = figure.add_subplot(grid[line, beside.index(cell)])
            members = [row for row in compared if Cell.of(row) == cell]
            _panel(axes, cell, found[cell], members, named[cell.provider])
            _axes(axes, compared, run)
            axes.tick_params(labelleft=cell == there[0])
            axes.set_ylabel(f"time per FLOP ÷ {found[cell][0]['baseline']}'s" if cell == there[0] else "")
    keys.put(figure, [*keys.verdicts(), size_axes.handle()], 0.08)
    return figure


def _layout(found: Mapping[Cell, list[Row]]) -> list[list[Cell | None]]:
    """Return the panels of each line: a library's, below the same dtype of the others where there is room for all.

    Of several devices, one beside the other: each dtype's panels of a library that has both are a pair.
    """
    lines, columns = grid_of(found)
    grid = [[Cell(provider, device, *column) for column in columns] for provider, device in lines]
    devices = sorted({device for _, device in lines})
    if len(devices) == 1 and len(columns) <= MOST_BESIDE:
        return [[cell if cell in found else None for cell in beside] for beside in grid]
    layout: list[list[Cell | None]] = []
    for provider in dict.fromkeys(provider for provider, _ in lines):
        own = [device for device in devices if (provider, device) in lines]
        there: list[Cell | None] = []
        for column in columns:
            beside = [Cell(provider, device, *column) for device in own]
            if any(cell in found for cell in beside):
                there += [cell if cell in found else None for cell in beside]
        layout += [there[place : place + MOST_BESIDE] for place in range(0, len(there), MOST_BESIDE)]
    return layout


def _panel(axes: Axes, cell: Cell, cases: list[Row], members: list[Row], look: Look) -> None:
    sizes = rows.unique(cases, "n")
    size_axes.label(axes, sizes)
    axes.set_title(label(cell), pad=6)
    by_size: Mapping[int, Row] = {row["n"]: row for row in members}
    for place, size in enumerate(sizes):
        row = by_size.get(size)
        case = next(case for case in cases if case["n"] == size)
        ends = _ends(row) if row else None
        if row and ends:
            drawing.point(axes, place, ends, look, row.get("verdict"))
        elif case.get("case") == case.get("baseline"):
            if case.get("status") == "measured":
                axes.plot([place], [1], marker="_", markersize=13, color=look.colour, markeredgewidth=3)
            if members:
                size_axes.mark_steps(axes, sizes, size, cell.dtype)
        elif members and too_slow(case):
            axes.annotate(too_slow(case), (place, 0.5), xycoords=("data", "axes fraction"), rotation=90, **SAID)
    if not members:
        axes.set_xticks([])
        text = "\n".join(_states(cases))
        axes.annotate(text, (0.5, 0.85), xycoords="axes fraction", **SAID)
    if any(row.get("marked") for row in members):
        axes.text(
            0.98, 0.97, "control failed", transform=axes.transAxes, ha="right", va="top", color="#b0400f", fontsize=9
        )


def _states(cases: list[Row]) -> list[str]:
    """Return what became of a panel's cases, none of which has a verdict."""
    if any(case["status"] == "measured" for case in cases):
        return ["no verdicts"]
    slow = [f"{case['n']} {too_slow(case)}" for case in cases if too_slow(case)]
    return slow[:MOST_SLOW] or [" and ".join(sorted({case["status"] for case in cases}))]


def _axes(axes: Axes, compared: list[Row], run: Row) -> None:
    margin = run.get("margin") or DEFAULT_MARGIN
    ends = [end for row in compared for end in _ends(row) or ()]
    drawing.ratio_axis(axes, ends, ends, margin)
    drawing.margin_band(axes, margin)


def _ends(row: Row) -> tuple[float, float, float] | None:
    return rows.bounds(row, "ratio", "ci_low", "ci_high")
