"""How many rows start on a boundary at each size, and the measured time per FLOP below."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from bench.alignments import BOUNDARIES, aligned_share
from reports import drawing, kernels, keys, rows, size_axes
from reports.colours import INK, MUTED, Look, looks
from reports.formats import DEFAULT_MARGIN
from reports.matmuls import base_sizes, dtype_place, item_size, of_least_base
from reports.rows import Row

__all__ = ["CAPTION", "ORDER", "TITLE", "draw"]

TITLE = "At which sizes rows start on a boundary"
CAPTION = (
    "A processor's core loads 16 to 64 bytes at once, a GPU's thread 16 and its warp 128, with least effort from "
    "addresses that are multiples of as many. Strips show which share of a matrix's rows starts at one, all "
    "at a dark square: computed, not measured. Below is what was measured, with 95 % intervals: where time falls at a "
    "dark square and not beside it, alignment matters on this machine."
)
ORDER = 48
SIZES = 17  # from the base on: at the last of them, rows of elements of 4 bytes start on lines again
STRIPS_INCHES = 0.235 * len(BOUNDARIES)
MEASURED_INCHES = 1.3
BETWEEN_INCHES = 0.12  # what was measured on one device and on the next
TITLE_INCHES, AXIS_INCHES = 0.32, 0.6
DARK = (0x2F, 0x5D, 0x7C)
ROOM = 0.6
CPU = "cpu"


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where no sizes were compared."""
    bases = base_sizes(summary)
    cases = [row for row in of_least_base(summary, "cases") if _is_plain(row) and row.get("status") != "skipped"]
    dtypes = sorted({str(row["dtype"]) for row in cases if item_size(row["dtype"])}, key=dtype_place)
    if not dtypes:
        return None
    base = min(bases[row["group"]] for row in cases)
    compared = [row for row in of_least_base(summary, "comparisons") if _is_plain(row) and rows.ratio_bounds(row)]
    shown = [row for row in compared if base < row["n"] < base + SIZES]
    blocks = {dtype: _by_device(row for row in shown if row["dtype"] == dtype) for dtype in dtypes}
    shared = _Shared.of(shown, run.get("margin") or DEFAULT_MARGIN, kernels.changed(summary))
    handles = [*keys.names(shared.looks), *keys.verdicts(), *shared.handles] if shown else []
    above = 0.32 + keys.inches(handles)
    height = above + sum(map(_inches, blocks.values()))
    figure = Figure(figsize=(drawing.WIDTH, height))
    for dtype, devices in blocks.items():
        _block(figure, above + TITLE_INCHES, base, dtype, devices, shared)
        above += _inches(devices)
    if handles:
        keys.put(figure, handles, 0.08)
    return figure


class _Shared(NamedTuple):
    """What all panels share: ends of intervals and predictions, margin, looks, what GPUs alone have, and its key."""

    ends: list[float]
    margin: float
    looks: Mapping[str, Look]
    changed: Collection[tuple[str, str]]
    handles: list[Line2D]
    on_cpu_alone: bool

    @classmethod
    def of(cls, shown: list[Row], margin: float, changed: Collection[tuple[str, str]]) -> _Shared:
        """Return it for the comparisons that are drawn."""
        found = [ends for row in shown for ends in (rows.ratio_bounds(row), size_axes.predicted(row)) if ends]
        named = looks(str(row["provider"]) for row in shown)
        handles = size_axes.gpu_handles(shown, changed)
        on_cpu_alone = all((row.get("device") or CPU) == CPU for row in shown)
        return cls([end for ends in found for end in ends], margin, named, changed, handles, on_cpu_alone)


def _is_plain(row: Row) -> bool:
    return (row.get("stack") or 1) == 1


def _by_device(members: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in sorted(members, key=lambda row: row.get("device") or CPU):
        found.setdefault(row.get("device") or CPU, []).append(row)
    return found


def _inches(devices: Mapping[str, list[Row]]) -> float:
    between = BETWEEN_INCHES * max(len(devices) - 1, 0)
    return TITLE_INCHES + STRIPS_INCHES + MEASURED_INCHES * len(devices) + between + AXIS_INCHES


def _block(
    figure: Figure, top: float, base: int, dtype: str, devices: Mapping[str, list[Row]], shared: _Shared
) -> None:
    """Draw a dtype's strips and, where there is any, what was measured, device by device."""
    _strips(_beside(figure, top, STRIPS_INCHES), base, dtype, labelled=not devices)
    top += STRIPS_INCHES
    for device, members in devices.items():
        axes = _beside(figure, top + 0.05, MEASURED_INCHES - 0.05)
        _measured(axes, base, members, shared)
        axes.set_ylabel("time per FLOP" if shared.on_cpu_alone else f"time per FLOP\n({device})")
        _sizes(axes, base, labelled=device == list(devices)[-1])
        drawing.ratio_axis(axes, shared.ends, shared.ends, shared.margin)
        drawing.margin_band(axes, shared.margin)
        top += MEASURED_INCHES + BETWEEN_INCHES


def _beside(figure: Figure, top: float, inches: float) -> Axes:
    """Return axes as wide as the figure has room for, so many inches below its upper edge."""
    height = float(figure.get_size_inches()[1])
    axes: Axes = figure.add_axes((0.105, 1 - (top + inches) / height, 0.885, inches / height))
    axes.set_xlim(-0.5, SIZES - 0.5)
    axes.grid(visible=False, axis="x")
    return axes


def _strips(axes: Axes, base: int, dtype: str, *, labelled: bool) -> None:
    """Draw, for each boundary, the share of rows that start on it at each size."""
    size = item_size(dtype) or 1
    for line, boundary in enumerate(BOUNDARIES):
        for place in range(SIZES):
            one_in = aligned_share(base + place, size, boundary)
            shade = 1 / one_in
            colour = "#" + "".join(f"{round(255 - shade * (255 - channel)):02x}" for channel in DARK)
            axes.add_patch(Rectangle((place - 0.48, line + 0.04), 0.96, 0.92, facecolor=colour, linewidth=0))
            axes.text(place, line + 0.53, "all" if one_in == 1 else f"1/{one_in}", fontsize=8, ha="center", va="center",
                      color="white" if shade > 0.5 else INK)  # fmt: skip
    axes.set_ylim(len(BOUNDARIES), 0)
    axes.set_yticks([line + 0.5 for line in range(len(BOUNDARIES))], [f"{boundary} bytes" for boundary in BOUNDARIES])
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.grid(visible=False)
    axes.set_title(
        f"{dtype}, {size} {'byte' if size == 1 else 'bytes'} each: share of rows that start at a multiple of", pad=5
    )
    _sizes(axes, base, labelled=labelled)


def _measured(axes: Axes, base: int, members: list[Row], shared: _Shared) -> None:
    providers = [name for name in shared.looks if any(row["provider"] == name for row in members)]
    for row in members:
        ends = rows.ratio_bounds(row)
        if ends:
            place = row["n"] - base + drawing.dodge(providers.index(row["provider"]), len(providers), ROOM)
            drawing.point(axes, place, ends, shared.looks[row["provider"]], row.get("verdict"))
            size_axes.mark_gpu(axes, place, row, shared.changed, ROOM / len(providers) / 2)
    axes.plot([0], [1], marker="_", markersize=13, color=MUTED, markeredgewidth=3)


def _sizes(axes: Axes, base: int, *, labelled: bool) -> None:
    axes.set_xticks(range(SIZES), [str(base + place) for place in range(SIZES)] if labelled else [""] * SIZES)
    axes.tick_params(axis="x", labelsize=8.5)
    axes.set_xlabel("matrix size, m = k = n" if labelled else "")
