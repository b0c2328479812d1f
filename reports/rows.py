"""Picking rows out of a summary: what every figure, table and sentence begins with.

A row is one entry of ``summary["cases"]`` or ``summary["comparisons"]``. Older records and pages made from other tools
may lack a table or a column, so a missing one reads as empty and as None.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from reports.colours import ordered

__all__ = [
    "CAUSES",
    "LAYOUTS",
    "SQUARE",
    "STUDIES",
    "UNITS",
    "VERDICTS",
    "Panel",
    "Row",
    "alignment",
    "bounds",
    "fact_value",
    "failed_controls",
    "implementations",
    "is_judged",
    "is_synthetic",
    "libraries",
    "marked_groups",
    "panels",
    "products",
    "rate_bounds",
    "ratio_bounds",
    "steering",
    "sweeps",
    "throughput",
    "unique",
]

Row = dict[str, Any]
VERDICTS = ("faster", "slower", "equivalent", "inconclusive")
STEERING = "steering"
SQUARE, LAYOUTS, CAUSES = "square", "layouts", "causes"  # what groups of products vary, beside m, k and n alone
LIBRARIES = "libraries "  # how the groups begin that compare libraries (bench/studies/alignment.py)
STUDIES = {"throughput": "Training steps", "alignment": "Matrix products", "pipeline": "Input pipeline",
           "accuracy": "Learning", "memory": "Memory", "roofline": "Roofline",
           "reproduction": "Published effects", "data_effect": "What operands hold", "devices": "Devices"}  # fmt: skip
UNITS = {
    "accuracy": "epoch", "pipeline": "tenth of an epoch", "alignment": "product", "reproduction": "product",
    "data_effect": "product", "memory": "pass", "roofline": "call", "devices": "step or product",
}  # fmt: skip  # what is timed, in studies where it is no training step


class Panel(NamedTuple):
    """What is the same for every case of one panel of a figure; ``depth`` counts hidden layers."""

    device: str
    dtype: str
    batch: int
    depth: int

    @property
    def title(self) -> str:
        """The panel in words."""
        layers = "1 hidden layer" if self.depth == 1 else f"{self.depth} hidden layers"
        return f"{layers} · {self.dtype} · {self.device} · batch {self.batch}"


def throughput(summary: Row, table: str, *, control: bool = False) -> list[Row]:
    """Return the training-step rows of ``cases`` or ``comparisons``; the control's only where asked for."""
    return [row for row in _rows(summary, table, "throughput", control) if row.get("width") is not None]


def alignment(summary: Row, table: str, *, control: bool = False) -> list[Row]:
    """Return the matmul rows of ``cases`` or ``comparisons`` that compare square sizes within one library."""
    return products(summary, table, SQUARE, control=control)


def products(summary: Row, table: str, *kinds: str, control: bool = False) -> list[Row]:
    """Return the matmul rows of ``cases`` or ``comparisons`` of groups that vary one of these within one library."""
    found = sweeps(summary)
    rows = _rows(summary, table, "alignment", control)
    return [row for row in rows if found.get(str(row.get("group"))) in kinds]


def sweeps(summary: Row) -> dict[str, str]:
    """Return what each group of products within one library varies: SQUARE, m, k, n, LAYOUTS or CAUSES."""
    groups: dict[str, list[Row]] = {}
    for row in (*_rows(summary, "cases", "alignment", True), *_rows(summary, "comparisons", "alignment", True)):
        if row.get("n") is not None and not _other_than_sizes(str(row.get("group"))):
            groups.setdefault(str(row["group"]), []).append(row)
    return {group: _varied(members) for group, members in groups.items()}


def libraries(summary: Row, table: str, *, control: bool = False) -> list[Row]:
    """Return the rows of ``cases`` or ``comparisons`` that compare libraries by one product."""
    found = _rows(summary, table, "alignment", control)
    return [row for row in found if str(row.get("group")).startswith(LIBRARIES)]


def steering(summary: Row) -> list[Row]:
    """Return the comparisons of a library as the shell set it up with the same without a variable."""
    rows = _rows(summary, "comparisons", "alignment", control=False)
    return [row for row in rows if STEERING in str(row.get("group"))]


def panels(rows: Iterable[Row]) -> dict[Panel, list[Row]]:
    """Return training-step rows by panel, panels sorted, each by width."""
    found: dict[Panel, list[Row]] = {}
    for row in rows:
        key = Panel(row.get("device") or "cpu", row.get("dtype") or "float32", row.get("batch") or 0, row["depth"] or 0)
        found.setdefault(key, []).append(row)
    for key in found:
        found[key].sort(key=lambda row: row.get("width") or 0)
    return dict(sorted(found.items(), key=lambda item: (item[0].device, item[0].dtype, item[0].batch, item[0].depth)))


def implementations(rows: Iterable[Row]) -> list[str]:
    """Return the names of the implementations in rows, in the order in which they are always shown."""
    return ordered(row["implementation"] for row in rows if row.get("implementation"))


def unique(rows: Iterable[Row], column: str) -> list[Any]:
    """Return the values of a column, sorted, None left out."""
    return sorted({row[column] for row in rows if row.get(column) is not None})


def bounds(row: Row, value: str, low: str, high: str) -> tuple[float, float, float] | None:
    """Return value, low and high of a row; the value itself where an end is unknown, None where the value is."""
    middle = row.get(value)
    if middle is None or not math.isfinite(middle):
        return None
    ends = [middle if row.get(end) is None or not math.isfinite(row[end]) else row[end] for end in (low, high)]
    return middle, ends[0], ends[1]


def ratio_bounds(row: Row) -> tuple[float, float, float] | None:
    """Return the ratio of a comparison or an effect and its interval, as ``bounds`` does."""
    return bounds(row, "ratio", "ci_low", "ci_high")


def rate_bounds(row: Row, rate: str) -> tuple[float, float, float] | None:
    """Return a rate of a case and its interval, turned over from that of its time (work over time)."""
    times = bounds(row, "time_s", "time_low", "time_high")
    if times is None or row.get(rate) is None or min(times) <= 0:
        return None
    time_s, low, high = times
    return row[rate], row[rate] * time_s / high, row[rate] * time_s / low


def failed_controls(summary: Row) -> list[Row]:
    """Return the control's row of every marked group."""
    return [row for row in summary.get("comparisons", []) if row.get("control") and row.get("marked")]


def marked_groups(summary: Row) -> set[tuple[str, str]]:
    """Return study and name of the groups whose control failed."""
    return {(row["study"], row["group"]) for row in summary.get("comparisons") or [] if row.get("marked")}


def is_judged(row: Row) -> bool:
    """Whether a case's group is there to be compared: one that names no baseline, on purpose, is not."""
    return row.get("baseline") != ""


def is_synthetic(run: Row) -> bool:
    """Whether the training steps saw synthetic images in place of Fashion-MNIST."""
    return bool((run.get("data") or {}).get("kind") == "synthetic")


def fact_value(run: Row, group: str, *words: str) -> Any:
    """Return the value of the first fact of a group whose name has one of the words in it, or None."""
    facts = ((run.get("machine") or {}).get("facts") or {}).get(group) or {}
    for word in words:
        for name, fact in facts.items():
            if word.lower() in name.lower() and fact.get("value") is not None:
                return fact["value"]
    return None


def _varied(members: list[Row]) -> str:
    """Return what a group varies; of older records, which lack the columns, only sizes."""
    if any(row.get("leading") is not None or row.get("offset") is not None for row in members):
        return CAUSES
    if any((row.get("layout") or "NN") != "NN" for row in members):
        return LAYOUTS
    dimensions = [name for name in "mkn" if len(unique(members, name)) > 1]
    return dimensions[0] if len(dimensions) == 1 else SQUARE


def _other_than_sizes(group: str) -> bool:
    return STEERING in group or group.startswith(LIBRARIES)


def _rows(summary: Row, table: str, study: str, control: bool) -> list[Row]:
    rows = summary.get(table) or []
    return [row for row in rows if row.get("study") == study and bool(row.get("control")) <= control]
