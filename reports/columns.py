"""Which columns a table has: those in which something is known, and none that says the same in every row."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from reports.cells import Cell, Section, Table
from reports.formats import MISSING

__all__ = ["settle", "without_empty"]


def without_empty(table: Table) -> Table:
    """Return the table without columns in which nothing is known."""
    kept = [place for place in range(len(table.columns)) if any(_known(_column(table.sections, place)))]
    return _keep(table, kept, [""] * len(table.sections), "")


def settle(table: Table, names: Collection[str]) -> Table:
    """Return the table without those of its columns, by their headings, that say one thing all the way down.

    What they say goes into the note of the table; into the headings of the sections where it is another in each.
    Unknown cells do not count. A column stays if a cell has a hint or is marked, which says more than its text.
    """
    if len(_column(table.sections, 0)) < 2:
        return table
    kept: list[int] = []
    shared: list[str] = []
    inside: list[list[str]] = [[] for _ in table.sections]
    for place, (heading, _) in enumerate(table.columns):
        values = [set(_known(_column([section], place))) for section in table.sections]
        everywhere = {text for found in values for text in found}
        if heading not in names or not everywhere or any(map(_has_more, _column(table.sections, place))):
            kept.append(place)
        elif len(everywhere) == 1:
            shared.append(f"{heading} {everywhere.pop()}")
        elif all(len(found) <= 1 for found in values) and all(section.heading for section in table.sections):
            for told, found in zip(inside, values, strict=True):
                told += [f"{heading} {value}" for value in found]
        else:
            kept.append(place)
    ends = ["".join(f" · {text}" for text in told) for told in inside]
    return _keep(table, kept, ends, f"In every row: {' · '.join(shared)}." if shared else "")


def _keep(table: Table, places: list[int], ends: list[str], note: str) -> Table:
    """Return the table with these columns alone, what the headings of its sections end in, and a note."""
    sections = tuple(
        replace(one, heading=one.heading + end, rows=tuple(tuple(line[place] for place in places) for line in one.rows))
        for one, end in zip(table.sections, ends, strict=True)
    )
    columns = tuple(table.columns[place] for place in places)
    return replace(table, columns=columns, sections=sections, note=note or table.note)


def _column(sections: Iterable[Section], place: int) -> list[Cell]:
    return [line[place] for section in sections for line in section.rows]


def _known(cells: Iterable[Cell]) -> list[str]:
    return [cell.text for cell in cells if cell.text != MISSING]


def _has_more(cell: Cell) -> bool:
    return bool(cell.hint) or "warning" in cell.kind
