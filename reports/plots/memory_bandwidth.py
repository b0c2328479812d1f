"""Bandwidth of each memory kernel over its working set, with the sizes of the caches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from reports import drawing, formats, keys, marking, rows
from reports.colours import INK, MUTED, Dashes, Look
from reports.rows import Row

__all__ = ["CAPTION", "ORDER", "TITLE", "draw"]

TITLE = "How fast memory moves, by how much of it is used"
CAPTION = (
    "Bytes per second of one pass over so much memory, by STREAM's count; bars are 95 % intervals, both axes are "
    "logarithmic. Upright lines are the caches of one core, or a GPU's L2: a curve falls where its working set "
    "outgrows one. Open marks stand where over a fifth of the pass is the call into the library; memory itself is "
    "faster there. Where stores make their lines be read first, memory carries half as much again in copy, a third "
    "more in triad and twice as much in write."
)
ORDER = 56
STUDY = "memory"
GIGA = 1e9
LOOKS = {
    "copy": Look("#0072b2", "o"),
    "read": Look("#009e73", "s"),
    "write": Look("#e69f00", "^"),
    "triad": Look("#882255", "D"),
}
MOST_THREADS: Dashes = (0, (4, 2))
CACHES = {"l1d_size": "L1", "l2_size": "L2", "l3_size": "L3"}
GPU_CACHES = {"gpu0_l2_size": "L2"}
PANEL_INCHES = 3.1
TICK_OCTAVES = 2
ASIDE_OCTAVES = 0.5  # over which the marks of one size are spread
AROUND = 1.5  # room beside the first and the last size, as a ratio


class Panel(NamedTuple):
    """What is the same for all curves of a panel."""

    library: str
    device: str
    dtype: str


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where no memory was swept."""
    found: dict[Panel, list[Row]] = {}
    for row in summary.get("bandwidths") or []:
        if rows.bounds(row, "bandwidth", "low", "high"):
            found.setdefault(Panel(row["provider"], row["device"], row["dtype"]), []).append(row)
    if not found:
        return None
    everything = [row for members in found.values() for row in members]
    handles = _key(everything)
    columns = min(len(found), 2)
    lines = math.ceil(len(found) / columns)
    more = keys.inches(handles)
    height = 0.85 + PANEL_INCHES * lines + more
    figure = Figure(figsize=(drawing.WIDTH, height))
    grid = figure.add_gridspec(
        lines, columns, left=0.075, right=0.985, top=1 - (0.75 + more) / height, bottom=drawing.BOTTOM / height,
        hspace=0.5, wspace=0.15,
    )  # fmt: skip
    for index, (panel, members) in enumerate(found.items()):
        axes = figure.add_subplot(grid[index])
        _scale(axes, everything)
        _curves(axes, members)
        _caches(axes, run, panel.device)
        axes.set_title(" · ".join(panel), pad=14)
    keys.put(figure, handles, 0.08)
    marking.note_failed(figure, summary, STUDY)
    return figure


def _key(everything: list[Row]) -> list[Artist]:
    handles: list[Artist] = [
        Line2D([], [], color=look.colour, label=kernel, linewidth=1.6, **drawing.mark(look, "faster"))
        for kernel, look in LOOKS.items()
        if any(row["kernel"] == kernel for row in everything)
    ]
    threads = rows.unique(everything, "threads")
    if len(threads) > 1:
        lines: tuple[tuple[int, Dashes], ...] = ((threads[0], "-"), (threads[-1], MOST_THREADS))
        handles += [
            Line2D([], [], color=MUTED, linestyle=line, label=f"{count} thread{'s' if count > 1 else ''}")
            for count, line in lines
        ]
    return handles


def _curves(axes: Axes, members: list[Row]) -> None:
    """Draw a line per kernel with the fewest threads, and a dashed one with the most, beside each other."""
    threads = rows.unique(members, "threads")
    wanted = [(kernel, count) for kernel in LOOKS for count in dict.fromkeys((threads[0], threads[-1]))]
    found = {key: [row for row in members if (row["kernel"], row["threads"]) == key] for key in wanted}
    drawn = {key: chosen for key, chosen in found.items() if chosen}
    for index, ((kernel, count), chosen) in enumerate(drawn.items()):
        look = LOOKS[kernel]._replace(line="-" if count == threads[0] else MOST_THREADS)
        _curve(axes, chosen, look, 2 ** drawing.dodge(index, len(drawn), ASIDE_OCTAVES))


def _curve(axes: Axes, members: list[Row], look: Look, aside: float) -> None:
    spots = []
    for row in sorted(members, key=lambda row: float(row["working_set"])):
        value, low, high = (end / GIGA for end in rows.bounds(row, "bandwidth", "low", "high") or ())
        spots.append((row["working_set"] * aside, value))
        drawing.point(axes, spots[-1][0], (value, low, high), look, "equivalent" if row["call_bound"] else "faster")
    axes.plot(*zip(*spots, strict=True), color=look.colour, linestyle=look.line, linewidth=1.3, alpha=0.6, zorder=2)


def _scale(axes: Axes, everything: list[Row]) -> None:
    ends = [end / GIGA for row in everything for end in rows.bounds(row, "bandwidth", "low", "high") or ()]
    drawing.rate_axis(axes, min(ends), max(ends))
    axes.set_ylabel("GB/s")
    sizes = rows.unique(everything, "working_set")
    low, high = sizes[0] / AROUND, sizes[-1] * AROUND
    ticks = [1 << power for power in range(0, math.ceil(math.log2(high)), TICK_OCTAVES) if 1 << power >= low]
    axes.set_xscale("log", base=2)
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FixedFormatter([formats.binary(tick) for tick in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.tick_params(axis="x", labelsize=8.5)
    axes.set_xlabel("working set: all arrays of the kernel")


def _caches(axes: Axes, run: Row, device: str) -> None:
    """Draw the sizes of the device's caches that are on record: a GPU's as torch tells them, of the first there is."""
    group, names = ("caches", CACHES) if device == "cpu" else ("torch", GPU_CACHES)
    facts: Mapping[str, Row] = ((run.get("machine") or {}).get("facts") or {}).get(group) or {}
    low, high = axes.get_xlim()
    for name, label in names.items():
        size = (facts.get(name) or {}).get("value")
        if size and low < size < high:
            axes.axvline(size, color=MUTED, linewidth=1, linestyle=":", zorder=1)
            text = f"{label} {formats.binary(size)}"
            axes.annotate(text, (size, 1), (0, 2), xycoords=("data", "axes fraction"), textcoords="offset points",
                          ha="center", va="bottom", fontsize=8, color=INK)  # fmt: skip
