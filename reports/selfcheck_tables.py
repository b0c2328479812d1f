"""The tables of the self-check's page, and any table as Markdown."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor
from typing import Any

from reports import formats
from reports.cells import Cell, Section, Table
from reports.formats import MISSING, TIMES_SIGN
from reports.rows import Row

__all__ = ["cost", "identical", "markdown", "peers", "planted", "spell", "timers"]

SPELLING = {"numpy": "NumPy", "torch": "PyTorch"}
COSTS = {
    "overhead": "Calls around a sample, as a share of it",
    "in_samples": "Share of the time after start-up that is spent inside samples",
    "stopped_cpu": "CPU time of workers that were stopped, as a share of the time",
}
COUNT_AND_BOUNDS = "95 % bounds"


def spell(provider: str) -> str:
    """Return a provider's name as its makers write it."""
    return SPELLING.get(provider, provider)


def bounds(share: Row | None) -> str:
    """Return the two-sided interval of a share, its ends rounded outwards: ``0.2–1.6 %``, ``90–99 %``."""
    if not share or share["low"] is None:
        return MISSING
    return f"{_outwards(share['low'], floor)}{MISSING}{_outwards(share['high'], ceil)}{formats.NO_BREAK}%"


def _outwards(end: float, rounded: Callable[[float], int]) -> str:
    """Return an end of an interval in per cent; with a place behind the point below ten."""
    places = 1 if end < 0.1 else 0
    return f"{rounded(100 * end * 10**places) / 10**places:.{places}f}"


def count(share: Row | None) -> str:
    """Return a share as it was counted: ``58 of 60``."""
    return f"{share['count']} of {share['of']}" if share and share["of"] else MISSING


def planted(found: Row) -> Table | None:
    """Return how often each planted difference was found; None where none was planted."""
    columns = (
        ("planted", "name"),
        ("margin", "number"),
        ("found", "number"),
        (COUNT_AND_BOUNDS, "number"),
        ("wrong way", "number"),
        ("truth in interval", "number"),
        ("half-width", "number"),
        ("time", "number"),
        ("longest", "number"),
        ("late", "number"),
        (f"launches {TIMES_SIGN} rounds", "number"),
    )
    lines = tuple(
        (
            Cell(row["setting"], "name"),
            _number(formats.margin(row["margin"])),
            _number(count(row["found"])),
            _number(bounds(row["found"])),
            _number(str(row["wrong_direction"])),
            _number(count(row["covering"])),
            _number(formats.percent(row["half_width"])),
            _number(formats.seconds(row["seconds"])),
            _number(formats.seconds(row["largest_seconds"])),
            _number(str(row["late"])),
            _number(f"{_span(row['launches'])} {TIMES_SIGN} {_span(row['rounds'])}"),
        )
        for row in found["planted"]["settings"]
    )
    return _table("planted", "Planted differences", columns, lines)


def identical(found: Row) -> Table | None:
    """Return how the pairs of identical cases were judged; None where there are none."""
    columns = (
        ("pair", "name"),
        ("tries", "number"),
        ("called different", "number"),
        ("interval without 1", "number"),
        ("mean ratio", "number"),
        ("variance between runs ÷ squared error", "number"),
    )
    sections: dict[str, list[tuple[Cell, ...]]] = {}
    for row in found["aa"]["pairs"]:
        name = row["group"] if row["case"] == "control" else f"{row['group']}, {row['case']}"
        line = (
            Cell(name, "name"),
            _number(str(row["count"])),
            _number(str(row["false"])),
            _number(str(row["excluding"])),
            _number(formats.ratio(row["ratio"])),
            _number(MISSING if row["variance_ratio"] is None else f"{row['variance_ratio']:.2f}"),
        )
        sections.setdefault(f"{row['setting']} · {spell(row['provider'])}", []).append(line)
    inside = tuple(Section(heading, tuple(lines)) for heading, lines in sections.items())
    return Table("identical", "Identical pairs", columns, inside) if inside else None


def peers(found: Row) -> Table | None:
    """Return what each tool said of pairs whose truth is known; None where no tool was asked."""
    columns = (
        ("tool", "name"),
        ("decides by", "long"),
        ("truth", "number"),
        ("pairs", "number"),
        ("called different", "number"),
        (COUNT_AND_BOUNDS, "number"),
        ("worst false ratio", "number"),
        ("found", "number"),
        (COUNT_AND_BOUNDS, "number"),
        ("time of a pair", "number"),
    )
    lines = tuple(
        (
            Cell(row["tool"], "name"),
            Cell(row["rule"], "long"),
            _number("identical" if row["truth"] == 1 else formats.ratio(row["truth"])),
            _number(str(row["pairs"])),
            _number(count(row["false"])),
            _number(bounds(row["false"])),
            _number(formats.ratio(row["worst_false_ratio"])),
            _number(count(row["found"])),
            _number(bounds(row["found"])),
            _number(formats.seconds(row["seconds"])),
        )
        for row in found["peers"]
    )
    return _table("peers", "Other tools on the same pairs", columns, lines)


def cost(found: Row) -> Table | None:
    """Return what the harness itself costs; None where it was not measured."""
    columns = ("what", "name"), ("median", "number"), ("worst", "number"), ("tries", "number")
    lines = tuple(
        (
            Cell(text, "name"),
            _number(formats.small_percent(row["median"])),
            _number(formats.small_percent(row["worst"])),
            _number(str(row["tries"])),
        )
        for name, text in COSTS.items()
        if (row := found["cost"][name]) is not None
    )
    return _table("cost", "What the harness itself costs", columns, lines)


def timers(found: Row) -> Table | None:
    """Return which broken timers were caught; None where none was tried."""
    columns = ("timer", "name"), ("caught", "text"), ("by", "long"), ("figures", "long")
    lines = tuple(
        (
            Cell(row["timer"], "name"),
            Cell(f"{'yes' if row['caught'] else 'no'}, {row['caught_in']} of {row['tries']}"),
            Cell(row["by"], "long"),
            Cell(row["detail"], "long"),
        )
        for row in found["timers"]
    )
    return _table("timers", "Timers broken on purpose", columns, lines)


def markdown(table: Table) -> str:
    """Return a table as GitHub Markdown; headings of sections become rows in bold."""
    heads = [heading for heading, _ in table.columns]
    rule = ["---:" if kind == "number" else "---" for _, kind in table.columns]
    lines = [heads, rule]
    for section in table.sections:
        if section.heading:
            lines.append([f"**{section.heading}**", *[""] * (len(heads) - 1)])
        lines += [[cell.text for cell in row] for row in section.rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _table(key: str, title: str, columns: Any, lines: tuple[tuple[Cell, ...], ...]) -> Table | None:
    return Table(key, title, columns, (Section("", lines),)) if lines else None


def _number(text: str) -> Cell:
    return Cell(text, "number")


def _span(values: list[int]) -> str:
    return str(values[0]) if len(values) == 1 else f"{values[0]}{MISSING}{values[-1]}"
