"""The tables of every run's page as plain cells: every number is formatted here, none in the template."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from itertools import groupby
from typing import Any

from reports import checks, formats, roofline, rows
from reports.cells import Cell, Section, Table
from reports.rows import Row
from reports.winners import Winner, winners

__all__ = ["answers", "cases", "comparisons", "equality", "per_study"]

COUNTS = f"launches {formats.TIMES_SIGN} rounds"
FAILED = "control failed, not to be relied on"


def answers(summary: Row) -> Table | None:
    """Return, for each network, who is fastest and by how much; None where there are no verdicts."""
    found = winners(summary)
    if not found:
        return None
    sections = []
    bases = {(row["group"]): row for row in rows.throughput(summary, "cases") if row["case"] == row["baseline"]}
    by_place = {(key, row["width"]): row for key, members in rows.panels(bases.values()).items() for row in members}
    for panel, members in groupby(found, key=lambda one: one.panel):
        lines = tuple(_answer(one, by_place.get((panel, one.width), {})) for one in members)
        sections.append(Section(panel.title, lines))
    columns = (
        ("width", "number"),
        ("fastest", "name wrap"),
        ("ratio", "number"),
        ("95 % interval", "number"),
        ("verdict", "verdict"),
        ("time per step", "number"),
        ("examples/s", "number"),
        ("equivalent to the baseline", "text wrap"),
    )
    return Table("answers", "Fastest at each size", columns, tuple(sections))


def _answer(one: Winner, base: Row) -> tuple[Cell, ...]:
    width = Cell(str(one.width), "number")
    if one.marked:
        blank = Cell(formats.MISSING, "number")
        return (
            width,
            Cell("withheld: the control failed", "text wrap"),
            blank,
            blank,
            Cell(formats.MISSING),
            blank,
            blank,
            Cell(formats.MISSING),
        )
    row = one.row or base
    text = one.name + (f" (or {formats.listing(list(one.rivals))})" if one.rivals else "")
    return (
        width,
        Cell(text, "name wrap"),
        Cell(_ratio(row) if one.row else "1", "number"),
        Cell(formats.interval(row.get("ci_low"), row.get("ci_high")), "number"),
        _verdict(row.get("verdict"), False) if one.row else Cell("baseline"),
        Cell(formats.seconds(row.get("time_s")), "number"),
        Cell(formats.si(row.get("throughput"), ""), "number"),
        Cell(formats.listing(list(one.equal)) or formats.MISSING, "text wrap"),
    )


def comparisons(summary: Row) -> list[Table]:
    """Return every comparison, a table per study and a section per group."""
    columns = (
        ("case", "name"),
        ("ratio", "number"),
        ("95 % interval", "number"),
        ("adjusted p", "number"),
        ("verdict", "verdict"),
        ("MDE", "number"),
        ("steady state", "text"),
        ("disturbed rounds", "text wrap"),
        ("time per step", "number"),
        ("throughput", "number"),
        ("arithmetic", "number"),
        ("% of attainable", "number"),
        ("in the way", "text"),
        (COUNTS, "number"),
    )
    marked = rows.marked_groups(summary)
    return per_study("comparisons", _ranked(summary.get("comparisons") or []), columns, _comparison, marked)


def _ranked(found: list[Row]) -> list[Row]:
    """Return training steps fastest first, with the control behind them; the others as they come."""
    return sorted(found, key=lambda row: (bool(row.get("control")), row["ratio"]) if _trains(row) else (False, 0.0))


def _trains(row: Row) -> bool:
    return row.get("study") == "throughput" and row.get("ratio") is not None


def _comparison(row: Row) -> tuple[Cell, ...]:
    return (
        Cell(_case_name(row), "name"),
        Cell(_ratio(row), "number"),
        Cell(formats.interval(row.get("ci_low"), row.get("ci_high")), "number"),
        Cell(formats.p_value(row.get("p_adjusted")), "number"),
        _verdict(row.get("verdict"), bool(row.get("marked")), str(row.get("reason") or "")),
        Cell(formats.percent(row.get("mde")), "number"),
        Cell(_steady(row)),
        Cell(checks.undisturbed(row) or formats.MISSING, "text wrap"),
        *_speed(row),
        *roofline.cells(row),
        Cell(_counts(row), "number"),
    )


def cases(summary: Row) -> list[Table]:
    """Return the absolute figures of every case that was tried, a table per study."""
    columns = (
        ("case", "name"),
        ("status", "text"),
        ("time per step", "number"),
        ("95 % interval", "number"),
        ("throughput", "number"),
        ("arithmetic", "number"),
        ("FLOP per byte", "number"),
        ("% of attainable", "number"),
        ("in the way", "text"),
        ("threads", "number"),
        (COUNTS, "number"),
        ("steps a sample", "number"),
    )
    tried = [row for row in summary.get("cases") or [] if row.get("status") != "skipped"]
    return per_study("cases", tried, columns, _case, rows.marked_groups(summary))


def _case(row: Row) -> tuple[Cell, ...]:
    time, throughput, arithmetic = _speed(row)
    return (
        Cell(_case_name(row), "name"),
        Cell(str(row.get("status") or formats.MISSING), hint=str(row.get("reason") or "")),
        time,
        Cell(formats.seconds_interval(row.get("time_low"), row.get("time_high")), "number"),
        throughput,
        arithmetic,
        Cell(formats.si(row.get("arithmetic_intensity"), ""), "number"),
        *roofline.cells(row),
        Cell(str(row.get("threads") or formats.MISSING), "number"),
        Cell(_counts(row), "number"),
        Cell(str(row.get("steps") or formats.MISSING), "number"),
    )


def equality(summary: Row) -> list[Table]:
    """Return how far each checked case is from the float64 reference, and how far it may be."""
    checked = [row for row in summary.get("cases") or [] if row.get("deviation") is not None and not row.get("control")]
    columns = ("case", "name"), ("largest deviation", "number"), ("allowed", "number"), ("equal", "text")
    return per_study(
        "equality",
        checked,
        columns,
        lambda row: (
            Cell(_case_name(row), "name"),
            Cell(f"{row['deviation']:.2g}", "number"),
            Cell(f"{row['bound']:.2g}" if row.get("bound") is not None else formats.MISSING, "number"),
            Cell("no" if row.get("status") == "not equal" else "yes"),
        ),
    )


def per_study(
    key: str,
    found: Iterable[Row],
    columns: tuple[tuple[str, str], ...],
    line: Callable[[Row], tuple[Cell, ...]],
    marked: Collection[tuple[str, str]] = (),
) -> list[Table]:
    """Return a table per study and in it a section per group, without columns in which nothing is known."""
    tables = []
    for study, members in groupby(sorted(found, key=lambda row: str(row["study"])), key=lambda row: str(row["study"])):
        groups: dict[str, list[Row]] = {}
        for row in members:
            groups.setdefault(str(row["group"]), []).append(row)
        sections = tuple(
            Section(_heading(name, inside), tuple(map(line, inside)), FAILED if (study, name) in marked else "")
            for name, inside in groups.items()
        )
        named = _per(rows.UNITS.get(study, "step"), columns)
        tables.append(_without_empty(Table(f"{key}-{study}", rows.STUDIES.get(study, study), named, sections)))
    titles = list(rows.STUDIES.values())
    return sorted(tables, key=lambda table: titles.index(table.title) if table.title in titles else 9)


def _per(unit: str, columns: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((heading.replace("per step", f"per {unit}"), kind) for heading, kind in columns)


def _without_empty(table: Table) -> Table:
    """Return the table without columns in which nothing is known."""
    lines = [line for section in table.sections for line in section.rows]
    kept = [place for place in range(len(table.columns)) if any(line[place].text != formats.MISSING for line in lines)]
    sections = (
        replace(one, rows=tuple(tuple(line[place] for place in kept) for line in one.rows)) for one in table.sections
    )
    return Table(table.key, table.title, tuple(table.columns[place] for place in kept), tuple(sections))


def _heading(group: str, members: list[Row]) -> str:
    base = members[0].get("baseline")
    return f"{group} · baseline {base}" if base else group


def _case_name(row: Row) -> str:
    return str(row.get("case"))


def _ratio(row: Row) -> str:
    return formats.ratio(row.get("ratio"), row.get("ci_low"), row.get("ci_high"))


def _steady(row: Row) -> str:
    """Return nothing where the whole launch is steady, which is the rule."""
    state = str(row.get("steady") or "steady")
    if state.startswith("from round"):
        return f"{state}: {formats.ratio(row.get('ratio_steady'))}"
    return formats.MISSING if state == "steady" else state


def _verdict(verdict: Any, marked: bool, reason: str = "") -> Cell:
    hint = f"the {FAILED}" if marked else reason
    return Cell(str(verdict or "no verdict") + (" (!)" if marked and verdict else ""), "verdict", hint)


def _speed(row: Row) -> tuple[Cell, Cell, Cell]:
    unit = str(row.get("throughput_unit") or "")
    rate = row.get("flop_rate") or (row["flops"] / row["time_s"] if row.get("flops") and row.get("time_s") else None)
    throughput = formats.MISSING if unit == "FLOP/s" else formats.si(row.get("throughput"), unit)
    return (
        Cell(formats.seconds(row.get("time_s")), "number"),
        Cell(throughput, "number"),
        Cell(formats.si(rate, "FLOP/s"), "number"),
    )


def _counts(row: Row) -> str:
    return f"{row['launches']} {formats.TIMES_SIGN} {row['rounds']}" if row.get("launches") else formats.MISSING
