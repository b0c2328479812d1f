"""How much of a cost planted on one factor was traced to it: sentences and a table of the self-check's page."""

from __future__ import annotations

from reports.cells import Cell, Section, Table
from reports.formats import percent, ratio, seconds
from reports.rows import Row
from reports.selfcheck_tables import bounds, count

__all__ = ["sentences", "table"]


def sentences(found: Row) -> list[str]:
    """Return a sentence per factor that a cost was planted on."""
    return [_sentence(row) for row in found.get("attribution") or []]


def table(found: Row) -> Table | None:
    """Return what landed where; None where nothing was planted."""
    columns = (
        ("planted on", "name"),
        ("truth", "number"),
        ("found", "number"),
        ("landed there", "number"),
        ("at least", "number"),
        ("tries with 80 %", "number"),
        ("95 % bounds", "number"),
        ("truth in interval", "number"),
        ("other intervals with 1", "number"),
        ("95 % bounds", "number"),
        ("others called a cost", "number"),
        ("time of a try", "number"),
    )
    lines = tuple(
        (
            Cell(row["factor"], "name"),
            *(
                Cell(text, "number")
                for text in (
                    ratio(row["truth"]),
                    ratio(row["ratio"]),
                    percent(row["landed"]),
                    percent(row["least"]),
                    count(row["enough"]),
                    bounds(row["enough"]),
                    count(row["covering"]),
                    count(row["others"]),
                    bounds(row["others"]),
                    str(row["others_decided"]),
                    seconds(row["seconds"]),
                )
            ),
        )
        for row in found.get("attribution") or []
    )
    return Table("attribution", "Costs planted on one factor", columns, (Section("", lines),)) if lines else None


def _sentence(row: Row) -> str:
    planted = f"A cost of {percent(row['truth'] - 1)} planted on the {row['factor']} alone"
    if row["landed"] is None:
        return f"{planted}: none of {row['tries']} tries came to anything."
    tries = "1 try" if row["tries"] == 1 else f"{row['tries']} tries, at least {percent(row['least'])}"
    others, decided = row["others"], row["others_decided"]
    return (
        f"{planted}: of what is found of all causes, {percent(row['landed'])} is found there ({tries}), as "
        f"{ratio(row['ratio'])}; of the intervals of the other causes and of interactions, {count(others)} hold 1, no "
        f"effect (95 % bounds {bounds(others)}), and {decided or 'none'} of these is called faster or slower."
    )
