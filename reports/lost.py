"""What has no usable time, and why: cases that were lost for the same reason share a line."""

from __future__ import annotations

from reports import rows
from reports.cells import Cell, Section, Table
from reports.formats import listing
from reports.rows import Row

__all__ = ["sentences", "table"]

FEW = 3  # cases that are named one by one
NO_REASON = "no reason was recorded"


def table(summary: Row) -> Table | None:
    """Return the cases without a usable time, each with its reason; None where there are none."""
    found = _alike(summary)
    lines = tuple(line for key, members in found.items() for line in _lines(key, members))
    columns = ("status", "text"), ("case", "name wrap"), ("group", "text wrap"), ("reason", "long")
    return Table("lost", "Skips and failures", columns, (Section("", lines),)) if lines else None


def sentences(summary: Row) -> list[str]:
    """Return a sentence for each reason for which a whole framework or many cases are missing."""
    return [
        f"{framework}: {len(members)} cases {status}: {reason}."
        for (status, framework, reason), members in _alike(summary).items()
        if len(members) > FEW
    ]


def _alike(summary: Row) -> dict[tuple[str, str, str], list[Row]]:
    """Return the cases by status, framework and reason."""
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in summary.get("cases") or []:
        if row.get("status") != "measured":
            who = str(row.get("framework") or row.get("provider") or row.get("implementation"))
            key = (str(row.get("status")), who, str(row.get("reason") or NO_REASON))
            found.setdefault(key, []).append(row)
    return found


def _lines(key: tuple[str, str, str], members: list[Row]) -> list[tuple[Cell, ...]]:
    status, framework, reason = key
    if len(members) <= FEW:
        return [
            (Cell(status), Cell(str(row.get("case")), "name wrap"), Cell(str(row.get("group")), "text wrap"),
             Cell(reason, "long"))
            for row in members
        ]  # fmt: skip
    groups = list(dict.fromkeys(str(row.get("group")) for row in members))
    where = groups[0] if len(groups) == 1 else f"{len(groups)} groups of {_studies(members)}"
    names = listing(list(dict.fromkeys(str(row.get("case")) for row in members)))
    return [
        (Cell(status), Cell(f"{framework}: {len(members)} cases", "name wrap", hint=names),
         Cell(where, "text wrap", hint=listing(groups)), Cell(reason, "long"))
    ]  # fmt: skip


def _studies(members: list[Row]) -> str:
    studies = dict.fromkeys(str(row.get("study")) for row in members)
    return listing([rows.STUDIES.get(study, study).lower() for study in studies])
