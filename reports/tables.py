"""The tables of every run's page as plain cells: every number is formatted here, none in the template."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import Any

from reports import checks, formats, roofline, rows, starved
from reports.cells import Cell, Section, Table
from reports.columns import without_empty
from reports.grouped import COUNTS, per_study
from reports.rows import Row
from reports.winners import Winner, winners
from reports.wording import NOT_RELIABLE, capital

__all__ = ["answers", "cases", "comparisons", "equality", "per_study"]

BY_DEVICE = "by the device's clock"
IN_KERNELS = "in kernels"
CLOCKS = "The first time is the user's, until all is synchronised."
KERNELS = (
    "Kernels are timed by the profiler, in turns of their own; launching and waiting is what the device's clock shows "
    "beyond them, less than nothing where kernels run side by side or were slower then."
)


def answers(summary: Row) -> Table | None:
    """Return, for each network, who is fastest and by how much; None where there are no verdicts."""
    found = winners(summary)
    if not found:
        return None
    sections = []
    doubt = starved.HINT if "throughput" in starved.mostly(summary) else ""
    bases = {(row["group"]): row for row in rows.throughput(summary, "cases") if row["case"] == row["baseline"]}
    by_place = {(key, row["width"]): row for key, members in rows.panels(bases.values()).items() for row in members}
    for panel, group in groupby(found, key=lambda one: one.panel):
        members = list(group)
        lines = tuple(_answer(one, by_place.get((panel, one.width), {}), doubt) for one in members)
        against = {one.row["baseline"] for one in members if one.row}
        told = f"{panel.title} · ratio to {formats.listing(sorted(against))}" if against else panel.title
        sections.append(Section(told, lines))
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
    return without_empty(Table("answers", "Fastest at each size", columns, tuple(sections)))


def _answer(one: Winner, base: Row, doubt: str) -> tuple[Cell, ...]:
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
        _verdict(row.get("verdict"), doubt) if one.row else Cell("baseline"),
        Cell(formats.seconds(row.get("time_s")), "number"),
        Cell(formats.si(row.get("throughput"), ""), "number"),
        Cell(formats.listing(list(one.equal)) or formats.MISSING, "text wrap"),
    )


def comparisons(summary: Row) -> list[Table]:
    """Return every comparison, a table per study and a section per group; what uses the machine is among the cases."""
    named = (
        ("case", "name"),
        ("ratio, 95 % interval", "number"),
        ("adjusted p", "number"),
        ("verdict", "verdict"),
        ("MDE", "number"),
        ("steady state", "text wrap"),
        ("disturbed rounds", "text wrap"),
        ("time per step", "number"),
        ("throughput", "number"),
        (COUNTS, "number"),
    )
    doubted = starved.mostly(summary)

    def line(row: Row) -> tuple[Cell, ...]:
        return _comparison(row, starved.HINT if row["study"] in doubted else "")

    marked = rows.marked_groups(summary)
    return per_study("comparisons", _ranked(summary.get("comparisons") or []), named, line, marked)


def compared_per(summary: Row) -> str:
    """Return per what each kind of case that was compared is."""
    units = {row.get("throughput_unit") for row in summary.get("comparisons") or []}
    told = [
        text
        for text, there in (
            ("training steps compare time per step", units - {"FLOP/s", "B/s"}),
            ("matrix products compare time per FLOP", "FLOP/s" in units),
            ("passes over memory compare time per byte", "B/s" in units),
        )
        if there
    ]
    return f"{capital(formats.listing(told))}." if told else ""


def _ranked(found: list[Row]) -> list[Row]:
    """Return the training steps of each group fastest first, with the control behind them; all else as it comes."""
    places = {group: place for place, group in enumerate(dict.fromkeys(row["group"] for row in found))}
    return sorted(found, key=lambda row: (places[row["group"]], *_rank(row)))


def _rank(row: Row) -> tuple[bool, float]:
    trains = row.get("study") == "throughput" and row.get("ratio") is not None
    return (bool(row.get("control")), row["ratio"]) if trains else (False, 0.0)


def _comparison(row: Row, doubt: str) -> tuple[Cell, ...]:
    time, throughput, _ = _speed(row)
    doubt = f"the {NOT_RELIABLE}" if row.get("marked") else doubt
    return (
        Cell(_case_name(row), "name"),
        Cell(_with_ends(_ratio(row), formats.interval(row.get("ci_low"), row.get("ci_high"))), "number"),
        Cell(formats.p_value(row.get("p_adjusted")), "number"),
        _verdict(row.get("verdict"), doubt, str(row.get("reason") or "")),
        Cell(formats.percent(row.get("mde")), "number"),
        Cell(_steady(row)),
        Cell(checks.undisturbed(row) or formats.MISSING, "text wrap"),
        Cell(time, "number"),
        throughput,
        Cell(_counts(row), "number"),
    )


def cases(summary: Row) -> list[Table]:
    """Return the absolute figures of every case that was tried, a table per study; on a GPU, by its clock as well."""
    named = (
        ("case", "name"),
        ("status", "text"),
        ("time per step, 95 % interval", "number"),
        (BY_DEVICE, "number"),
        (IN_KERNELS, "number"),
        ("launching and waiting", "number"),
        ("throughput", "number"),
        ("arithmetic", "number"),
        ("FLOP per byte", "number"),
        ("% of attainable", "number"),
        ("in the way", "text"),
        ("threads", "number"),
        (COUNTS, "number"),
        ("repeats a sample", "number"),
    )
    tried = [row for row in summary.get("cases") or [] if row.get("status") != "skipped"]
    found = per_study("cases", tried, named, _case, rows.marked_groups(summary))
    return [_explained(table) if (BY_DEVICE, "number") in table.columns else table for table in found]


def _explained(table: Table) -> Table:
    said = [CLOCKS, *([KERNELS] if (IN_KERNELS, "number") in table.columns else [])]
    return replace(table, note=" ".join([table.note, *said]).lstrip())


def _case(row: Row) -> tuple[Cell, ...]:
    time, throughput, arithmetic = _speed(row)
    return (
        Cell(_case_name(row), "name"),
        Cell(str(row.get("status") or formats.MISSING), hint=str(row.get("reason") or "")),
        Cell(_with_ends(time, formats.seconds_interval(row.get("time_low"), row.get("time_high"))), "number"),
        *_on_device(row),
        throughput,
        arithmetic,
        Cell(formats.si(row.get("arithmetic_intensity"), ""), "number"),
        *roofline.cells(row),
        Cell(str(row.get("threads") or formats.MISSING), "number"),
        Cell(_counts(row), "number"),
        Cell(str(row.get("steps") or formats.MISSING), "number"),
    )


def _on_device(row: Row) -> tuple[Cell, Cell, Cell]:
    """Return a step's time by the device's clock, that in kernels by the profiler, and what the first has beyond it."""
    by_clock, in_kernels = row.get("device_time_s"), row.get("kernel_s")
    ends = formats.seconds_interval(row.get("device_time_low"), row.get("device_time_high"))
    beyond = by_clock - in_kernels if by_clock is not None and in_kernels is not None else None
    return (
        Cell(_with_ends(formats.seconds(by_clock), ends), "number"),
        Cell(formats.seconds(in_kernels), "number", ", ".join(row.get("kernels") or [])),
        Cell(formats.seconds(beyond), "number"),
    )


def equality(summary: Row) -> list[Table]:
    """Return how far each checked case is from the float64 reference, and how far it may be."""
    checked = [row for row in summary.get("cases") or [] if row.get("deviation") is not None and not row.get("control")]
    named = ("case", "name"), ("largest deviation", "number"), ("allowed", "number"), ("equal", "text")
    return per_study(
        "equality",
        checked,
        named,
        lambda row: (
            Cell(_case_name(row), "name"),
            Cell(f"{row['deviation']:.2g}", "number"),
            Cell(f"{row['bound']:.2g}" if row.get("bound") is not None else formats.MISSING, "number"),
            Cell("no" if row.get("status") == "not equal" else "yes"),
        ),
    )


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


def _verdict(verdict: Any, doubt: str, reason: str = "") -> Cell:
    """Return a verdict, marked where there is a doubt of it, which is then the hint."""
    return Cell(str(verdict or "no verdict") + (" (!)" if doubt and verdict else ""), "verdict", doubt or reason)


def _speed(row: Row) -> tuple[str, Cell, Cell]:
    """Return a step's time, its throughput and its arithmetic per second."""
    unit = str(row.get("throughput_unit") or "")
    rate = row.get("flop_rate") or (row["flops"] / row["time_s"] if row.get("flops") and row.get("time_s") else None)
    throughput = formats.MISSING if unit == "FLOP/s" else formats.si(row.get("throughput"), unit)
    return (
        formats.seconds(row.get("time_s")),
        Cell(throughput, "number"),
        Cell(formats.si(rate, "FLOP/s"), "number"),
    )


def _with_ends(value: str, ends: str) -> str:
    """Return a value with its interval in brackets, in which a unit that both have is not said again."""
    unit = f"{formats.NO_BREAK}{value.rpartition(formats.NO_BREAK)[2]}"
    return value if formats.MISSING in (value, ends) else f"{value} ({ends.removesuffix(unit)})"


def _counts(row: Row) -> str:
    return f"{row['launches']} {formats.TIMES_SIGN} {row['rounds']}" if row.get("launches") else formats.MISSING
