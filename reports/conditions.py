"""Under which conditions each row ran, and where rows that are compared did not run under the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby
from typing import Any

from reports import columns, rows
from reports.cells import Cell, Section, Table
from reports.colours import ordered
from reports.formats import listing
from reports.rows import Row

__all__ = ["table", "timed", "warnings"]

STEPS = (
    "Timed is the same for every row that trains: forward, loss, backward and update of one batch that is on the "
    "device already, ending synchronised."
)
PRODUCTS = "For matrix products: one product, written into an existing array."
END_TO_END = (
    "Rows called end to end also bring the batch or the operands from the host's memory, and the loss or the result "
    "back."
)
COLUMNS = {  # as recorded: what a page calls them, and the kind of their cells
    "threads": ("threads", "number"),
    "float32_products": ("float32 products", "text"),
    "onednn": ("oneDNN", "text"),
    "xla": ("XLA", "text"),
    "allocator": ("allocator", "text"),
    "graph": ("graph", "text wrap"),
}
FAIR = {"threads": "threads", "float32_products": "the precision of float32 products"}  # what must be alike in a group
NEVER_ASKED = "not recorded"
MOST_NAMED = 3

Group = tuple[str, str]


def timed(summary: Row) -> list[str]:
    """Return what is timed, a sentence for each kind of rows that there is."""
    found = summary.get("cases") or []
    told = (
        (STEPS, any(row.get("depth") is not None for row in found)),
        (PRODUCTS, any(row.get("n") is not None for row in found)),
        (END_TO_END, any(row.get("transfers") for row in found)),
    )
    return [text for text, there in told if there]


def table(summary: Row) -> Table | None:
    """Return each row's conditions, those that differ within a group marked; None where none were recorded.

    Where all rows ran alike there are no sections, and the note alone says how.
    """
    found = _asked(summary)
    if not found:
        return None
    unfair = _unfair(found)
    named = ("row", "name"), ("device", "text"), ("dtype", "text"), ("framework", "text"), *COLUMNS.values()
    sections = []
    for study, members in groupby(sorted(found, key=lambda row: str(row["study"])), key=lambda row: str(row["study"])):
        kept = list(members)
        differing = [FAIR[name] for of, name in unfair if of[0] == study]
        warning = f"rows of one group differ in {listing(list(dict.fromkeys(differing)))}" if differing else ""
        sections.append(Section(rows.STUDIES.get(study, study), _lines(kept, unfair), warning))
    whole = Table("conditions", "Under which conditions each row ran", named, tuple(sections))
    settled = columns.settle(whole, [heading for heading, _ in named[1:]])
    alike = len(settled.columns) == 1 and [one.heading for one in settled.sections] == [one.heading for one in sections]
    return replace(settled, sections=()) if alike else settled


def warnings(summary: Row) -> list[str]:
    """Return, for what differs within groups though it must not, in which groups and how."""
    said: dict[tuple[str, str], list[str]] = {}
    for (group, name), values in _unfair(_asked(summary)).items():
        *fewer, most = sorted(values.items(), key=lambda item: len(item[1]))
        parts = [f"{_text(value)} in {listing(names)}" for value, names in fewer]
        parts.append(f"{_text(most[0])} in {listing(most[1]) if len(most[1]) <= MOST_NAMED else 'the others'}")
        said.setdefault((name, "; ".join(parts)), []).append(group[1])
    return [
        f"The rows of {_groups(groups)} differ in {FAIR[name]} ({parts}): their ratios compare that as well, and say "
        "nothing of the implementations alone."
        for (name, parts), groups in said.items()
    ]


def _asked(summary: Row) -> list[Row]:
    found = summary.get("cases") or []
    measured = (row for row in found if row.get("status") == "measured" and not row.get("control"))
    return [row for row in measured if row.get("conditions")]


def _unfair(found: Iterable[Row]) -> dict[tuple[Group, str], dict[Any, list[str]]]:
    """Return, by group and condition, who has which value, where known ones differ.

    What float32 products are computed in matters to rows in float32 only.
    """
    groups: dict[Group, list[Row]] = {}
    for row in found:
        groups.setdefault((str(row["study"]), str(row["group"])), []).append(row)
    result = {}
    for group, members in groups.items():
        for name in FAIR:
            values: dict[Any, list[str]] = {}
            for row in members:
                value = row["conditions"].get(name)
                if value is not None and (name == "threads" or row.get("dtype") == "float32"):
                    values.setdefault(value, []).append(str(row["case"]))
            if len(values) > 1:
                result[group, name] = {value: ordered(names) for value, names in values.items()}
    return result


def _lines(members: list[Row], unfair: dict[tuple[Group, str], dict[Any, list[str]]]) -> tuple[tuple[Cell, ...], ...]:
    """Return one line for all cases of an implementation or library that ran alike."""
    places = {name: place for place, name in enumerate(ordered(str(row["implementation"]) for row in members))}
    marked: dict[tuple[Cell, ...], set[str]] = {}
    for row in sorted(members, key=lambda row: (row["device"], row["dtype"], places[str(row["implementation"])])):
        group = (str(row["study"]), str(row["group"]))
        marked.setdefault(_line(row), set()).update(name for of, name in unfair if of == group)
    return tuple(_mark(line, names) for line, names in marked.items())


def _line(row: Row) -> tuple[Cell, ...]:
    found = row["conditions"]
    told = found.get("framework") or row.get("framework"), found.get("version")
    framework = " ".join(str(part) for part in told if part)
    return (
        Cell(str(row["implementation"]), "name"),
        Cell(str(row["device"])),
        Cell(str(row["dtype"])),
        Cell(framework or "unknown"),
        *(_cell(name, kind, found) for name, (_, kind) in COLUMNS.items()),
    )


def _cell(name: str, kind: str, found: Row) -> Cell:
    hint = "" if found.get(name) is not None else str((found.get("reasons") or {}).get(name) or NEVER_ASKED)
    return Cell(_text(found.get(name)), kind, hint)


def _mark(line: tuple[Cell, ...], names: set[str]) -> tuple[Cell, ...]:
    """Return a line with the conditions of these names marked."""
    kept = line[: -len(COLUMNS)]
    cells = zip(COLUMNS, line[-len(COLUMNS) :], strict=True)
    return (*kept, *(replace(cell, kind=f"{cell.kind} warning") if name in names else cell for name, cell in cells))


def _text(value: Any) -> str:
    if value is None:
        return "unknown"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _groups(names: list[str]) -> str:
    return listing(names) if len(names) <= MOST_NAMED else f"{len(names)} groups"
