"""What is said, before all else, of launches that mostly waited for other work of the machine."""

from __future__ import annotations

from reports import rows
from reports.formats import rough
from reports.rows import Row

__all__ = ["HINT", "mostly", "warnings"]

HINT = "most launches were starved by other work of the machine"


def warnings(summary: Row) -> list[str]:
    """Return, per study that has such launches, how many there are, how slow they were, and what to do."""
    return [_told(row) for row in summary.get("starved") or [] if row["starved"]]


def mostly(summary: Row) -> set[str]:
    """Return the studies whose verdicts rest mostly on such launches."""
    return {row["study"] for row in summary.get("starved") or [] if row["mostly"]}


def _told(row: Row) -> str:
    slow = sorted(row["slowness"])[-row["starved"] :]
    factors = dict.fromkeys(map(rough, (slow[0], slow[-1])))
    study = rows.STUDIES.get(row["study"], row["study"])
    marks = " Verdicts that rest mostly on such launches are marked (!) in the tables." if row["mostly"] else ""
    return (
        f"{study}: in {row['starved']} of {len(row['slowness'])} launches the times were "
        f"{' to '.join(factors)} times those of the fastest samples of the same cases, as where other work keeps the "
        "machine busy. Times and ratios of this run say little, since waiting draws ratios towards 1: run it again on "
        f"an idle machine.{marks}"
    )
