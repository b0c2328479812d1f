"""Matmul FLOP/s of each size, libraries side by side, a panel per dtype and kind of product."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import drawing, keys, marking, rows, size_axes
from reports.colours import Look, looks
from reports.matmuls import Cell, cells, grid_of, label, of_least_base
from reports.rows import Row

__all__ = ["CAPTION", "ORDER", "TITLE", "draw"]

TITLE = "Arithmetic per second in matrix products: libraries and dtypes"
CAPTION = (
    "Arithmetic per second at each size, higher is better; bars, where there are any, are 95 % intervals. All panels "
    "of a device share one logarithmic scale, so heights compare across libraries and dtypes."
)
ORDER = 52
ROOM = 0.3
MOST_BESIDE = 4  # panels
LINE_INCHES = 2.9


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where no matmul was measured."""
    measured = [row for row in of_least_base(summary, "cases") if rows.rate_bounds(row, "flop_rate")]
    if not measured:
        return None
    found = cells(measured)
    lines, columns = grid_of(found)
    devices = sorted({device for _, device in lines})
    named = looks(provider for provider, _ in lines)
    parts = [columns[first : first + MOST_BESIDE] for first in range(0, len(columns), MOST_BESIDE)]
    layout = [(device, part) for device in devices for part in parts]
    height = 1.16 + LINE_INCHES * len(layout)
    figure = Figure(figsize=(drawing.WIDTH, height))
    grid = figure.add_gridspec(
        len(layout),
        len(parts[0]),
        left=0.085,
        right=0.99,
        top=1 - 0.75 / height,
        bottom=drawing.BOTTOM / height,
        hspace=0.6,
        wspace=0.07,
    )
    for line, (device, part) in enumerate(layout):
        here = [cell for cell in found if cell.device == device]
        ends = [end / 1e9 for cell in here for row in found[cell] for end in rows.rate_bounds(row, "flop_rate") or ()]
        for column, kind in enumerate(part):
            axes = figure.add_subplot(grid[line, column])
            panel = {cell.provider: found[cell] for cell in here if cell[2:] == kind}
            _panel(axes, panel, named)
            axes.set_title(label(Cell("", device, *kind), provider=False), pad=6)
            drawing.rate_axis(axes, min(ends), max(ends))
            axes.tick_params(labelleft=column == 0)
            if column == 0:
                axes.set_ylabel("GFLOP/s" if len(devices) == 1 else f"{device}, GFLOP/s")
    keys.put(figure, keys.names(named), 0.08)
    marking.note_failed(figure, summary, "alignment")
    return figure


def _panel(axes: Axes, panel: Mapping[str, list[Row]], named: Mapping[str, Look]) -> None:
    sizes = sorted({row["n"] for members in panel.values() for row in members})
    if not sizes:
        axes.set_axis_off()
        return
    size_axes.label(axes, sizes)
    for index, (provider, members) in enumerate((name, panel[name]) for name in named if name in panel):
        offset = drawing.dodge(index, len(panel), ROOM)
        spots = []
        for row in members:
            value, low, high = (end / 1e9 for end in rows.rate_bounds(row, "flop_rate") or ())
            spots.append((sizes.index(row["n"]) + offset, value))
            drawing.point(axes, spots[-1][0], (value, low, high), named[provider])
        axes.plot(*zip(*spots, strict=True), color=named[provider].colour, linewidth=1.2, alpha=0.5, zorder=2)
