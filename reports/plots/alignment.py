"""What odd sizes cost: the time per FLOP of each matmul size over that of the base size."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import drawing, keys, rows
from reports.colours import MUTED, Look, looks
from reports.formats import DEFAULT_MARGIN
from reports.matmuls import Cell, cells, grid_of, label
from reports.rows import Row

__all__ = ["CAPTION", "ORDER", "TITLE", "draw"]

TITLE = "What odd matrix sizes cost, per unit of arithmetic"
CAPTION = (
    "Each size's time for one unit of arithmetic, as a multiple of the base size's in the same library and dtype, with "
    "95 % intervals. A size with its whole interval in the grey band costs nothing extra; one above it may be worth "
    "padding."
)
ORDER = 50
MANY = 3  # libraries
LINE_INCHES = (2.6, 2.2)  # of the panels of one library: of few and of many


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where no sizes were compared."""
    compared = [row for row in rows.alignment(summary, "comparisons") if _ends(row)]
    if not compared:
        return None
    found = cells(_tried(rows.alignment(summary, "cases")))
    named = looks(sorted({cell.provider for cell in found}))
    lines, columns = grid_of(found)
    height = 1.1 + LINE_INCHES[len(lines) > MANY] * len(lines)
    figure = Figure(figsize=(drawing.WIDTH, height))
    grid = figure.add_gridspec(
        len(lines),
        len(columns),
        left=0.085,
        right=0.99,
        top=1 - 0.75 / height,
        bottom=0.58 / height,
        hspace=0.62 if len(lines) <= MANY else 0.85,
        wspace=0.08,
    )
    for line, provider in enumerate(lines):
        for column, kind in enumerate(columns):
            cell = Cell(*provider, *kind)
            if cell not in found:
                continue
            axes = figure.add_subplot(grid[line, column])
            members = [row for row in compared if Cell.of(row) == cell]
            _panel(axes, cell, found[cell], members, named[cell.provider])
            _axes(axes, compared, run)
            first = not any(Cell(*provider, *other) in found for other in columns[:column])
            axes.tick_params(labelleft=first)
            axes.set_ylabel(f"time per FLOP ÷ {found[cell][0]['baseline']}'s" if first else "")
    keys.put(figure, keys.verdicts(), 0.08)
    return figure


def _tried(cases: list[Row]) -> list[Row]:
    """Leave out libraries that were skipped throughout; the table of what was not measured says why."""
    tried = {(row["provider"], row["device"]) for row in cases if row.get("status") != "skipped"}
    return [row for row in cases if (row["provider"], row["device"]) in tried]


def _panel(axes: Axes, cell: Cell, cases: list[Row], members: list[Row], look: Look) -> None:
    sizes = rows.unique(cases, "n")
    drawing.size_axis(axes, {size: place for place, size in enumerate(sizes)}, "matrix size, m = k = n")
    axes.set_title(label(cell), pad=6)
    axes.tick_params(axis="x", labelsize=9)
    by_size: Mapping[int, Row] = {row["n"]: row for row in members}
    for place, size in enumerate(sizes):
        row = by_size.get(size)
        case = next(case for case in cases if case["n"] == size)
        ends = _ends(row) if row else None
        if row and ends:
            drawing.point(axes, place, ends, look, row.get("verdict"))
        elif case.get("case") == case.get("baseline") and case.get("status") == "measured":
            axes.plot([place], [1], marker="_", markersize=13, color=look.colour, markeredgewidth=3)
    states = {case["status"] for case in cases}
    if not members:
        axes.set_xticks([])
        text = "no verdicts" if "measured" in states else " and ".join(sorted(states))
        axes.text(0.5, 0.6, text, transform=axes.transAxes, ha="center", color=MUTED, style="italic")
    if any(row.get("marked") for row in members):
        axes.text(
            0.98, 0.97, "control failed", transform=axes.transAxes, ha="right", va="top", color="#b0400f", fontsize=9
        )


def _axes(axes: Axes, compared: list[Row], run: Row) -> None:
    margin = run.get("margin") or DEFAULT_MARGIN
    ends = [end for row in compared for end in _ends(row) or ()]
    drawing.ratio_axis(axes, ends, ends, margin)
    drawing.margin_band(axes, margin)


def _ends(row: Row) -> tuple[float, float, float] | None:
    return rows.bounds(row, "ratio", "ci_low", "ci_high")
