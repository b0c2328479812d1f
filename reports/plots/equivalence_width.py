"""Verdicts at a glance: implementations by widths, and from which width on the choice stops mattering."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from reports import drawing, formats, keys, rows
from reports.colours import INK, MUTED, VERDICT, VERDICT_TINT, looks, parted
from reports.rows import Panel, Row

__all__ = ["CAPTION", "ORDER", "TITLE", "caption", "draw"]

TITLE = "From which width on it stops mattering"
CAPTION = "Each cell is a verdict on one implementation at one width, with its time as a multiple of the baseline's."
EQUIVALENT = "Grey is equivalent: choose as you like."
INCONCLUSIVE = "A dashed frame is inconclusive: nothing could be shown, measure longer."
BASE = "The palest cells are the baseline."
NONE = "Hatched cells have no verdict, for the reason written in them."
ORDER = 15
CELL_INCHES = 0.54
LETTERS_PER_INCH = 9.0  # points per inch of a cell: "↓ 0.952x (!)" just fits


def caption(summary: Row) -> str:
    """Return the caption, of what the figure has."""
    verdicts = {(row["group"], row["case"]): row.get("verdict") for row in rows.throughput(summary, "comparisons")}
    names = set(_shown(summary))
    cases = [row for row in rows.throughput(summary, "cases") if row["implementation"] in names]
    found = {verdicts.get((row["group"], row["case"])) for row in cases if not _is_baseline(row)}
    told = (
        (EQUIVALENT, "equivalent" in found),
        (INCONCLUSIVE, "inconclusive" in found),
        (BASE, any(map(_is_baseline, cases))),
        (NONE, None in found),
    )
    return " ".join([CAPTION, *(text for text, there in told if there)])


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where nothing was compared."""
    compared = rows.throughput(summary, "comparisons")
    if not compared:
        return None
    cases = rows.panels(rows.throughput(summary, "cases"))
    names = _shown(summary)
    handles = _handles(any(row.get("marked") for row in compared))
    more = keys.inches(handles)
    layout = drawing.pack(cases, capacity=9)
    height = 0.92 + more + (CELL_INCHES * len(names) + 0.75) * len(layout)
    figure = Figure(figsize=(drawing.WIDTH, height))
    outer = figure.add_gridspec(
        len(layout),
        1,
        left=drawing.left_of(names, 0.36),
        right=0.985,
        top=1 - (0.7 + more) / height,
        bottom=0.7 / height,
        hspace=0.75 / (CELL_INCHES * len(names)),
    )
    verdicts = {(row["group"], row["case"]): row for row in compared}
    for line, members in enumerate(layout):
        widths = [len(rows.unique(cases[panel], "width")) for panel in members]
        grid = outer[line].subgridspec(1, len(members), width_ratios=widths, wspace=0.08)
        for column, (panel, title) in enumerate(zip(members, drawing.titles(members), strict=True)):
            axes = figure.add_subplot(grid[column])
            _strip(axes, cases[panel], names, verdicts)
            _crossovers(axes, panel, cases[panel], summary, names)
            axes.set_title(title, pad=8)
            if column == 0:
                _names(axes, names)
            if column == 0 or widths[column] > 1:
                axes.set_xlabel("width of the hidden layers")
    keys.put(figure, handles, 0.08)
    return drawing.finish(figure, run, trains=True)


def _shown(summary: Row) -> list[str]:
    """Return whom to show: what was skipped throughout, as for want of its environment, has a table of its own."""
    return rows.implementations(row for row in rows.throughput(summary, "cases") if row.get("status") != "skipped")


def _strip(axes: Axes, members: list[Row], names: list[str], verdicts: Mapping[tuple[str, str], Row]) -> None:
    widths = rows.unique(members, "width")
    axes.set_xlim(0, len(widths))
    axes.set_ylim(len(names), 0)
    axes.set_xticks([place + 0.5 for place in range(len(widths))], [str(width) for width in widths])
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.set_xlabel("width")
    for spine in axes.spines.values():
        spine.set_visible(False)
    for case in (case for case in members if case["implementation"] in names):
        place = (widths.index(case["width"]), names.index(case["implementation"]))
        _cell(axes, place, case, verdicts.get((case["group"], case["case"])))


def _cell(axes: Axes, place: tuple[int, int], case: Row, row: Row | None) -> None:
    x, y = place
    verdict = (row or {}).get("verdict")
    box = Rectangle((x + 0.02, y + 0.05), 0.96, 0.9, facecolor=VERDICT_TINT.get(verdict or "", "#ffffff"), linewidth=0)
    text, colour = _words(case, row), VERDICT.get(verdict or "", MUTED)
    if verdict == "inconclusive":
        box.set(linewidth=1.2, linestyle="--", edgecolor=colour)
    elif verdict is None:
        box.set(facecolor="#f6f7f8", edgecolor="#d5dade", hatch=None if _is_baseline(case) else "////")
    axes.add_patch(box)
    centre: dict[str, Any] = {"ha": "center", "va": "center", "color": colour}
    points = _points(axes)
    if row is None or verdict is None:
        axes.text(
            x + 0.5,
            y + 0.5,
            text,
            bbox={"facecolor": "#f6f7f8", "edgecolor": "none", "pad": 1.5},
            fontsize=points - 1,
            **centre,
        )
    else:
        axes.text(x + 0.5, y + 0.37, text, weight="bold", fontsize=points, **centre)
        axes.text(x + 0.5, y + 0.71, formats.interval(row["ci_low"], row["ci_high"]), fontsize=points - 2, **centre)


def _points(axes: Axes) -> float:
    """Return the size of letters that fits the cells."""
    cell_inches = axes.get_position().width * drawing.WIDTH / axes.get_xlim()[1]
    return min(10.5, LETTERS_PER_INCH * cell_inches)


def _words(case: Row, row: Row | None) -> str:
    if _is_baseline(case):
        return "baseline"
    if row is None or row.get("verdict") is None:
        return "no verdict" if case.get("status") == "measured" else str(case.get("status"))
    arrow = {"faster": "↓ ", "slower": "↑ ", "inconclusive": "? "}.get(row["verdict"], "= ")
    return arrow + formats.ratio(row["ratio"], row["ci_low"], row["ci_high"]) + (" (!)" if row.get("marked") else "")


def _is_baseline(case: Row) -> bool:
    return bool(case.get("case") == case.get("baseline")) and case.get("status") == "measured"


def _crossovers(axes: Axes, panel: Panel, members: list[Row], summary: Row, names: list[str]) -> None:
    """Frame the cells from which on an implementation is equivalent to the baseline, where that holds to the end."""
    widths = rows.unique(members, "width")
    for row in summary.get("crossovers") or []:
        here = (row["device"], row["dtype"], row["batch"], row["depth"]) == panel and row["width"] in widths
        if here and row["implementation"] in names and max(row["widths"]) == widths[-1]:
            first = widths.index(row["width"])
            place = (first + 0.02, names.index(row["implementation"]) + 0.05)
            size = (len(widths) - first - 0.04, 0.9)
            axes.add_patch(Rectangle(place, *size, fill=False, edgecolor=INK, linewidth=1.6))


def _names(axes: Axes, names: list[str]) -> None:
    shown = looks(names)
    axes.set_yticks([place + 0.5 for place in range(len(names))], names)
    axes.tick_params(axis="y", pad=20)
    for place, name in enumerate(names):
        axes.annotate(
            "□" if parted(name)[1] else "■",
            (0, place + 0.5),
            (-7, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=12,
            color=shown[name].colour,
            annotation_clip=False,
        )


def _handles(marked: bool) -> list[Patch]:
    """Return the entries of the key."""
    words = {"faster": "↓ faster", "equivalent": "= equivalent", "inconclusive": "? inconclusive", "slower": "↑ slower"}
    handles = [
        Patch(
            facecolor=VERDICT_TINT[name],
            edgecolor=VERDICT[name],
            linewidth=1,
            label=text,
            linestyle="--" if name == "inconclusive" else "-",
        )
        for name, text in words.items()
    ]
    handles.append(Patch(facecolor="none", edgecolor=INK, linewidth=1.6, label="equivalent from here on"))
    if marked:
        handles.append(Patch(facecolor="none", edgecolor="none", label="(!) control failed"))
    return handles
