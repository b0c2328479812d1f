"""What odd sizes cost: the time per FLOP of each matmul size over that of the base size."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import drawing, kernels, keys, marking, rows, size_axes
from reports.colours import MUTED, Look, looks
from reports.formats import DEFAULT_MARGIN
from reports.matmuls import Cell, cells, grid_of, label, of_least_base, too_slow, tried
from reports.rows import Row

__all__ = ["CAPTION", "ORDER", "TITLE", "draw"]

TITLE = "What odd matrix sizes cost, per unit of arithmetic"
CAPTION = (
    "Each size's time for one unit of arithmetic, as a multiple of the base size's in the same library and dtype, with "
    "95 % intervals; the thick dash is the base size. A size with its whole interval in the grey band costs nothing "
    "extra; one above it may be worth padding. Dotted lines are predicted, not measured: from there on, all rows start "
    "at multiples of so many bytes. On a GPU thin dashes are predicted as well: there a size would be if nothing "
    "mattered but how the base size's kernel cuts the result into tiles and gives these to multiprocessors in waves."
)
ORDER = 44
MANY = 3  # lines of panels
LINE_INCHES = (2.6, 2.2)  # of a line of few and of many
MOST_BESIDE = 4  # panels
MOST_SLOW = 4  # lines that there is room for in a panel
SAID_WIDTH = 32  # characters of these
SAID: Any = {"ha": "center", "va": "center", "color": MUTED, "style": "italic", "fontsize": 9}


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where no sizes were compared."""
    compared = [row for row in of_least_base(summary, "comparisons") if rows.ratio_bounds(row)]
    if not compared:
        return None
    found = _worth_a_panel(cells(tried(of_least_base(summary, "cases"))))
    named = looks(sorted({cell.provider for cell in found}))
    members = {cell: [row for row in compared if Cell.of(row) == cell] for cell in found}
    changed = kernels.changed(summary)
    handles = [*keys.verdicts(), size_axes.handle(), *size_axes.gpu_handles(compared, changed)]
    layout = _packed(_layout(found))
    below = 0.66 + size_axes.note_inches(compared)
    height = 0.44 + below + keys.inches(handles) + LINE_INCHES[len(layout) > MANY] * len(layout)
    figure = Figure(figsize=(drawing.WIDTH, height))
    grid = figure.add_gridspec(
        len(layout),
        max(map(len, layout)),
        left=0.085,
        right=0.99,
        top=1 - (0.75 + keys.inches(handles)) / height,
        bottom=below / height,
        hspace=0.62 if len(layout) <= MANY else 0.85,
        wspace=0.08,
    )
    for line, beside in enumerate(layout):
        first = next(filter(None, beside), None)
        for cell in filter(None, beside):
            axes = figure.add_subplot(grid[line, beside.index(cell)])
            axes.set_title(label(cell), pad=6)
            if members[cell]:
                _panel(axes, cell, found[cell], members[cell], named[cell.provider], changed)
            else:
                _in_words(axes, found[cell], scaled=cell == first)
            _axes(axes, compared, run, members[cell])
            axes.tick_params(labelleft=cell == first)
            axes.set_ylabel(f"time per FLOP ÷ {found[cell][0]['baseline']}'s" if cell == first else "")
    keys.put(figure, handles, 0.08)
    return figure


def _worth_a_panel(found: Mapping[Cell, list[Row]]) -> dict[Cell, list[Row]]:
    """Leave out panels of what was skipped where dtypes have no room side by side; a table says why it was."""
    roomy = len(grid_of(found)[1]) <= MOST_BESIDE
    return {cell: cases for cell, cases in found.items() if roomy or any(one["status"] != "skipped" for one in cases)}


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


def _packed(layout: list[list[Cell | None]]) -> list[list[Cell | None]]:
    """Return the lines with panels that would be alone in theirs side by side: each says which library it is of."""
    width = max(map(len, layout))
    packed: list[list[Cell | None]] = []
    alone: list[Cell | None] = []  # the last line of packed, where it is of such panels
    for beside in layout:
        there = [cell for cell in beside if cell is not None]
        if len(there) != 1:
            packed.append(beside)
            alone = []
        elif alone and len(alone) < width:
            alone += there
        else:
            alone = [*there]
            packed.append(alone)
    return packed


def _panel(
    axes: Axes, cell: Cell, cases: list[Row], members: list[Row], look: Look, changed: Collection[tuple[str, str]]
) -> None:
    """Draw the sizes of a panel; ``changed`` are group and case of those that another kernel serves."""
    sizes = rows.unique(cases, "n")
    size_axes.label(axes, sizes)
    by_size: Mapping[int, Row] = {row["n"]: row for row in members}
    for place, size in enumerate(sizes):
        row = by_size.get(size)
        case = next(case for case in cases if case["n"] == size)
        ends = rows.ratio_bounds(row) if row else None
        if row and ends:
            drawing.point(axes, place, ends, look, row.get("verdict"))
            size_axes.mark_gpu(axes, place, row, changed)
        elif case.get("case") == case.get("baseline"):
            if case.get("status") == "measured":
                axes.plot([place], [1], marker="_", markersize=13, color=look.colour, markeredgewidth=3)
            size_axes.mark_steps(axes, sizes, size, cell.dtype)
        elif too_slow(case):
            axes.annotate(too_slow(case), (place, 0.5), xycoords=("data", "axes fraction"), rotation=90, **SAID)
    size_axes.note_tile(axes, members)
    if any(row.get("marked") for row in members):
        marking.write_failed(axes)


def _in_words(axes: Axes, cases: list[Row], *, scaled: bool) -> None:
    """Say in place of a panel what became of its cases, none of which has a verdict; with its line's scale if first."""
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.grid(visible=False)
    if not scaled:
        axes.set_axis_off()
    axes.annotate("\n".join(_states(cases)), (0.5, 0.6), xycoords="axes fraction", **SAID)


def _states(cases: list[Row]) -> list[str]:
    if any(case["status"] == "measured" for case in cases):
        return ["no verdicts"]
    slow = [f"{case['n']} {too_slow(case)}" for case in cases if too_slow(case)]
    if slow:
        return slow[:MOST_SLOW]
    told = dict.fromkeys(": ".join(filter(None, (case["status"], case.get("reason")))) for case in cases)
    return textwrap.wrap("; ".join(told), SAID_WIDTH, max_lines=MOST_SLOW, placeholder=" …")


def _axes(axes: Axes, compared: list[Row], run: Row, members: list[Row]) -> None:
    margin = run.get("margin") or DEFAULT_MARGIN
    shown = (ends for row in compared for ends in (rows.ratio_bounds(row), size_axes.predicted(row)) if ends)
    ends = [end for found in shown for end in found]
    drawing.ratio_axis(axes, ends, ends, margin)
    if members:
        drawing.margin_band(axes, margin)
