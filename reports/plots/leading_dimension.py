"""What a leading dimension is: a matrix as it lies in memory, and where the rows of a large one start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from bench.alignments import LARGE_POWER, LINE
from reports import drawing, keys, rows
from reports.colours import INK, MUTED, RED
from reports.matmuls import base_sizes, dtype_place, item_size
from reports.rows import Row

__all__ = ["CAPTION", "ORDER", "TITLE", "Element", "draw", "elements", "split"]

TITLE = "What a leading dimension is"
CAPTION = (
    "Memory is fetched in lines of 64 bytes. Above, a matrix, its elements numbered by row, that lies row after row: "
    "most start in the middle of a line, and some lie on two. In a wider buffer each starts with a line; how many "
    "elements it is from one start to the next is the leading dimension. Below, the same for large matrices: flat at 0 "
    "on the left is good, but flat on the right as well means that all rows compete for the same few places of a cache."
)
ORDER = 47
HEIGHT = 6.1
UPPER, LOWER = 3.05, 2.1  # inches from the lower edge: where the small matrix ends and the large ones begin
COUNT, WIDTH, ITEM = 7, 5, 8  # rows and columns of the small matrix, and the bytes of an element: a line holds 8
SLOTS = LINE // ITEM
SHOWN = 64  # rows of the large matrices
PERIOD = 2 * LARGE_POWER  # bytes after which a first cache of 32 KiB and 8 ways begins anew
TINTS = ("#cfe3f1", "#f6ddb4")
UNUSED, SPLIT = "#f3f5f7", RED
MARKS: tuple[Any, ...] = (
    {"color": "#c8401a", "marker": "v", "markersize": 5, "markevery": (0, 2)},  # where two meet, both are seen
    {"color": "#b27b00", "marker": "o", "markersize": 4},
    {"color": "#0072b2", "marker": "s", "markersize": 4, "markevery": (1, 2)},
)
CENTRED: Any = {"ha": "center", "va": "center"}


class Element(NamedTuple):
    """Where an element lies: its row, its line of memory, and its place within the line, in elements."""

    row: int
    line: int
    slot: int
    first: bool


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where no sizes were compared."""
    bases = base_sizes(summary)
    if not bases:
        return None
    figure = Figure(figsize=(drawing.WIDTH, HEIGHT))
    upper = figure.add_gridspec(
        1,
        3,
        left=0.01,
        right=0.995,
        top=1 - 0.36 / HEIGHT,
        bottom=UPPER / HEIGHT,
        wspace=0.04,
        width_ratios=(5.4, 10, 10),
    )
    _matrix(figure.add_subplot(upper[0]))
    _memory(figure.add_subplot(upper[1]), WIDTH, "rows end to end")
    _memory(figure.add_subplot(upper[2]), SLOTS, "in a wider buffer")
    lower = figure.add_gridspec(1, 2, left=0.07, right=0.985, top=LOWER / HEIGHT, bottom=0.52 / HEIGHT, wspace=0.16)
    size = _item_size(summary)
    base = min(bases.values())
    widths = (base, base + 1, base + LINE // size)
    for column, (period, ticks) in enumerate(((LINE, 16), (PERIOD, 1024))):
        axes = figure.add_subplot(lower[column])
        _starts(axes, widths, size, period)
        axes.set_yticks(range(0, period + 1, ticks))
        axes.set_title(f"where a row starts within {'a line of ' if period == LINE else ''}{period} bytes", pad=6)
    texts = [f"{width} wide: rows {width * size} bytes apart" for width in widths]
    handles = [Line2D([], [], linestyle="none", label=text, **mark) for text, mark in zip(texts, MARKS, strict=True)]
    keys.put(figure, handles, HEIGHT - LOWER - 0.56)
    return figure


def elements(leading: int) -> Iterator[Element]:
    """Yield where each element of the small matrix lies with that leading dimension."""
    for row in range(COUNT):
        for column in range(WIDTH):
            line, within = divmod((row * leading + column) * ITEM, LINE)
            yield Element(row, line, within // ITEM, column == 0)


def split(leading: int) -> set[int]:
    """Return the rows of the small matrix that lie on two lines."""
    lines = {(element.row, element.line) for element in elements(leading)}
    return {row for row in range(COUNT) if sum(one == row for one, _ in lines) > 1}


def _matrix(axes: Axes) -> None:
    for row in range(COUNT):
        for column in range(WIDTH):
            _box(axes, (column, row), row, column == 0, INK)
    axes.set_title(f"a matrix, {WIDTH} wide")
    _bare(axes, (-0.3, WIDTH + 0.1), COUNT)


def _memory(axes: Axes, leading: int, text: str) -> None:
    placed = list(elements(leading))
    lines = placed[-1].line + 1
    torn = split(leading)
    for line in range(lines):
        axes.text(-0.25, line + 0.5, f"line {line + 1}", ha="right", va="center", fontsize=8.5, color=MUTED)
        for slot in range(SLOTS):
            axes.add_patch(Rectangle((slot, line), 1, 1, facecolor=UNUSED, edgecolor="white", linewidth=1.5))
    for element in placed:
        colour = SPLIT if element.row in torn else INK
        _box(axes, (element.slot, element.line), element.row, element.first, colour)
    axes.set_title(f"leading dimension {leading}: {text}")
    told = f"{len(torn)} of {COUNT} rows lie on two lines" if torn else "no row lies on two lines"
    axes.text(0, lines + 0.55, told, va="center", fontsize=9, color=SPLIT if torn else INK)
    _bare(axes, (-2.0, SLOTS + 0.1), COUNT)


def _box(axes: Axes, place: tuple[int, int], row: int, first: bool, colour: str) -> None:
    """Draw an element with its row's number; a bar marks where the row starts."""
    axes.add_patch(Rectangle(place, 1, 1, facecolor=TINTS[row % len(TINTS)], edgecolor="white", linewidth=1.5))
    weight = "bold" if colour == SPLIT else "normal"
    axes.text(place[0] + 0.5, place[1] + 0.52, str(row + 1), fontsize=9, color=colour, weight=weight, **CENTRED)
    if first:
        axes.plot([place[0] + 0.08] * 2, [place[1] + 0.08, place[1] + 0.92], color=INK, linewidth=2.4)


def _bare(axes: Axes, ends: tuple[float, float], lines: int) -> None:
    axes.set_xlim(ends)
    axes.set_ylim(lines + 1.0, -0.1)
    axes.set_aspect("equal", anchor="NW")
    axes.set_axis_off()


def _starts(axes: Axes, widths: tuple[int, ...], size: int, period: int) -> None:
    """Draw where, within so many bytes, each row of matrices of these widths starts."""
    for width, mark in zip(widths, MARKS, strict=True):
        starts = [row * width * size % period for row in range(SHOWN)]
        axes.plot(range(SHOWN), starts, linestyle="none", **mark)
    axes.set_ylim(-0.08 * period, 1.04 * period)
    axes.set_xlim(-1.5, SHOWN + 0.5)
    axes.set_xlabel("row")
    axes.set_ylabel("bytes")
    drawing.plain_axis(axes, "x")


def _item_size(summary: Row) -> int:
    """Return the bytes of an element of the dtype that figures name first."""
    found = {str(row["dtype"]) for row in rows.products(summary, "cases", *rows.sweeps(summary).values())}
    return next((size for dtype in sorted(found, key=dtype_place) if (size := item_size(dtype))), 4)
