"""What it takes until the first step is done: import, build and first step, cold and warm."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from reports import drawing, formats, keys, rows
from reports.colours import INK, MUTED, looks
from reports.rows import Row

__all__ = ["CAPTION", "ORDER", "TITLE", "caption", "draw"]

TITLE = "Start-up: how long until the first step is done"
CAPTION = (
    "Cold is the first start of all; warm is the median over launches. Shades are the parts, the number is their sum. "
    "These are single events: no interval can be given."
)
COMPILING = (
    "Compiling is what the first step of a compiled row takes beyond a steady one; when cold, compilers find nothing "
    "in their caches."
)
ORDER = 40
PARTS = (("interpreter", 0.18), ("import", 0.38), ("build", 0.62), ("compile", 0.8), ("first step", 1.0))
COLUMNS = {
    "cold": ("cold_interpreter_s", "cold_import_s", "cold_build_s", "cold_compile_s", "cold_first_step_s"),
    "warm": ("interpreter_s", "import_s", "build_s", "compile_s", "first_step_s"),
}
ROW_INCHES = (0.25, 0.2)  # of one bar: of few names and of many


def caption(summary: Row) -> str:
    """Return the caption, with compiling where a row has it."""
    compiled = any(row.get("compile_s") is not None for row in rows.throughput(summary, "cases"))
    return f"{CAPTION} {COMPILING}" if compiled else CAPTION


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where no start was timed."""
    cases = [row for row in rows.throughput(summary, "cases") if row.get("first_step_s") is not None]
    if not cases:
        return None
    shape, chosen = _representative(cases)
    names = rows.implementations(chosen)
    height = ROW_INCHES[len(names) > drawing.FEW] * 2.6 * len(names) + 1.3
    figure = Figure(figsize=(drawing.WIDTH, height))
    left = drawing.left_of(names, 0.7)
    axes = figure.add_axes((left, drawing.BOTTOM / height, 0.975 - left, 1 - (drawing.BOTTOM + 0.62) / height))
    _bars(axes, names, chosen)
    first = chosen[0]
    axes.set_title(f"{shape} · {first.get('dtype')} · {first.get('device')}", pad=8)
    axes.set_xlabel("seconds")
    used = [
        part for index, part in enumerate(PARTS) if any(_parts(row, when)[index] for row in chosen for when in COLUMNS)
    ]
    keys.put(figure, [Patch(facecolor=MUTED, alpha=alpha, label=name) for name, alpha in used], 0.08)
    return drawing.finish(figure, run, trains=True)


def _representative(cases: Sequence[Row]) -> tuple[str, list[Row]]:
    """Return one network, the middle one of those that most implementations have, and its cases."""
    shapes: dict[tuple[object, ...], list[Row]] = {}
    for row in cases:
        shapes.setdefault((row.get("device"), row.get("dtype"), row.get("batch"), row["shape"]), []).append(row)
    most = max(map(len, shapes.values()))
    full = [members for members in shapes.values() if len(members) == most]
    full.sort(key=lambda members: (members[0].get("depth") or 0, members[0].get("width") or 0))
    middle = full[(len(full) - 1) // 2]
    return str(middle[0]["shape"]), middle


def _parts(row: Row, when: str) -> list[float]:
    """Return the seconds of each part; what compiling takes is in the first step, and is drawn apart."""
    values = [row.get(name) or 0.0 for name in COLUMNS[when]]
    *before, compiling, first = [value if math.isfinite(value) else 0.0 for value in values]
    return [*before, compiling, max(0.0, first - compiling)]


def _bars(axes: Axes, names: list[str], chosen: list[Row]) -> None:
    named = looks(names)
    by_name = {row["implementation"]: row for row in chosen}
    longest = max(sum(_parts(row, when)) for row in chosen for when in COLUMNS)
    ticks: list[tuple[float, str]] = []
    for index, name in enumerate(names):
        for place, when in ((2.6 * index, "cold"), (2.6 * index + 1, "warm")):
            left = 0.0
            for value, (_, alpha) in zip(_parts(by_name[name], when), PARTS, strict=True):
                axes.barh(place, value, left=left, height=0.86, color=named[name].colour, alpha=alpha, linewidth=0)
                left += value
            axes.text(left + longest * 0.008, place, formats.seconds(left), va="center", fontsize=9.5)
            ticks.append((place, when))
        axes.annotate(
            name,
            (0, 2.6 * index + 0.5),
            (-42, 0),
            xycoords=axes.get_yaxis_transform(),
            ha="right",
            va="center",
            textcoords="offset points",
            color=INK,
            fontsize=10,
            annotation_clip=False,
        )
    axes.set_yticks([place for place, _ in ticks], [when for _, when in ticks], fontsize=9, color=MUTED)
    axes.set_ylim(2.6 * len(names) - 0.9, -0.7)
    axes.set_xlim(0, longest * 1.1)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    drawing.plain_axis(axes, "x")
