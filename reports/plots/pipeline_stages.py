"""Where the time of a fed epoch goes: decoding, collating, transfer, the network, and the rest."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from reports import drawing, feeding, keys, marking
from reports.colours import INK, MUTED
from reports.rows import Row

__all__ = ["CAPTION", "ORDER", "TITLE", "draw"]

TITLE = "The input pipeline: where the time goes"
CAPTION = (
    "Microseconds per image in each stage, from one watched pass per launch; the number is their sum, and the whisker "
    "the 95 % interval of the stage it ends. Stages of a loader with worker processes run side by side and are not "
    "stacked."
)
ORDER = 61
ROW_INCHES = 0.42
MICRO = 1e6
BEHIND: Any = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
# Of the palette for names, in an order in which neighbours differ in lightness, too; hatches tell them without colour.
LOOKS = {
    "decode": ("#c8401a", "decode", ""),
    "collate": ("#e69f00", "collate, shuffle", "//"),
    "transfer": ("#332288", "transfer", ".."),
    "step": ("#56b4e9", "step of the network", ""),
    "rest": ("#9aa5b1", "rest", ""),
}


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where no pass was watched."""
    stacked = [row for row in summary.get("stages") or [] if row["stage"] in feeding.STAGES]
    found = feeding.grouped(stacked)
    if not found:
        return None
    cases = {group: feeding.by_case(members) for group, members in found.items()}
    panels = [0.72 + ROW_INCHES * len(members) for members in cases.values()]
    used = [stage for stage in feeding.STAGES if any(row["stage"] == stage and _micro(row) > 0 for row in stacked)]
    handles = [
        Patch(facecolor=colour, edgecolor="white", hatch=hatch, label=label)
        for colour, label, hatch in (LOOKS[stage] for stage in used)
    ]
    head = 0.45 + keys.inches(handles)
    height = sum(panels) + head + 0.25
    figure = Figure(figsize=(drawing.WIDTH, height))
    left, top = drawing.left_of([name for members in cases.values() for name in members]), height - head
    totals = [sum(map(_micro, rows)) for members in cases.values() for rows in members.values()]
    for (group, members), tall in zip(cases.items(), panels, strict=True):
        top -= tall
        axes = figure.add_axes((left, (top + 0.42) / height, 0.975 - left, (tall - 0.72) / height))
        _panel(axes, members, 1.12 * max(totals))
        axes.set_title(group, pad=8)
    axes.set_xlabel("microseconds per image")
    keys.put(figure, handles, 0.08)
    marking.note_failed(figure, summary, feeding.STUDY)
    return drawing.finish(figure, run, trains=True)


def _panel(axes: Axes, members: dict[str, list[Row]], limit: float) -> None:
    for place, rows in enumerate(members.values()):
        left = 0.0
        for row in sorted(rows, key=lambda row: feeding.STAGES.index(row["stage"])):
            colour, _, hatch = LOOKS[row["stage"]]
            axes.barh(
                place, _micro(row), left=left, height=0.62, color=colour, hatch=hatch, edgecolor="white", linewidth=0
            )
            left += _micro(row)
            if row.get("low") is not None and row.get("high") is not None and _micro(row) > limit / 100:
                ends = [left + MICRO * row[end] - _micro(row) for end in ("low", "high")]
                aside = place + drawing.dodge(feeding.STAGES.index(row["stage"]), len(feeding.STAGES), 0.5)
                axes.plot(ends, [aside, aside], color=INK, linewidth=1.2, marker="|", markersize=6, zorder=3)
        axes.text(
            left + limit * 0.02, place, f"{left:.1f}", va="center", fontsize=9.5, color=MUTED, zorder=4, bbox=BEHIND
        )
    axes.set_yticks(range(len(members)), list(members))
    axes.set_ylim(len(members) - 0.5, -0.5)
    axes.set_xlim(0, limit)
    axes.grid(visible=False, axis="y")
    drawing.plain_axis(axes, "x")


def _micro(row: Row) -> float:
    return MICRO * float(row["seconds_per_image"])
