"""How many images a second the same network trains on behind each input pipeline."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import drawing, feeding, marking, rows
from reports.colours import looks
from reports.rows import Row

__all__ = ["CAPTION", "ORDER", "TITLE", "draw"]

TITLE = "The input pipeline: images trained on per second"
CAPTION = (
    "The same network and update behind each pipeline; dataloader is the textbook's loop. Marks are measured rates "
    "with 95 % intervals, filled where faster or slower than the textbook's, open where equivalent to it, half filled "
    "where undecided."
)
ORDER = 60
ROW_INCHES = 0.34
THOUSAND = 1e3


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where no pipeline was measured."""
    measured = [row for row in feeding.rows_of(summary, "cases") if rows.rate_bounds(row, "throughput")]
    found = feeding.grouped(measured)
    if not found:
        return None
    names = [str(row["case"]) for row in measured]
    panels = [0.72 + ROW_INCHES * len(members) for members in found.values()]
    height = sum(panels) + 0.4
    figure = Figure(figsize=(drawing.WIDTH, height))
    left, top = drawing.left_of(names), height - 0.1
    verdicts = {(row["group"], row["case"]): row.get("verdict") for row in feeding.rows_of(summary, "comparisons")}
    limit = 1.08 * max(max(rows.rate_bounds(row, "throughput") or (0.0,)) for row in measured) / THOUSAND
    for (group, members), tall in zip(found.items(), panels, strict=True):
        top -= tall
        box = (left, (top + 0.42) / height, 0.975 - left, (tall - 0.72) / height)
        axes = figure.add_axes(box)
        _panel(axes, members, verdicts)
        axes.set_title(group, pad=8)
        axes.set_xlim(0, limit)
    axes.set_xlabel("thousand images/s")
    marking.note_failed(figure, summary, feeding.STUDY)
    return drawing.finish(figure, run, trains=True)


def _panel(axes: Axes, members: list[Row], verdicts: dict[tuple[str, str], str | None]) -> None:
    named = looks(row["case"] for row in members)
    for place, row in enumerate(members):
        ends = rows.rate_bounds(row, "throughput") or (0.0, 0.0, 0.0)
        value, low, high = (end / THOUSAND for end in ends)
        verdict = verdicts.get((row["group"], row["case"]), "faster" if row["case"] == row["baseline"] else None)
        drawing.point(axes, place, (value, low, high), named[row["case"]], verdict=verdict, sideways=True)
    axes.set_yticks(range(len(members)), [row["case"] for row in members])
    axes.set_ylim(len(members) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    drawing.plain_axis(axes, "x")
