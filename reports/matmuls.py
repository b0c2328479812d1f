"""How matmul cases are laid out in figures: a row per library and device, a column per dtype and kind of product."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from reports.colours import ordered
from reports.rows import Row

__all__ = ["Cell", "cells", "grid_of", "label"]

DTYPES = ("float32", "tf32", "float64", "bfloat16", "float16")


class Cell(NamedTuple):
    """One panel: a library on a device, a dtype, and whether a stack of matrices is multiplied (1: a single one)."""

    provider: str
    device: str
    dtype: str
    stack: int

    @classmethod
    def of(cls, row: Row) -> Cell:
        """Return the panel a case or comparison belongs to."""
        provider = row.get("provider") or row.get("implementation") or ""
        return cls(str(provider), row.get("device") or "cpu", row.get("dtype") or "", row.get("stack") or 1)


def cells(cases: Iterable[Row]) -> Mapping[Cell, list[Row]]:
    """Return the cases of each panel, by size."""
    found: dict[Cell, list[Row]] = {}
    for row in sorted(cases, key=lambda row: row["n"]):
        found.setdefault(Cell.of(row), []).append(row)
    return found


def grid_of(found: Iterable[Cell]) -> tuple[list[tuple[str, str]], list[tuple[str, int]]]:
    """Return (provider, device) of each row and (dtype, stack) of each column, single matrices first."""
    kept = list(found)
    places = {name: place for place, name in enumerate(ordered(cell.provider for cell in kept))}
    lines = sorted({(cell.provider, cell.device) for cell in kept}, key=lambda line: (line[1], places[line[0]]))
    columns = {(cell.dtype, cell.stack) for cell in kept}
    return lines, sorted(columns, key=lambda column: (column[1], _place(column[0]), column[0]))


def label(cell: Cell, *, provider: bool = True) -> str:
    """Return a panel's title: ``numpy float32``, ``torch stack of 4, float32 (cuda)``."""
    kind = cell.dtype if cell.stack == 1 else f"stack of {cell.stack}, {cell.dtype}"
    device = "" if cell.device == "cpu" else f" ({cell.device})"
    return f"{cell.provider} {kind}{device}" if provider else kind


def _place(dtype: str) -> int:
    return DTYPES.index(dtype) if dtype in DTYPES else len(DTYPES)
