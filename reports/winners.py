"""Who is fastest at each width, as far as verdicts go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from reports import rows
from reports.colours import ordered
from reports.rows import Panel, Row

__all__ = ["Winner", "winners"]


@dataclass(frozen=True)
class Winner:
    """Who is fastest at one width: ``row`` is its comparison, or None where nothing is faster than the baseline.

    ``rivals`` may be the fastest as well: faster or inconclusive, with intervals that reach the winner's, or, where the
    baseline stands, inconclusive with a ratio below 1; ``equal``, ``unsure`` and ``slower``
    are equivalent, inconclusive and slower.
    """

    panel: Panel
    width: int
    baseline: str
    row: Row | None
    rivals: tuple[str, ...]
    equal: tuple[str, ...]
    unsure: tuple[str, ...]
    slower: tuple[str, ...]
    marked: bool

    @property
    def name(self) -> str:
        """The implementation that is fastest, as far as verdicts go."""
        return self.row["implementation"] if self.row else self.baseline


def winners(summary: Row) -> list[Winner]:
    """Return who is fastest at each width of each panel that has verdicts."""
    judged = [row for row in rows.throughput(summary, "comparisons") if row.get("verdict")]
    result = []
    for panel, members in rows.panels(judged).items():
        for width, found in groupby(members, key=lambda row: row["width"]):
            result.append(_winner(panel, width, list(found)))
    return result


def _winner(panel: Panel, width: int, found: list[Row]) -> Winner:
    faster = sorted((row for row in found if row["verdict"] == "faster"), key=lambda row: row["ratio"])
    best = faster[0] if faster else None
    # An inconclusive one whose interval reaches the winner's may be the fastest as well; beside the baseline, which has
    # no interval, one whose ratio is below its 1.
    unsure = [row for row in found if row["verdict"] == "inconclusive"]
    rivals = (
        [row for row in faster[1:] + unsure if row["ci_low"] <= best["ci_high"]]
        if best
        else [row for row in unsure if row["ratio"] < 1]
    )
    return Winner(
        panel=panel,
        width=width,
        baseline=str(found[0]["baseline"]),
        row=best,
        rivals=_names(rivals),
        equal=_names(row for row in found if row["verdict"] == "equivalent"),
        unsure=_names(unsure),
        slower=_names(row for row in found if row["verdict"] == "slower"),
        marked=any(row.get("marked") for row in found),
    )


def _names(found: Iterable[Row]) -> tuple[str, ...]:
    return tuple(ordered(row["implementation"] for row in found))
