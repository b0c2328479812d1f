"""What a dimension costs by itself, around several bases: m, k or n alone, all together, and layouts of operands."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports import drawing, kernels, keys, marking, rows, size_axes
from reports.colours import INK, Look, looks, ordered
from reports.formats import DEFAULT_MARGIN
from reports.matmuls import Cell, base_sizes, dtype_place, label, of_least_base
from reports.rows import Row

__all__ = ["CAPTION", "ORDER", "TITLE", "draw"]

TITLE = "Which dimension it is: m, k and n alone, larger matrices, layouts"
CAPTION = (
    "A product of (m, k) and (k, n) in which one dimension alone is odd, or all three, around each base size; and "
    "operands that are stored transposed (T) or not (N). Time for one unit of arithmetic over that of the base size, "
    "or of NN, with 95 % intervals. Where rows start depends on k and n; m is a number of rows."
)
ORDER = 45
LOOKS = {
    "m": Look("#0072b2", "o"),
    "k": Look("#c8401a", "D"),
    "n": Look("#009e73", "^"),
    rows.SQUARE: Look("#4a5866", "s"),
}
WORDS = {"m": "m alone", "k": "k alone", "n": "n alone", rows.SQUARE: "m, k and n"}
PANEL_INCHES = 2.2
MOST_BESIDE = 3
ROOM = 0.62


class Place(NamedTuple):
    """One panel: a library's products of one kind around a base size, or, with 0 for it, their layouts."""

    cell: Cell
    base: int


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where no more was compared than squares of one base size."""
    sizes, layouts = _sizes(summary), _layouts(summary)
    panels = [*sizes, *layouts]
    if not panels:
        return None
    varied = rows.sweeps(summary)
    sized, others = ([row for members in found.values() for row in members] for found in (sizes, layouts))
    kinds = {varied[str(row["group"])] for row in sized}
    changed = kernels.changed(summary)
    handles = [*_names(kinds), *keys.verdicts(), *([size_axes.handle()] if sizes else [])]
    handles += size_axes.gpu_handles(sized, changed)
    lines = -(-len(panels) // MOST_BESIDE)
    top = 0.72 + keys.inches(handles)
    bottom = 0.62 + (0.26 if layouts else size_axes.note_inches(sized))  # names of layouts are longer than sizes
    height = top + bottom - 0.49 + PANEL_INCHES * lines
    figure = Figure(figsize=(drawing.WIDTH, height))
    grid = figure.add_gridspec(
        lines,
        MOST_BESIDE,
        left=0.085,
        right=0.99,
        top=1 - top / height,
        bottom=bottom / height,
        hspace=0.95,
        wspace=0.08,
    )
    for place, panel in enumerate(panels):
        line, column = divmod(place, MOST_BESIDE)
        axes = figure.add_subplot(grid[line, column])
        if panel in sizes:
            _curves(axes, panel, sizes[panel], varied, changed)
        else:
            _kinds(axes, panel, layouts[panel])
        _axes(axes, sizes.get(panel) or layouts[panel], [*sized, *others], run)
        axes.tick_params(labelleft=column == 0)
        axes.set_ylabel("time per FLOP, ratio" if column == 0 else "")
    keys.put(figure, handles, 0.08)
    return figure


def _sizes(summary: Row) -> dict[Place, list[Row]]:
    """Return the comparisons of panels of sizes; squares of the least base have a figure of their own."""
    shown = {row["group"] for row in of_least_base(summary, "comparisons")}
    bases = base_sizes(summary)
    compared = [row for row in rows.products(summary, "comparisons", *WORDS) if row["group"] not in shown]
    return _sorted((Place(Cell.of(row), bases[row["group"]]), row) for row in compared if rows.ratio_bounds(row))


def _layouts(summary: Row) -> dict[Place, list[Row]]:
    compared = rows.products(summary, "comparisons", rows.LAYOUTS)
    return _sorted((Place(Cell.of(row), 0), row) for row in compared if rows.ratio_bounds(row))


def _sorted(placed: Iterable[tuple[Place, Row]]) -> dict[Place, list[Row]]:
    found: dict[Place, list[Row]] = {}
    for panel, row in placed:
        found.setdefault(panel, []).append(row)
    names = ordered(panel.cell.provider for panel in found)

    def key(panel: Place) -> tuple[str, int, int, int, int]:
        cell, base = panel
        return cell.device, names.index(cell.provider), base, cell.stack, dtype_place(cell.dtype)

    return {panel: found[panel] for panel in sorted(found, key=key)}


def _curves(
    axes: Axes, panel: Place, members: list[Row], varied: Mapping[str, str], changed: Collection[tuple[str, str]]
) -> None:
    """Draw a curve per dimension that varies, side by side at each size."""
    curves: dict[str, dict[int, Row]] = {}
    for row in members:
        kind = varied[str(row["group"])]
        curves.setdefault(kind, {})[row["n" if kind == rows.SQUARE else kind]] = row
    sizes = sorted({panel.base, *(size for curve in curves.values() for size in curve)})
    size_axes.label(axes, sizes, "size of the odd dimension" if curves.keys() != {rows.SQUARE} else "m = k = n")
    if curves.keys() != {"m"}:
        size_axes.mark_steps(axes, sizes, panel.base, panel.cell.dtype)
    kinds = [kind for kind in WORDS if kind in curves]
    for index, kind in enumerate(kinds):
        aside = drawing.dodge(index, len(kinds), ROOM)
        for size, row in curves[kind].items():
            ends = rows.ratio_bounds(row)
            if ends:
                drawing.point(axes, sizes.index(size) + aside, ends, LOOKS[kind], row.get("verdict"))
                size_axes.mark_gpu(axes, sizes.index(size) + aside, row, changed, 0.85 * ROOM / len(kinds) / 2)
    axes.plot([sizes.index(panel.base)], [1], marker="_", markersize=11, color=INK, markeredgewidth=3)
    size_axes.note_tile(axes, members)
    axes.set_title(f"{label(panel.cell)}, around {panel.base}", pad=5)


def _kinds(axes: Axes, panel: Place, members: list[Row]) -> None:
    """Draw the layouts of a library's operands."""
    names = [members[0]["baseline"], *(row["case"] for row in members)]
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.grid(visible=False, axis="x")
    axes.set_xlabel("size and storage of the operands")
    look = looks([panel.cell.provider])[panel.cell.provider]
    axes.plot([0], [1], marker="_", markersize=13, color=look.colour, markeredgewidth=3)
    for place, row in enumerate(members, 1):
        ends = rows.ratio_bounds(row)
        if ends:
            drawing.point(axes, place, ends, look, row.get("verdict"))
    axes.set_title(f"{label(panel.cell)}, layouts", pad=5)


def _axes(axes: Axes, members: list[Row], compared: list[Row], run: Row) -> None:
    margin = run.get("margin") or DEFAULT_MARGIN
    shown = (ends for row in compared for ends in (rows.ratio_bounds(row), size_axes.predicted(row)) if ends)
    ends = [end for found in shown for end in found]
    drawing.ratio_axis(axes, ends, ends, margin)
    drawing.margin_band(axes, margin)
    if any(row.get("marked") for row in members):
        marking.write_failed(axes)


def _names(kinds: Iterable[str]) -> list[Artist]:
    there = set(kinds)
    return [
        Line2D([], [], color=look.colour, label=WORDS[kind], linewidth=1.6, **drawing.mark(look, "faster"))
        for kind, look in LOOKS.items()
        if kind in there
    ]
