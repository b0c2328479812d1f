"""How matmul cases are laid out in figures: a row per library and device, a column per dtype and kind of product."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bench.case import TOO_SLOW
from reports import formats, rows
from reports.colours import ordered
from reports.rows import Row

__all__ = [
    "Cell",
    "base_sizes",
    "cells",
    "dtype_place",
    "grid_of",
    "item_size",
    "label",
    "of_least_base",
    "too_slow",
    "tried",
]

DTYPES = ("float32", "tf32", "float64", "bfloat16", "float16", "int8")


class Cell(NamedTuple):
    """One panel: a library on a device, a dtype, how many matrices are multiplied, and whether by as many others."""

    provider: str
    device: str
    dtype: str
    stack: int
    batched: bool = False

    @classmethod
    def of(cls, row: Row) -> Cell:
        """Return the panel a case or comparison belongs to."""
        provider = row.get("provider") or row.get("implementation") or ""
        device, dtype = row.get("device") or "cpu", row.get("dtype") or ""
        return cls(str(provider), device, dtype, row.get("stack") or 1, bool(row.get("batched")))


def cells(cases: Iterable[Row]) -> Mapping[Cell, list[Row]]:
    """Return the cases of each panel, by size."""
    found: dict[Cell, list[Row]] = {}
    for row in sorted(cases, key=lambda row: row["n"]):
        found.setdefault(Cell.of(row), []).append(row)
    return found


def grid_of(found: Iterable[Cell]) -> tuple[list[tuple[str, str]], list[tuple[str, int, bool]]]:
    """Return (provider, device) of each row and (dtype, stack, batched) of each column, single matrices first."""
    kept = list(found)
    places = {name: place for place, name in enumerate(ordered(cell.provider for cell in kept))}
    lines = sorted({(cell.provider, cell.device) for cell in kept}, key=lambda line: (line[1], places[line[0]]))
    columns = {(cell.dtype, cell.stack, cell.batched) for cell in kept}
    return lines, sorted(columns, key=lambda column: (*column[1:], dtype_place(column[0]), column[0]))


def label(cell: Cell, *, provider: bool = True) -> str:
    """Return a panel's title: ``numpy float32``, ``torch stack of 4, float32 (cuda)``, ``batch of 4`` where batched."""
    many = f"{'batch' if cell.batched else 'stack'} of {cell.stack}, {cell.dtype}"
    kind = cell.dtype if cell.stack == 1 else many
    device = "" if cell.device == "cpu" else f" ({cell.device})"
    return f"{cell.provider} {kind}{device}" if provider else kind


def dtype_place(dtype: str) -> int:
    """Return where a dtype stands among others."""
    return DTYPES.index(dtype) if dtype in DTYPES else len(DTYPES)


def item_size(dtype: str) -> int | None:
    """Return the bytes of an element, None where they are not known."""
    from bench.workloads.matmul import ITEM_SIZES  # loads NumPy, which not every page needs

    return ITEM_SIZES.get(dtype)


def base_sizes(summary: Row) -> dict[str, int]:
    """Return, by group, the size that the others of a sweep are compared with."""
    cases = rows.products(summary, "cases", *rows.sweeps(summary).values())
    least: dict[str, int] = {}
    for row in cases:
        least[row["group"]] = min(row["n"], least.get(row["group"], row["n"]))
    return least | {row["group"]: row["n"] for row in cases if row.get("case") == row.get("baseline")}


def of_least_base(summary: Row, table: str) -> list[Row]:
    """Return the rows of ``cases`` or ``comparisons`` of square sweeps around the least base size."""
    found, bases = rows.alignment(summary, table), base_sizes(summary)
    known = [bases[row["group"]] for row in found if row["group"] in bases]
    return [row for row in found if bases.get(row["group"], min(known, default=0)) == min(known, default=0)]


def tried(cases: Iterable[Row]) -> list[Row]:
    """Leave out libraries that were skipped throughout; the table of what was not measured says why."""
    kept = list(cases)
    there = {(row["provider"], row["device"]) for row in kept if row.get("status") != "skipped"}
    return [row for row in kept if (row["provider"], row["device"]) in there]


def too_slow(case: Row) -> str:
    """Return what is said of a case whose rounds would take too long: ``too slow: 4.02 GFLOP/s``; else nothing."""
    if case.get("status") != TOO_SLOW:
        return ""
    return f"{TOO_SLOW}: {formats.si(case.get('flop_rate'), 'FLOP/s')}" if case.get("flop_rate") else TOO_SLOW
