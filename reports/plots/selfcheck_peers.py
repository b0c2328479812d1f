"""What each tool says of pairs that are identical, and of pairs that are not."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import drawing
from reports.colours import MUTED, VERDICT, Look
from reports.rows import Row
from reports.selfcheck_tables import count

__all__ = ["CAPTION", "ORDER", "TITLE", "draw"]

TITLE = "The same pairs through other tools, each by its own way of deciding"
CAPTION = (
    "Left, how often a tool called identical pairs different: every time is an error. Right, how often it found a "
    "difference that was there, in the right direction; a tool that cries wolf finds much. Bars are 95 % bounds; the "
    "tools took turns on the same machine."
)
ORDER = 120
OURS = "mlpbench"
ROW_INCHES = 0.42
KINDS = {
    "false": ("identical pairs called different, %", "slower"),
    "found": ("differences found, %", "faster"),
}


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where no other tool was asked."""
    peers = (summary.get("selfcheck") or {}).get("peers") or []
    if not peers:
        return None
    tools = list(dict.fromkeys(row["tool"] for row in peers))
    kinds = [kind for kind in KINDS if any(row[kind] for row in peers)]
    height = ROW_INCHES * max(len([row for row in peers if row[kind]]) for kind in kinds) + 0.95
    figure = Figure(figsize=(drawing.WIDTH, height))
    left = drawing.left_of([*tools, "pytest-benchmark"])
    grid = figure.add_gridspec(
        1, len(kinds), left=left, right=0.985, top=1 - 0.12 / height, bottom=0.62 / height, wspace=0.08
    )
    for column, kind in enumerate(kinds):
        axes = figure.add_subplot(grid[0, column])
        _panel(axes, tools, [row for row in peers if row[kind]], kind)
        axes.tick_params(axis="y", length=0, labelleft=column == 0)
    return figure


def _panel(axes: Axes, tools: Sequence[str], members: Sequence[Row], kind: str) -> None:
    label, verdict = KINDS[kind]
    truths = sorted({row["truth"] for row in members})
    for row in members:
        place = tools.index(row["tool"]) + drawing.dodge(truths.index(row["truth"]), len(truths), 0.7)
        share = row[kind]
        look = Look(VERDICT[verdict] if row["tool"] == OURS else MUTED, "o")
        ends = 100 * share["share"], 100 * share["low"], 100 * share["high"]
        drawing.point(axes, place, ends, look, sideways=True)
        difference = "" if len(truths) == 1 else f"{_percent(row['truth'])}: "
        axes.annotate(
            difference + count(share),
            (ends[2] if ends[2] < 70 else ends[1], place),
            xytext=(7 if ends[2] < 70 else -7, 0),
            textcoords="offset points",
            ha="left" if ends[2] < 70 else "right",
            va="center",
            fontsize=9,
            color=look.colour,
        )
    axes.set_yticks(range(len(tools)), tools)
    axes.set_ylim(len(tools) - 0.4, -0.6)
    axes.set_xlim(-3, 103)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(label if kind == "false" else f"planted {' and '.join(map(_percent, truths))} {label}")


def _percent(truth: float) -> str:
    return f"{100 * (truth - 1):+.3g} %"
