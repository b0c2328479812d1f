"""How much of the machine is used, in sentences and a table: what it can do at most, and what is in the way of more.

Every figure comes from the summary's tables ``peaks``, ``roofs``, ``floors`` and ``cases``, and is of the same run.
A group whose control failed supports no sentence, and neither does a peak of such a group.
"""

from __future__ import annotations

from collections.abc import Iterable

from reports import formats, rows, wording
from reports.cells import Cell, Section, Table
from reports.formats import listing, si, si_interval
from reports.rows import Row

__all__ = ["EXPLAINED", "QUESTION", "STUDY", "cells", "level", "sentences", "table"]

QUESTION = "How much of this machine is used?"
STUDY = "roofline"
LEVELS = {"l1d": "L1", "l2": "L2", "l3": "L3", "memory": "main memory"}
IN_THE_WAY = {"compute": "arithmetic", "memory": "memory", "launch": "launching"}
WORDS = (
    "In the way is launching where the same implementation takes at least half as long for a network in which there is "
    "next to nothing to compute; else memory where it cannot bring the operands as fast as they could be multiplied; "
    "else arithmetic, and what lacks to 100 % then is lost in between."
)
ALONE = (
    "No case of another study was measured beside these limits. Run them together, as by `mlpbench run throughput "
    "roofline`, and each case has its share of what is attainable, and what is in the way of more."
)
EXPLAINED = (
    "What is attainable for a case is the lesser of two: the fastest product, and its FLOPs per byte times the "
    "bandwidth of the nearest memory that holds what it moves. What is in the way of more is launching where the same "
    "implementation takes at least half of the time for a network of one neuron a layer and a single image (or the "
    "same library for the product of two numbers); else whichever of memory and arithmetic limits more. Where "
    "arithmetic does, less than 100 % means that time is lost in between: in products that are small or of an awkward "
    "size, in operations between them, in data that move more than once."
)


def sentences(summary: Row) -> list[str]:
    """Return what the machine can do, what the best implementation of each network uses of it, and the words.

    Where the run has nothing to be held against the limits, how to have it is said instead.
    """
    failed = {group for study, group in rows.marked_groups(summary) if study == STUDY}
    peaks = [row for row in summary.get("peaks") or [] if row["group"] not in failed]
    roofs = [row for row in summary.get("roofs") or [] if row["group"] not in failed]
    under = {(row["device"], row["dtype"], row["threads"]) for row in peaks}
    placed = [row for row in _placed(summary) if (row["device"], row["dtype"], row["threads"]) in under]
    trained = _trained(placed)
    said = [*_peaks(peaks), *_roofs(roofs), *trained, *_products(placed)]
    if placed:
        return [*said, WORDS]
    alone = all(row["study"] == STUDY for row in summary.get("cases") or [])
    return [*said, ALONE] if said and alone else said


def table(summary: Row) -> Table | None:
    """Return what this machine can do at most; None where it was not measured."""
    sections = (
        Section("Arithmetic", tuple(_peak_line(row) for row in summary.get("peaks") or [])),
        Section("Memory", tuple(_roof_line(row) for row in summary.get("roofs") or [])),
        Section("A step with nothing to compute", tuple(_floor_line(row) for row in summary.get("floors") or [])),
    )
    columns = (
        ("limit", "name wrap"),
        ("device", "text"),
        ("threads", "number"),
        ("at most, or at least", "number"),
        ("95 % interval", "number"),
        ("measured with", "text wrap"),
    )
    kept = tuple(section for section in sections if section.rows)
    return Table("limits", "What this machine can do at most", columns, kept) if kept else None


def cells(row: Row) -> tuple[Cell, Cell]:
    """Return a case's share of what is attainable, with its interval, and what is in the way of more."""
    floor = row.get("floor_s")
    hint = f"with nothing to compute it takes {formats.seconds(floor)}" if floor else ""
    return Cell(_share(row), "number"), Cell(IN_THE_WAY.get(str(row.get("bound_by")), formats.MISSING), hint=hint)


def level(roof: Row) -> str:
    """Return the name of a level of memory."""
    return LEVELS.get(roof["level"], str(roof["level"]))


def _placed(summary: Row) -> list[Row]:
    """Return the cases that are held against what is attainable and can be relied on."""
    marked = rows.marked_groups(summary)
    return [
        row
        for row in summary.get("cases") or []
        if row.get("percent_of_attainable") is not None and not row.get("control")
        if (row["study"], row["group"]) not in marked
    ]


def _peaks(peaks: list[Row]) -> list[str]:
    if not peaks:
        return []
    each = [
        f"{si(row['flop_rate'], 'FLOP/s')} in {_type(row, peaks)} ({row['case']}{_interval(row, 'FLOP/s')})"
        for row in peaks
    ]
    return [f"The most arithmetic that a product reached here, measured apart from all other cases: {listing(each)}."]


def _type(row: Row, others: Iterable[Row]) -> str:
    return row["dtype"] if len({one["device"] for one in others}) == 1 else f"{row['dtype']} on {row['device']}"


def _roofs(roofs: list[Row]) -> list[str]:
    said = []
    for device in dict.fromkeys(row["device"] for row in roofs):
        here = [row for row in roofs if row["device"] == device]
        each = [f"{level(row)} {si(row['bandwidth'], 'B/s')}{_in_brackets(row)}" for row in here]
        net = ", calls into the library taken off" if all(row.get("call_share") is not None for row in here) else ""
        said.append(f"The most that memory moved on {device}, by STREAM's count of bytes{net}: {listing(each)}.")
    return said


def _trained(placed: list[Row]) -> list[str]:
    """Return, for each kind of network, the highest share at each width and what is in the way there."""
    panels = rows.panels(row for row in placed if row["study"] == "throughput" and row.get("width") is not None)
    said = []
    for panel, members in panels.items():
        widths = rows.unique(members, "width")
        best = {width: _best(row for row in members if row["width"] == width) for width in widths}
        each = [f"width {width} {row['implementation']} {_used(row)}" for width, row in best.items()]
        lead = wording.lead(panel, panels)
        said.append(f"{lead}the most of what is attainable in training, and what is in the way: {'; '.join(each)}.")
    return [wording.capital(text) for text in said]


def _products(placed: list[Row]) -> list[str]:
    """Return the highest share of the products of each dtype."""
    found = [row for row in placed if row["study"] == "alignment"]
    kinds = dict.fromkeys((row["device"], row["dtype"]) for row in found)
    best = [_best(row for row in found if (row["device"], row["dtype"]) == kind) for kind in kinds]
    each = [f"{_type(row, best)} {row['provider']} {row['case']} {_used(row)}" for row in best]
    return [f"The most of it among products: {'; '.join(each)}."] if each else []


def _best(members: Iterable[Row]) -> Row:
    return max(members, key=lambda row: float(row["percent_of_attainable"]))


def _used(row: Row) -> str:
    return f"{_share(row)}, {IN_THE_WAY[row['bound_by']]}"


def _share(row: Row) -> str:
    value, low, high = (row.get(f"percent_{name}") for name in ("of_attainable", "low", "high"))
    if value is None:
        return formats.MISSING
    sign = f"{formats.NO_BREAK}%"
    ends = "" if low is None or high is None else f" ({formats.rough(low)}{formats.MISSING}{formats.rough(high)}{sign})"
    return f"{formats.rough(value)}{sign}{ends}"


def _interval(row: Row, unit: str) -> str:
    told = si_interval(row["low"], row["high"], unit)
    return "" if told == formats.MISSING else f", 95 % interval {told}"


def _in_brackets(row: Row) -> str:
    told = si_interval(row["low"], row["high"], "B/s")
    return "" if told == formats.MISSING else f" ({told})"


def _peak_line(row: Row) -> tuple[Cell, ...]:
    return _line(row, row["dtype"], si(row["flop_rate"], "FLOP/s"), si_interval(row["low"], row["high"], "FLOP/s"),
                 f"{row['library']}, {row['shape']}")  # fmt: skip


def _roof_line(row: Row) -> tuple[Cell, ...]:
    size = "" if row["capacity"] is None else f" ({'assumed ' * row['assumed']}{formats.binary(row['capacity'])})"
    source = f"{row['library']}, {row['kernel']} over {formats.binary(row['working_set'])}{_call(row)}"
    interval = si_interval(row["low"], row["high"], "B/s")
    return _line(row, f"{level(row)}{size}", si(row["bandwidth"], "B/s"), interval, source)


def _call(row: Row) -> str:
    """Return which part of a pass was the call into the library, which is taken off; nothing where it is unknown."""
    share = row.get("call_share")
    return "" if share is None else f", the call ({formats.small_percent(share)} of a pass) taken off"


def _floor_line(row: Row) -> tuple[Cell, ...]:
    depth = row["depth"]
    what = "product of 1 x 1" if depth is None else f"{depth} hidden layer{'s' if depth != 1 else ''}"
    return _line(row, f"{row['implementation']}, {what}, {row['dtype']}", formats.seconds(row["time_s"]),
                 formats.seconds_interval(row["time_low"], row["time_high"]), str(row["group"]))  # fmt: skip


def _line(row: Row, name: str, value: str, interval: str, source: str) -> tuple[Cell, ...]:
    return (
        Cell(name, "name wrap"),
        Cell(row["device"]),
        Cell(str(row["threads"]) if row["device"] == "cpu" else formats.MISSING, "number"),  # they are the host's
        Cell(value, "number"),
        Cell(interval, "number"),
        Cell(source, "text wrap"),
    )
