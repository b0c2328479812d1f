"""Does what operands hold change how long their product takes? In sentences, with what a GPU was seen to do meanwhile.

Every figure comes from the summary's comparisons of the study ``data_effect`` and from its table ``sustained``. A group
whose control failed supports no sentence.
"""

from __future__ import annotations

from reports import wording
from reports.formats import listing, si
from reports.rows import Row, marked_groups

__all__ = ["QUESTION", "sentences"]

QUESTION = "Does what operands hold matter?"
STUDY = "data_effect"


def sentences(summary: Row) -> list[str]:
    """Return a sentence per product, dtype and device: each kind of operands against those that are usual."""
    marked = marked_groups(summary)
    groups: dict[str, list[Row]] = {}
    for row in summary.get("comparisons") or []:
        if row.get("study") == STUDY and not row.get("control") and (STUDY, row["group"]) not in marked:
            groups.setdefault(row["group"], []).append(row)
    return [_compared(members) + _of_gpu(summary, group) for group, members in groups.items()]


def _compared(members: list[Row]) -> str:
    one = members[0]
    kinds = [f"{row['case']} {row['verdict']} ({wording.figures(row)})" for row in members]
    product = f"a product of {one['n']} in {one['provider']}, {one['dtype']} on {one['device']}"
    return f"The time of {product}, against {one['baseline']} operands: {listing(kinds)}."


def _of_gpu(summary: Row, group: str) -> str:
    """Return clock and power of a GPU towards the end of a launch, of each kind of operands that has both."""
    seen = [
        f"{row['case']} {si(row['last_sm_clock_hz'], 'Hz')} at {row['last_power_w']:.0f}\N{NO-BREAK SPACE}W"
        for row in summary.get("sustained") or []
        if (row["study"], row["group"]) == (STUDY, group) and not row["control"]
        if row.get("last_sm_clock_hz") and row.get("last_power_w")
    ]
    return f" What the GPU's clock and power were after their samples: {listing(seen)}." if seen else ""
