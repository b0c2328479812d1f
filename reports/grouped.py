"""Tables of rows by study and group, in only as many columns as tell something apart."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import groupby

from reports import columns, formats, rows
from reports.cells import Cell, Section, Table
from reports.rows import Row
from reports.wording import NOT_RELIABLE

__all__ = ["COUNTS", "per_study"]

COUNTS = f"launches {formats.TIMES_SIGN} rounds"
CONSTANT = ("status", "threads", COUNTS)  # columns that are left out where they say one thing throughout


def per_study(
    key: str,
    found: Iterable[Row],
    named: tuple[tuple[str, str], ...],
    line: Callable[[Row], tuple[Cell, ...]],
    marked: Collection[tuple[str, str]] = (),
) -> list[Table]:
    """Return a table per study and in it a section per group.

    Args:
        key: What the tables' own keys begin with.
        found: The rows.
        named: The columns; one in which nothing is known, or all rows of a section say the same, is left out.
        line: What makes a row's cells.
        marked: Study and name of the groups whose control failed.
    """
    tables = []
    for study, members in groupby(sorted(found, key=lambda row: str(row["study"])), key=lambda row: str(row["study"])):
        groups: dict[str, list[Row]] = {}
        for row in members:
            groups.setdefault(str(row["group"]), []).append(row)
        sections = tuple(
            Section(_heading(name, inside), tuple(map(line, inside)), NOT_RELIABLE if (study, name) in marked else "")
            for name, inside in groups.items()
        )
        headed = _per(rows.UNITS.get(study, "step"), named)
        table = Table(f"{key}-{study}", rows.STUDIES.get(study, study), headed, sections)
        tables.append(columns.settle(columns.without_empty(table), CONSTANT))
    titles = list(rows.STUDIES.values())
    return sorted(tables, key=lambda table: titles.index(table.title) if table.title in titles else 9)


def _per(unit: str, named: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((heading.replace("per step", f"per {unit}"), kind) for heading, kind in named)


def _heading(group: str, members: list[Row]) -> str:
    base = members[0].get("baseline")
    return f"{group} · baseline {base}" if base else group
