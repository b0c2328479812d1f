"""How often a planted difference is found, in which time."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import drawing
from reports.colours import MUTED, Look, looks
from reports.rows import Row
from reports.selfcheck_tables import spell

__all__ = ["CAPTION", "ORDER", "TITLE", "draw"]

TITLE = "How often a difference of known size is found"
CAPTION = (
    "A case did more steps than it reported, so the true difference is known; the height is the share of tries with "
    "the right verdict, with 95 % bounds, and by it stand the count and the time of a try. At 0 % stand identical "
    "pairs, where every verdict of faster or slower is a false one. The dashed line is four tries of five."
)
ORDER = 100
HEIGHT = 3.9
NEAR = 0.25  # per cent: points closer than this are drawn side by side


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where no difference was planted."""
    found = summary.get("selfcheck") or {}
    settings = (found.get("planted") or {}).get("settings") or []
    if not settings:
        return None
    providers = list(dict.fromkeys(row["provider"] for row in settings))
    named = looks(providers)
    figure = Figure(figsize=(drawing.WIDTH, HEIGHT))
    grid = figure.add_gridspec(
        1, len(providers), left=0.075, right=0.985, top=1 - 0.34 / HEIGHT, bottom=0.56 / HEIGHT, wspace=0.07
    )
    furthest = max(100 * row["effect"] for row in settings)
    for column, provider in enumerate(providers):
        axes = figure.add_subplot(grid[0, column])
        false = next((row["false"] for row in found["aa"]["providers"] if row["provider"] == provider), None)
        _panel(axes, [row for row in settings if row["provider"] == provider], false, named[provider])
        axes.set_title(f"two {spell(provider)} cases", pad=6)
        axes.set_xlim(-0.12 * furthest, 1.14 * furthest)
        axes.tick_params(labelleft=column == 0)
        axes.set_ylabel("found, % of tries" if column == 0 else "")
    return figure


def _panel(axes: Axes, settings: list[Row], false: Row | None, look: Look) -> None:
    if false:
        _point(axes, 0, false, Look(MUTED, "o"), "identical")
    places = _places(settings)
    for place, row in zip(places, settings, strict=True):
        _point(axes, place, row["found"], look, f"in {_time(row):.0f} s")
    for members in _lines(settings):
        ends = [(places[index], 100 * settings[index]["found"]["share"]) for index in members]
        axes.plot(*zip(*ends, strict=True), color=look.colour, linewidth=1, alpha=0.6)
    axes.axhline(80, color=MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=0.6)
    axes.set_ylim(-4, 104)
    axes.set_yticks(range(0, 101, 20))
    axes.set_xlabel("planted difference in time per step, %")
    drawing.plain_axis(axes, "x")


def _point(axes: Axes, place: float, share: Row, look: Look, text: str) -> None:
    drawing.point(axes, place, (100 * share["share"], 100 * share["low"], 100 * share["high"]), look)
    below = share["share"] > 0.5
    axes.annotate(
        f"{share['count']} of {share['of']}\n{text}",
        (place, 100 * share["low" if below else "high"]),
        xytext=(0, -5 if below else 5),
        textcoords="offset points",
        ha="center",
        va="top" if below else "bottom",
        fontsize=9,
        color=look.colour,
        linespacing=1.25,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        zorder=2,
    )


def _places(settings: list[Row]) -> list[float]:
    """Return where on the axis each setting stands; those of nearly the same difference side by side."""
    places: list[float] = []
    for row in settings:
        place = 100 * row["effect"]
        while any(abs(place - other) < NEAR for other in places):
            place += NEAR
        places.append(place)
    return places


def _lines(settings: list[Row]) -> list[list[int]]:
    """Return the settings that differ in nothing but the planted difference, to be joined by a line."""
    found: dict[tuple[float | None, float], list[int]] = {}
    for index, row in enumerate(settings):
        found.setdefault((row["budget_s"], row["margin"]), []).append(index)
    return [sorted(members, key=lambda index: settings[index]["effect"]) for members in found.values()]


def _time(row: Row) -> float:
    return float(row["seconds"] if row["budget_s"] is None else row["budget_s"])
